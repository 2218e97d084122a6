# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a stage must take at least: its operations over the rate of the device's matrix products."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import torch
from torch.utils.flop_counter import FlopCounterMode

from engine.weights import PRESETS, Preset
from engine.weights.files import build_empty
from engine.weights.presets import Level

SIDE: Final = 4096
"""Of the matrices: on a CPU their product takes about a second, and is as fast as products get."""
TRIES: Final = 5


@cache
def operations(preset: Preset) -> dict[str, int]:
    """Multiplications and additions that one picture needs: {normals, features, point: each point's}. Of a
    point only its own: neither what a depth column shares, nor layers that no answer depends on."""
    network = build_empty(preset)

    def picture(side: int) -> torch.Tensor:
        return torch.empty(1, 3, side, side, device="meta")

    with torch.inference_mode(), FlopCounterMode(display=False) as normals:
        maps = network.predict_normals(picture(preset.coarse_size))
    fine = picture(preset.fine_size) if preset.fine_size else None
    with torch.inference_mode(), FlopCounterMode(display=False) as features:
        network.encode(picture(preset.coarse_size), fine, maps)
    widths, depth = preset.coarse.mlp, 1
    if preset.fine is None:
        point = _of_point(preset.coarse, depth, len(widths) - 2)
    else:
        point = _of_point(preset.coarse, depth, preset.omega_layer)
        point += _of_point(preset.fine, widths[preset.omega_layer + 1], len(preset.fine.mlp) - 2)
    return {"normals": normals.get_total_flops(), "features": features.get_total_flops(), "point": point}


def _of_point(level: Level, own: int, last: int) -> int:
    """Operations of layers 0..last of a level's function for a point whose part of the input is own wide."""
    total, before = 0, 0
    for number, after in enumerate(level.mlp[1 : last + 2]):
        again = own if number == 0 or number in level.residual else 0
        total += 2 * after * (before + again)
        before = after
    return total


def matrix_rate(device: torch.device) -> float:
    """Operations a second in the fastest of TRIES products of float32 matrices."""
    one = torch.rand(SIDE, SIDE, device=device)
    best = float("inf")
    for _ in range(TRIES):
        began = time.perf_counter()
        product = one @ one
        product[0, 0].item()  # waits for a GPU
        best = min(best, time.perf_counter() - began)
    return 2 * SIDE**3 / best


def floors(comparisons: Sequence[dict[str, Any]], rates: dict[str, float]) -> list[dict[str, Any]]:
    """For each comparison (`sweep.compare`) {preset, resolution, device, normals, features, points}; the last
    three, stages of the engine, are {seconds, floor: seconds}. rates: `matrix_rate` of each device."""
    found = []
    for case in comparisons:
        ours, counts = case["ours"], operations(PRESETS[case["preset"]])
        needed = {
            "normals": counts["normals"],
            "features": counts["features"],
            "points": counts["point"] * ours["asked"],
        }
        found.append(
            {name: case[name] for name in ("preset", "resolution", "device")}
            | {
                stage: {"seconds": ours["seconds"][stage], "floor": amount / rates[case["device"]]}
                for stage, amount in needed.items()
            }
        )
    return found
