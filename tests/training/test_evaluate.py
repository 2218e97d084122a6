# SPDX-License-Identifier: GPL-3.0-or-later
"""From a case to a row of the table: frames, failures and what the command says."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.networks import PIFuHD
from engine.pipeline import Reconstruction
from engine.space import stand_on_floor
from engine.weights import Preset, save_weights
from engine.weights.presets import Level
from tests.tiny import TINY
from tests.training.measuring import case, known_figures, people, shown
from tests.training.shapes import figure
from tests.training.test_scans import write_obj
from training import evaluate as evaluate_module
from training.cli import evaluate as command
from training.cli.main import main
from training.evaluate import Measuring, evaluate, predicted_mesh
from training.evaluation import cases as module
from training.evaluation import metrics
from training.evaluation.cases import Case, People, photographs
from training.evaluation.entries import load_entries
from training.evaluation.meshes import outer_surface
from training.evaluation.metrics import MeshMetrics
from training.evaluation.outcomes import Outcome, Score
from training.evaluation.report import read_report
from training.evaluation.tables import table
from training.scans.folder import TEST_FROM, scan_seed


@pytest.fixture(scope="module")
def figures() -> MeshMetrics:
    return known_figures()


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
    [[row]] = evaluate(Measuring((str(tmp_path / "blind.safetensors"),), 64, "cpu"), people(case()))
    score = Score("blind.safetensors", "", row)
    assert not score.figures
    assert row[0].traits["pose"] == "stand"
    assert score.failures == Counter(no_person=1)
    assert "| blind.safetensors | 0 | no_person 1 | - |" in table([score])


def test_the_table_says_direction_and_samples_and_takes_means(figures: MeshMetrics) -> None:
    text = table([Score("w", "", [Outcome("a", figures, 0.0), Outcome("b", figures, np.log(1.2))])])
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

    def nobody(seeds: range, yaws: list[float], noise: bool) -> People:
        asked.append((list(seeds), yaws, noise))
        return People("Nobody", {}, partial(shown, cases=[]))

    monkeypatch.setattr(command, "synthetic_people", nobody)
    assert main(["evaluate", "compact", "--people", "2", "--yaws", "0,90", "--noise", "--targets"]) == 0
    assert asked == [([1_000_000, 1_000_001], [0.0, 90.0], True)]
    told = capsys.readouterr().out
    assert "| compact.safetensors | 0 | 0 |" in told
    assert "| Chamfer cm | at most 1.43 | -, missed |" in told
    assert main(["evaluate", "compact", "--yaws", "front"]) == 1
    assert "give them as 0,120,240" in capsys.readouterr().err
    assert main(["evaluate", "compact", "--resume"]) == 1
    assert "name it with --json" in capsys.readouterr().err


def test_pictures_are_deterministic_and_show_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "make_person", lambda seed: figure())
    made = module.synthetic_people(range(7, 8), [30], True, 64)
    first, again = (next(made.photographs(7)) for _ in range(2))
    assert np.array_equal(first.picture, again.picture)
    assert first.picture.shape == (64, 64, 3)
    low, high = first.true.vertices.amin(0), first.true.vertices.amax(0)
    assert float((high - low)[1]) == pytest.approx(1.63, abs=0.01)
    assert float((high + low)[:2].abs().max()) < 1e-5
    assert first.span == pytest.approx(2 * 1.63 / 1.7, rel=0.02)
    assert not first.cut
    assert first.traits == {"person": "person 7", "yaw": "30"}
    assert torch.equal(first.outer.faces, outer_surface(first.true).faces)


def test_a_coarse_level_alone_is_a_row_of_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "two.safetensors"
    save_weights(path, PIFuHD(TINY), {})
    whole, alone = load_entries([str(path), f"{path}:coarse"])
    assert (whole.label, alone.label) == ("two.safetensors", "two.safetensors:coarse")
    assert alone.weights.preset.fine is None
    image, points = torch.rand(1, 3, 64, 64), torch.rand(50, 3) - 0.5
    with torch.no_grad():
        network = alone.weights.network
        features = network.encode(image, None, network.predict_normals(image))
        expected, _ = whole.weights.network.netG.query(features.coarse, points[None])
        normals = [each.predict_normals(image).front for each in (network, whole.weights.network)]
        assert torch.equal(*normals)
        torch.testing.assert_close(network.occupancy(features, points), expected[0].sigmoid())
    save_weights(path, PIFuHD(without_normals(fine=False)), {})
    with pytest.raises(ValueError, match="a coarse level alone: leave :coarse out"):
        load_entries([f"{path}:coarse"])


def test_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        save_weights(tmp_path / folder / "w.safetensors", PIFuHD(TINY), {})
    names = [str(tmp_path / folder / "w.safetensors") for folder in ("one", "two")]
    assert [entry.label for entry in load_entries([*names, "compact"])] == [*names, "compact.safetensors"]


def without_normals(fine: bool) -> Preset:
    def alone(level: Level) -> Level:
        return replace(level, encoder=replace(level.encoder, in_channels=3))

    assert TINY.fine is not None
    return replace(
        TINY, name="bare", normals=None, coarse=alone(TINY.coarse),
        fine=alone(TINY.fine) if fine else None, fine_size=TINY.fine_size if fine else 0,
    )  # fmt: skip


def test_presets_without_a_silhouette_are_guided_and_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Single level, both levels, and the coarse one of two; the embedded weights find the person."""
    [photograph] = photographs(figure(), "somebody", [0.0], False, 256)
    for name, fine in (("single", False), ("both", True)):
        torch.manual_seed(3)
        network = PIFuHD(without_normals(fine))
        with torch.no_grad():
            for level in (network, network.netG) if fine else (network.netG,):
                list(level.mlp.parameters())[-2].mul_(40)  # so that occupancy crosses 0.5
        save_weights(tmp_path / f"{name}.safetensors", network, {})
    files = [str(tmp_path / f"{name}.safetensors") for name in ("single", "both")]
    for name, count in (("SAMPLES", 500), ("VOLUME_SAMPLES", 5000)):
        monkeypatch.setattr(metrics, name, count)
    [rows] = evaluate(Measuring((*files, f"{files[1]}:coarse"), 64, "cpu"), people(photograph))
    assert len(rows) == 3
    for [outcome] in rows:
        assert outcome.figures is not None
        # nothing is learnt, but the silhouette that cuts the columns is the guide's
        assert outcome.figures.silhouette_iou > 0.3


