# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a stage must take at least: its operations over the rate of the device's matrix products, or what
its convolutions read and write over the rate at which it copies memory, whichever is more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from engine.networks import PIFuHD
from engine.weights import PRESETS, Preset
from engine.weights.files import build_empty
from engine.weights.presets import Level

SIDE: Final = 4096
"""Of the matrices: on a CPU their product takes about a second, and is as fast as products get."""
COPIED: Final = 2**28
"""Numbers of float32 that are copied: 1 GiB, far more than caches hold."""
TRIES: Final = 5
PRECISIONS: Final = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@cache
def needs(preset: Preset) -> dict[str, dict[str, int]]:
    """What one picture needs: {normals, features, point: each point's}, each {operations, numbers}.

    operations: multiplications and additions; numbers: those that convolutions read, parameters too, and
    write. Of a point only its own operations: neither what a depth column shares, nor layers that no answer
    depends on; and no numbers, for its layers' parameters and a batch of points stay in the caches.
    """
    network = build_empty(preset)

    def picture(side: int) -> Tensor:
        return torch.empty(1, 3, side, side, device="meta")

    with _counted(network) as normals:
        maps = network.predict_normals(picture(preset.coarse_size))
    fine = picture(preset.fine_size) if preset.fine_size else None
    with _counted(network) as features:
        network.encode(picture(preset.coarse_size), fine, maps)
    widths, depth = preset.coarse.mlp, 1
    if preset.fine is None:
        point = _of_point(preset.coarse, depth, len(widths) - 2)
    else:
        point = _of_point(preset.coarse, depth, preset.omega_layer)
        point += _of_point(preset.fine, widths[preset.omega_layer + 1], len(preset.fine.mlp) - 2)
    return {"normals": normals, "features": features, "point": {"operations": point, "numbers": 0}}


@contextmanager
def _counted(network: PIFuHD) -> Iterator[dict[str, int]]:
    """{operations, numbers} of what the network does in the block; they are filled in at its end."""
    counts = {"operations": 0, "numbers": 0}

    def count(layer: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> None:
        counts["numbers"] += sum(x.numel() for x in (*given, made, *layer.parameters()))

    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    hooks = [x.register_forward_hook(count) for x in network.modules() if isinstance(x, kinds)]
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        yield counts
    for hook in hooks:
        hook.remove()
    counts["operations"] = counter.get_total_flops()


def _of_point(level: Level, own: int, last: int) -> int:
    """Operations of layers 0..last of a level's function for a point whose part of the input is own wide."""
    total, before = 0, 0
    for number, after in enumerate(level.mlp[1 : last + 2]):
        again = own if number == 0 or number in level.residual else 0
        total += 2 * after * (before + again)
        before = after
    return total


def measure_rates(device: torch.device) -> dict[str, float]:
    """What the device reaches: operations a second in matrix products of each of PRECISIONS, and copied:
    bytes a second, read and written, in the fastest of TRIES."""
    found = {}
    for name, kind in PRECISIONS.items():
        one = torch.rand(SIDE, SIDE, device=device).to(kind)
        found[name] = 2 * SIDE**3 / _fastest(lambda one=one: one @ one)
    many = torch.zeros(COPIED, device=device)
    return found | {"copied": 2 * many.nbytes / _fastest(many.clone)}


def _fastest(work: Callable[[], Tensor]) -> float:
    """Seconds of the fastest of TRIES runs."""
    best = float("inf")
    for _ in range(TRIES):
        began = time.perf_counter()
        work().flatten()[0].item()  # waits for a GPU
        best = min(best, time.perf_counter() - began)
    return best


def floors(
    comparisons: Sequence[dict[str, Any]], rates: dict[str, dict[str, float]]
) -> list[dict[str, Any]]:
    """For each comparison (`sweep.compare`), in each precision it was made in: {preset, resolution, device,
    precision, normals, features, points}; the last three, stages of the engine, are {seconds, operations,
    numbers}, the seconds that it took and that these two need. rates: `measure_rates` of each device."""
    rows = []
    for case in comparisons:
        for precision, run in (("float32", case["ours"]), ("bfloat16", case["bfloat16"])):
            if run is not None:
                row = {name: case[name] for name in ("preset", "resolution", "device")}
                rows.append(row | {"precision": precision} | _stages(case, run, precision, rates))
    return rows


def _stages(
    case: dict[str, Any], run: dict[str, Any], precision: str, rates: dict[str, dict[str, float]]
) -> dict[str, dict[str, float]]:
    needed, reached = needs(PRESETS[case["preset"]]), rates[case["device"]]
    stages = {"normals": (needed["normals"], 1), "features": (needed["features"], 1),
              "points": (needed["point"], run["asked"])}  # fmt: skip
    return {
        stage: {
            "seconds": run["seconds"][stage],
            "operations": times * amount["operations"] / reached[precision],
            "numbers": times * amount["numbers"] * PRECISIONS[precision].itemsize / reached["copied"],
        }
        for stage, (amount, times) in stages.items()
    }
