# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations that the benchmarks reckon with, against the published sizes' known costs."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import floor
from engine.weights import PRESETS


def test_the_published_sizes_cost_what_is_known_of_them():
    found = floor.operations(PRESETS["pifuhd"])
    assert found["normals"] == pytest.approx(2 * 2 * 217.5e9, rel=0.001)
    assert found["features"] == pytest.approx(2 * (106.1e9 + 466.0e9), rel=0.001)
    # of 1.46 million multiplications a point, what is left without the column's share and three layers
    assert found["point"] == pytest.approx(2 * 1.05e6, rel=0.01)


def test_presets_without_normal_nets_or_a_fine_level_cost_less():
    found = floor.operations(PRESETS["pifu"])
    assert found["normals"] == 0
    assert found["point"] < floor.operations(PRESETS["pifuhd"])["point"]


def test_a_point_whose_input_is_all_its_own_costs_what_the_plain_function_does():
    preset = PRESETS["compact"]
    mlp, widths = floor.build_empty(preset).netG.mlp, preset.coarse.mlp
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        mlp(torch.empty(1, widths[0], 5, device="meta"))
    assert 5 * floor._of_point(preset.coarse, widths[0], len(widths) - 2) == counter.get_total_flops()


def test_floors_are_operations_over_the_rate():
    counts = floor.operations(PRESETS["compact"])
    seconds = {"normals": 1.0, "features": 2.0, "points": 3.0}
    ours = {"seconds": seconds, "asked": 1000}
    case = {"preset": "compact", "resolution": 64, "device": "cpu", "ours": ours}
    (found,) = floor.floors([case], {"cpu": 1e9})
    assert found["normals"] == {"seconds": 1.0, "floor": counts["normals"] / 1e9}
    assert found["points"] == {"seconds": 3.0, "floor": pytest.approx(counts["point"] * 1e-6)}


def test_a_rate_is_the_best_of_some_products(monkeypatch):
    now = iter([0.0, 4.0, 10.0, 12.0])
    monkeypatch.setattr(floor, "SIDE", 10)
    monkeypatch.setattr(floor, "TRIES", 2)
    monkeypatch.setattr(floor.time, "perf_counter", lambda: next(now))
    assert floor.matrix_rate(torch.device("cpu")) == 1000.0