def test_several_processes_give_the_same_in_the_same_order(tmp_path: Path) -> None:
    torch.manual_seed(0)
    save_weights(tmp_path / "w.safetensors", PIFuHD(TINY), {})
    measuring = Measuring((str(tmp_path / "w.safetensors"),), 64, "cpu")
    [photograph] = photographs(figure(), "somebody", [0.0], False, 128)
    some = [replace(photograph, name=f"case {k}", picture=photograph.picture // (k + 1)) for k in range(3)]
    several = replace(people(*some[:2]), names={7: "one", 3: "two"})
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the processes have: sums over more threads round otherwise
    try:
        alone = list(evaluate(measuring, several))
    finally:
        torch.set_num_threads(threads)
    together = list(evaluate(measuring, several, workers=2))
    assert [[outcome.case for outcome in row] for [row] in together] == [["case 0", "case 1"]] * 2
    assert repr(together) == repr(alone)


def test_scans_are_evaluated_and_the_unusable_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    vertices, faces = figure().vertices.numpy().astype(float), figure().faces.numpy()
    names = [name for name in (f"subject {k}" for k in range(40)) if scan_seed(name) >= TEST_FROM]
    trained = next(name for name in (f"subject {k}" for k in range(40)) if name not in names)
    for name, factor in ((names[0], 100.0), (names[1], 7.0), (trained, 1.0)):
        write_obj(tmp_path / name / "mesh.obj", vertices * factor, faces)
    (tmp_path / "empty").mkdir()
    seen: list[Case] = []

    def stand_in(measuring: object, photographs: Callable[[int], Iterable[Case]], seed: int) -> list[object]:
        seen.extend(photographs(seed))
        return [[]]

    monkeypatch.setattr(evaluate_module, "_measured", stand_in)
    monkeypatch.setattr(command, "scanned_people", partial(module.scanned_people, size=64))
    path = tmp_path / "f.json"
    asked = ["evaluate", "compact", "--scans", str(tmp_path), "--yaws", "0,90", "--json", str(path)]
    assert main(asked) == 0
    assert [shown.name for shown in seen] == [f"{names[0]} from 0 degrees", f"{names[0]} from 90 degrees"]
    assert seen[0].stature == pytest.approx(1.63, abs=1e-3)
    told = capsys.readouterr().out
    assert "skipped empty: no OBJ or GLB file in it" in told
    assert f"skipped {names[1]}: a height of 11.41 is no person's" in told
    assert f"{names[0]}: unit cm, from the height of 163" in told
    known, _ = read_report(path)
    assert sorted(known.unusable) == sorted(["empty", names[1]])
    assert known.people.endswith("those kept for testing")

    seen.clear()
    assert main([*asked, "--all-scans"]) == 0
    assert {shown.name for shown in seen} >= {f"{trained} from 0 degrees", f"{names[0]} from 0 degrees"}
    assert "may have been trained on" in capsys.readouterr().out
    for name in names[:2]:
        (tmp_path / name / "mesh.obj").unlink()
    assert main(asked) == 1
    assert "None of the 1 scans" in capsys.readouterr().err
