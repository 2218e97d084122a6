# SPDX-License-Identifier: GPL-3.0-or-later
"""From a case to a row of the table: frames, failures and what the command says."""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from engine.networks import PIFuHD
from engine.pipeline import Reconstruction
from engine.space import stand_on_floor
from engine.weights import Preset, save_weights
from engine.weights.presets import Level
from tests.tiny import TINY
from tests.training.shapes import figure, sphere
from tests.training.test_scans import write_obj
from training import evaluate as evaluate_module
from training.cli import evaluate as command
from training.cli.main import main
from training.evaluate import Measuring, evaluate, predicted_mesh
from training.evaluation import cases as module
from training.evaluation import error_maps, measured, metrics, renderings
from training.evaluation.cases import Case, People, photographs
from training.evaluation.entries import load_entries
from training.evaluation.error_maps import GAP, LARGEST, LEGEND, ErrorMaps, chosen_ranks, error_map, ramp
from training.evaluation.meshes import Mesh, one_part, outer_surface
from training.evaluation.metrics import MeshMetrics, compare
from training.evaluation.outcomes import Outcome, Score
from training.evaluation.report import About, read_report, write_report
from training.evaluation.tables import spread_table, table, target_table, trait_table
from training.scans.folder import TEST_FROM, scan_seed


def case() -> Case:
    person = figure()
    middle = torch.tensor([0.0, 0.8, 0.0])
    picture = np.full((200, 200, 3), 90, np.uint8)
    true = Mesh(person.vertices - middle, person.faces, person.part)
    return Case("figure", picture, true, outer_surface(true), 2.4, 1.63, {"person": "one", "pose": "stand"})


def shown(seed: int, cases: list[Case]) -> list[Case]:
    return cases


def people(*cases: Case) -> People:
    return People("Somebody", {7: "one"}, partial(shown, cases=list(cases)))


@pytest.fixture(scope="module")
def figures() -> MeshMetrics:
    return compare(case().true.moved(0.2), case().true)


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
    alone = list(evaluate(measuring, several))
    together = list(evaluate(measuring, several, workers=2))
    assert [[outcome.case for outcome in row] for [row] in together] == [["case 0", "case 1"]] * 2
    assert repr(together) == repr(alone)


def test_an_evaluation_that_was_interrupted_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figures: MeshMetrics, capsys: pytest.CaptureFixture[str]
) -> None:
    save_weights(tmp_path / "w.safetensors", PIFuHD(TINY), {})
    path, asked = tmp_path / "f.json", []
    many = replace(people(), names={k: f"number {k}" for k in range(4)})
    stop = [2]

    def stand_in(measuring: Measuring, people: People, workers: int) -> Iterable[list[list[Outcome]]]:
        for seed, name in people.names.items():
            asked.append(seed)
            if seed in stop:
                raise KeyboardInterrupt
            if seed == 1:
                people.unusable[name] = "a scan that is open"
                continue
            yield [[Outcome(f"case {seed}", figures, 0.1, traits={"person": name})]]

    monkeypatch.setattr(measured, "evaluate", stand_in)
    measuring = Measuring((str(tmp_path / "w.safetensors"),), 64, "cpu")

    def run(**changes: object) -> list[Score]:
        some = replace(many, unusable={})
        known = about(unusable=some.unusable, **changes)
        return measured.measure(measuring, some, known, path, resume=True, workers=1)

    with pytest.raises(KeyboardInterrupt):
        run()
    assert [outcome.case for outcome in read_report(path)[1][0].outcomes] == ["case 0"]
    stop.clear()
    asked.clear()
    [score] = run()
    assert "holds 1 reconstructions of each row: going on" in capsys.readouterr().out
    # number 1 was passed over before the file was written last, so it is tried again
    assert asked == [1, 2, 3]
    assert [outcome.case for outcome in score.outcomes] == ["case 0", "case 2", "case 3"]
    kept, [again] = read_report(path)
    assert again == score
    assert kept.unusable == {"number 1": "a scan that is open"}
    asked.clear()
    assert run() == [score]
    assert asked == []
    with pytest.raises(ValueError, match="leave --resume out"):
        run(resolution=128)


def about(**changes: object) -> About:
    return replace(About("Somebody", [0.0, 120.0], False, 64, {"b": "not closed"}), **changes)


def test_tables_tell_the_spread_the_targets_and_the_poses(figures: MeshMetrics) -> None:
    outcomes = [
        Outcome(
            str(k), replace(figures, chamfer=float(k), components=1 + (k == 0)), 0.0, traits={"pose": pose}
        )
        for k, pose in enumerate(["stand"] * 9 + ["sit", "sit"])
    ]
    score = Score("w", "", [*outcomes, Outcome("x", failure="no_person", traits={"pose": "sit"})])
    assert "| Chamfer cm | 5; 5 [1, 9] |" in spread_table([score])
    targets = target_table([score])
    assert "| Chamfer cm | at most 1.43 | 5, missed |" in targets
    assert "| One component % | at least 99 | 90.91, missed |" in targets
    assert "| Normal | at most 0.107 |" in targets
    stands, sits = trait_table([score], "pose").splitlines()[2:]
    assert stands.startswith("| stand | w | 9 | 0 | 4 |")
    assert sits.startswith("| sit | w | 2 | 1 | 9.5 |")


def test_figures_come_back_from_the_file_as_they_went(tmp_path: Path, figures: MeshMetrics) -> None:
    lost = replace(figures, degrees=math.nan)
    scores = [
        Score(
            "w", "ab", [Outcome("a", figures, 0.1, traits={"yaw": "0"}), Outcome("b", failure="no_person")]
        ),
        Score("v", "cd", [Outcome("a", lost, 0.2), Outcome("b", figures, 0.1)]),
    ]
    path = tmp_path / "new" / "figures.json"
    write_report(path, about(), scores)
    known, again = read_report(path)
    assert known == about()
    assert table(again) == table(scores)
    assert again[0] == scores[0]
    assert math.isnan(again[1].outcomes[0].figures.degrees)
    assert [file.name for file in path.parent.iterdir()] == ["figures.json"]
    document = json.loads(path.read_text())
    assert list(document) == ["about", "scores"]
    assert list(document["scores"][0]["outcomes"][0]["figures"]) == sorted(asdict(figures))
    assert document["scores"][0]["outcomes"][0]["traits"] == {"yaw": "0"}
    assert document["scores"][1]["outcomes"][0]["figures"]["degrees"] is None


def test_rows_of_earlier_evaluations_join_the_table(
    tmp_path: Path, figures: MeshMetrics, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(tmp_path / f"{name}.json") for name in ("one", "two")]
    for file in files:
        write_report(Path(file), about(), [Score(Path(file).stem, "", [Outcome("a", figures, 0.1)])])
    assert main(["evaluate", *files, "--json", str(tmp_path / "all.json")]) == 0
    told = capsys.readouterr().out
    assert "Somebody, seen from 0, 120 degrees, without camera noise;" in told
    assert "Left out: b: not closed" in told
    assert told.index("| one | 1 | 0 |") < told.index("| two | 1 | 0 |")
    assert [score.weights for score in read_report(tmp_path / "all.json")[1]] == ["one", "two"]

    write_report(Path(files[1]), about(resolution=128), [])
    assert main(["evaluate", *files]) == 1
    assert "other people, pictures or resolutions" in capsys.readouterr().err
    Path(files[1]).write_text("[]")
    assert main(["evaluate", *files]) == 1
    assert "holds no figures of an evaluation" in capsys.readouterr().err


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
