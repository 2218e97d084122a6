# SPDX-License-Identifier: GPL-3.0-or-later
"""From a case to a row of the table: frames, failures and what the command says."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.networks import PIFuHD
from engine.pipeline import Reconstruction
from engine.space import stand_on_floor
from engine.weights import save_weights
from tests.tiny import TINY
from tests.training.shapes import figure
from training import evaluate as module
from training.cli import evaluate as command
from training.cli.main import main
from training.evaluate import Case, Score, evaluate, predicted_mesh, table
from training.metrics import Mesh, compare


def case() -> Case:
    person = figure()
    middle = torch.tensor([0.0, 0.8, 0.0])
    picture = np.full((200, 200, 3), 90, np.uint8)
    return Case("figure", picture, Mesh(person.vertices - middle, person.faces, person.part), 2.4, 1.63)


def ideal(true: Case, metres_per_unit: float) -> Reconstruction:
    """What an engine without fault makes of the case in a crop of its own, in its own metres."""
    x, y, side = 30, -10, 180
    size, vertices = len(true.picture), true.true.vertices.numpy().astype(float)
    column = (vertices[:, 0] / true.span + 0.5) * size
    row = (0.5 - vertices[:, 1] / true.span) * size
    depth = vertices[:, 2] / true.span * size / (side / 2)
    camera = np.stack([(column - x) / side * 2 - 1, 1 - (row - y) / side * 2, depth], 1)
    placement = stand_on_floor(camera, metres_per_unit)
    info = {
        "crop": {"x": x, "y": y, "side": side},
        "camera": {"metres_per_unit": placement.metres_per_unit, "offset": list(placement.offset)},
    }
    blender = placement.camera_to_blender(camera).astype(np.float32)
    colours = np.zeros((len(camera), 4), np.uint8)
    return Reconstruction(blender, true.true.faces.numpy().astype(np.int32), colours, None, None, info)


def test_a_faultless_reconstruction_comes_back_to_where_the_truth_is() -> None:
    true = case()
    unit = 2.4 / 200 * 180 / 2
    mesh, scale_error = predicted_mesh(ideal(true, unit * 1.1), true)
    torch.testing.assert_close(mesh.vertices, true.true.vertices, atol=1e-5, rtol=0)
    assert scale_error == pytest.approx(np.log(1.1), rel=1e-6)


def test_a_picture_that_the_engine_refuses_is_counted_not_hidden(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = PIFuHD(TINY)
    with torch.no_grad():  # a silhouette that is empty everywhere
        for name, parameter in network.named_parameters():
            if ".netN." in name:
                parameter.zero_()
    save_weights(tmp_path / "blind.safetensors", network, {})
    [score] = evaluate([tmp_path / "blind.safetensors"], [case()], 64, "cpu")
    assert not score.figures
    assert score.failures == Counter(no_person=1)
    assert "| blind.safetensors | 0 | no_person 1 | - |" in table([score])


def test_the_table_says_direction_and_samples_and_takes_means() -> None:
    true = case()
    figures = compare(true.true.moved(0.2), true.true)
    text = table([Score("w", [figures, figures], [0.0, np.log(1.2)], Counter())])
    assert "from 10,000 area-weighted samples of the prediction to the true surface" in text
    head, _, row = [line.split("|") for line in text.splitlines() if line.startswith("|")]
    named = {name.strip(): value.strip() for name, value in zip(head, row, strict=True)}
    assert named["Reconstructed"] == "2"
    assert named["Failed"] == "0"
    assert float(named["Components"]) == 4
    assert float(named["Scale error %"]) == pytest.approx(10, abs=0.01)


def test_the_command_makes_no_more_than_it_is_asked_and_explains_what_it_cannot_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def cases(seeds: range, yaws: list[float], noise: bool) -> list[Case]:
        asked.append((list(seeds), yaws, noise))
        return []

    monkeypatch.setattr(command, "synthetic_cases", cases)
    assert main(["evaluate", "compact", "--people", "2", "--yaws", "0,90", "--noise"]) == 0
    assert asked == [([1_000_000, 1_000_001], [0.0, 90.0], True)]
    assert "| compact.safetensors | 0 | 0 |" in capsys.readouterr().out
    assert main(["evaluate", "compact", "--yaws", "front"]) == 1
    assert "give them as 0,120,240" in capsys.readouterr().err


def test_pictures_are_deterministic_and_show_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "make_person", lambda seed: figure())
    first, again = (next(module.synthetic_cases([7], [30], True, 64)) for _ in range(2))
    assert np.array_equal(first.picture, again.picture)
    assert first.picture.shape == (64, 64, 3)
    low, high = first.true.vertices.amin(0), first.true.vertices.amax(0)
    assert float((high - low)[1]) == pytest.approx(1.63, abs=0.01)
    assert float((high + low)[:2].abs().max()) < 1e-5
    assert first.span == pytest.approx(2 * 1.63 / 1.7, rel=0.02)
