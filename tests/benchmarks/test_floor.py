# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations that the benchmarks reckon with, against the published sizes' known costs."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import floor
from engine.weights import PRESETS


def test_the_published_sizes_cost_what_is_known_of_them():
    needed = floor.needs(PRESETS["pifuhd"])
    found = {stage: amount["operations"] for stage, amount in needed.items()}
    assert found["normals"] == pytest.approx(2 * 2 * 217.5e9, rel=0.001)
    assert found["features"] == pytest.approx(2 * (106.1e9 + 466.0e9), rel=0.001)
    # of 1.46 million multiplications a point, what is left without the column's share and three layers
    assert found["point"] == pytest.approx(2 * 1.05e6, rel=0.01)


def test_presets_without_normal_nets_or_a_fine_level_need_less():
    found = floor.needs(PRESETS["pifu"])
    assert found["normals"] == {"operations": 0, "numbers": 0}
    assert found["point"]["operations"] < floor.needs(PRESETS["pifuhd"])["point"]["operations"]


def test_convolutions_read_what_they_are_given_and_their_parameters_and_write_the_rest():
    network = nn.ModuleList([nn.Conv2d(3, 5, 3, padding=1), nn.ConvTranspose2d(5, 2, 2, 2, bias=False)])
    with floor._counted(network) as counts:
        network[1](network[0](torch.zeros(2, 3, 10, 10)))
    first = 2 * 3 * 100 + (5 * 3 * 9 + 5) + 2 * 5 * 100
    assert counts["numbers"] == first + 2 * 5 * 100 + 5 * 2 * 4 + 2 * 2 * 400
    assert counts["operations"] == 2 * (2 * 100 * 5 * 3 * 9 + 2 * 100 * 5 * 2 * 4)
    network[0](torch.zeros(2, 3, 10, 10))
    assert counts["numbers"] == first + 2 * 5 * 100 + 5 * 2 * 4 + 2 * 2 * 400, "the block has ended"


def test_a_point_whose_input_is_all_its_own_costs_what_the_plain_function_does():
    preset = PRESETS["compact"]
    mlp, widths = floor.build_empty(preset).netG.mlp, preset.coarse.mlp
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        mlp(torch.empty(1, widths[0], 5, device="meta"))
    assert 5 * floor._of_point(preset.coarse, widths[0], len(widths) - 2) == counter.get_total_flops()


def test_floors_are_what_is_needed_over_the_rates():
    needed = floor.needs(PRESETS["compact"])
    run = {"seconds": {"normals": 1.0, "features": 2.0, "points": 3.0}, "asked": 1000}
    case = {"preset": "compact", "resolution": 64, "device": "cpu", "ours": run, "bfloat16": None}
    found = {"cpu": {"float32": 1e9, "bfloat16": 4e9, "copied": 1e8}}
    (row,) = floor.floors([case], found)
    assert row["precision"] == "float32"
    operations, numbers = needed["normals"]["operations"], needed["normals"]["numbers"]
    assert row["normals"] == {"seconds": 1.0, "operations": operations / 1e9, "numbers": 4 * numbers / 1e8}
    points = needed["point"]["operations"] * 1e-6
    assert row["points"] == {"seconds": 3.0, "operations": pytest.approx(points), "numbers": 0}
    full, half = floor.floors([case | {"bfloat16": run | {"asked": 500}}], found)
    assert full == row
    assert half["precision"] == "bfloat16"
    assert half["points"]["operations"] == pytest.approx(points / 8)
    assert half["features"]["numbers"] == row["features"]["numbers"] / 2


def test_a_rate_is_the_best_of_some_tries(monkeypatch):
    now = iter([0.0, 4.0, 10.0, 12.0] * 3)
    monkeypatch.setattr(floor, "SIDE", 10)
    monkeypatch.setattr(floor, "COPIED", 10)
    monkeypatch.setattr(floor, "TRIES", 2)
    monkeypatch.setattr(floor.time, "perf_counter", lambda: next(now))
    found = floor.measure_rates(torch.device("cpu"))
    assert found == {"float32": 1000.0, "bfloat16": 1000.0, "copied": 40.0}
