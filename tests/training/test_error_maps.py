# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a reconstruction is wrong, as a picture."""

import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.training.measuring import case, known_figures
from tests.training.shapes import sphere
from training.cli.main import main
from training.evaluation import error_maps, renderings
from training.evaluation.error_maps import GAP, LARGEST, LEGEND, ErrorMaps, chosen_ranks, error_map, ramp
from training.evaluation.meshes import one_part
from training.evaluation.metrics import MeshMetrics
from training.evaluation.outcomes import Outcome, Score


@pytest.fixture(scope="module")
def figures() -> MeshMetrics:
    return known_figures()


def test_the_ramp_has_equal_steps_either_side() -> None:
    steps = cv2.cvtColor(ramp(np.linspace(-LARGEST, LARGEST, 21))[None], cv2.COLOR_RGB2LAB)[0]
    lengths = np.linalg.norm(np.diff(steps, axis=0), axis=1)
    for side in (lengths[:10], lengths[10:]):
        assert side == pytest.approx(np.full(10, side.mean()), rel=0.06)  # OpenCV's table is that coarse
    assert np.diff(steps[:, 0])[:10].min() > 0 > np.diff(steps[:, 0])[10:].max()
    assert np.array_equal(ramp(np.array([99.0])), ramp(np.array([LARGEST])))


@pytest.mark.parametrize("radius, red", [(0.53, True), (0.47, False)])
def test_too_much_is_red_and_too_little_blue_on_both_surfaces(
    radius: float, red: bool, figures: MeshMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    for holder in (renderings, error_maps):
        monkeypatch.setattr(holder, "FRAME", 200)
    true, predicted = (one_part(*map(torch.from_numpy, sphere(size, rings=24))) for size in (0.5, radius))
    picture = error_map("w", replace(case(), true=true, outer=true), predicted, figures)
    upper, lower = np.split(picture[:, LEGEND + 2 * GAP :].astype(int), 2)
    coloured = lower[np.ptp(lower, axis=2) > 40]
    assert len(coloured) > 6 * 0.6 * (200 * 0.91 / 2) ** 2 * math.pi
    assert ((coloured[:, 0] > coloured[:, 2]) == red).mean() > 0.99
    # what faces the viewer is bluish in a normal map, true and predicted, from every side
    assert upper.shape == lower.shape
    assert np.median(upper[(upper != 255).any(2)], axis=0)[2] > 200


def test_the_worst_middle_and_best_maps_stay(
    tmp_path: Path, figures: MeshMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = case()
    monkeypatch.setattr(error_maps, "error_map", lambda *_: np.full((20, 30, 3), 7, np.uint8))
    maps = ErrorMaps(tmp_path, keep=1)
    outcomes = []
    for k, chamfer in enumerate([2.0, 5.0, 1.0, 3.0]):
        outcomes.append(Outcome(f"case {k}", replace(figures, chamfer=chamfer), 0.0))
        maps.draw("w: x", replace(true, name=f"case {k}"), true.true, figures)
    maps.finish([Score("w: x", "", [*outcomes, Outcome("case 4", failure="no_person")])])
    names = sorted(path.name for path in (tmp_path / "w_ x").iterdir())
    assert names == ["best 1 case 2.png", "middle 1 case 3.png", "worst 1 case 1.png"]
    assert cv2.imread(str(tmp_path / "w_ x" / names[0])).shape == (20, 30, 3)
    assert chosen_ranks(2, 3) == {0: "worst 1", 1: "best 1"}
    assert list(chosen_ranks(7, 2).values()).count("middle 1") == 1
    assert sorted(chosen_ranks(9, 2)) == [0, 1, 3, 4, 7, 8]
    assert main(["evaluate", "compact", "--worst", "2"]) == 1
    assert main(["evaluate", "compact", "--json", str(tmp_path / "figures.txt")]) == 1
