# SPDX-License-Identifier: GPL-3.0-or-later
"""One person under all conditions: what changes, and what the truth is."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from engine.errors import EngineError
from tests.training.shapes import figure
from training.cli import robustness as command
from training.cli.main import main
from training.evaluation import condition_sheet as sheet_module
from training.evaluation import conditions as module
from training.evaluation.cases import Case, People
from training.evaluation.condition_sheet import COLUMNS, SIDE, condition_sheet
from training.evaluation.conditions import CONDITIONS, REFERENCE, in_conditions, people_in_conditions
from training.humans import Person

QUICK = tuple("64 pixels" if name == "2048 pixels" else name for name in CONDITIONS)
"""The largest picture alone would take as long as all others."""


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    """By condition, of a figure whose other person beside it is another figure; 128 pixels are the usual."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "USUAL", 128)
        patch.setattr(module, "CONDITIONS", QUICK)
        patch.setattr(module, "make_person", lambda seed: replace(figure(), seed=seed))
        found = {case.traits["condition"]: case for case in in_conditions(1_000_003)}
    return found


def test_every_condition_is_a_case_of_the_same_person(cases: dict[str, Case]) -> None:
    assert tuple(cases) == QUICK
    assert all(case.traits["person"] == "person 1000003" for case in cases.values())
    for name, case in cases.items():
        size = int(name.split()[0]) if name.endswith("pixels") else 128
        assert case.picture.shape == (size, size, 3)
        assert case.cut == name.endswith("out of frame")
    reference = cases[REFERENCE]
    for name in ("256 pixels", "JPEG quality 30", "cluttered", "dark", "overexposed"):
        assert torch.equal(cases[name].true.vertices, reference.true.vertices)
    behind = cases["from behind"].true.vertices
    torch.testing.assert_close(behind[:, 0], -reference.true.vertices[:, 0], atol=1e-5, rtol=0)


def test_each_picture_is_spoiled_as_its_name_says(cases: dict[str, Case]) -> None:
    reference = cases[REFERENCE].picture.astype(int)
    small = cv2.resize(cases["512 pixels"].picture, (128, 128), interpolation=cv2.INTER_AREA)
    assert np.abs(small - reference).mean() < 6
    assert cases["dark"].picture.mean() < 0.45 * reference.mean()
    assert cases["overexposed"].picture.mean() > 1.2 * reference.mean()
    assert (cases["overexposed"].picture == 255).mean() > (reference == 255).mean() + 0.1
    blocky = np.abs(cases["JPEG quality 30"].picture - reference)
    assert 0.5 < blocky.mean() < 15
    # the subject is where it was, before what is new
    differs = np.abs(cases["cluttered"].picture - reference).max(2) > 30
    assert differs.mean() > 0.3
    assert not differs[64:100, 40:60].any()


def test_what_is_partly_out_of_frame_reaches_beyond_it(cases: dict[str, Case]) -> None:
    for name, axis, side in (("legs out of frame", 1, -1), ("side out of frame", 0, -1)):
        case = cases[name]
        reach = case.true.vertices[:, axis] * side
        assert float(reach.max()) > 1.2 * case.span / 2
        assert float(case.true.vertices[:, 1].max()) < case.span / 2


def test_the_sheet_shows_every_condition_and_what_was_refused(
    cases: dict[str, Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise EngineError("no_person", "nobody", "look elsewhere")

    monkeypatch.setattr(sheet_module, "reconstruct", refuse)
    people = People("one", {3: "one"}, lambda seed: iter(cases.values()))
    picture = condition_sheet(None, None, people, 64)  # type: ignore[arg-type]  # nothing is reconstructed
    rows = -(-len(CONDITIONS) // COLUMNS)
    assert picture.shape[1] == COLUMNS * (SIDE + 6)
    assert picture.shape[0] % rows == 0
    shown = picture[22 : 22 + SIDE, :SIDE]
    expected = cv2.resize(cases[REFERENCE].picture, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    assert np.array_equal(shown, expected)


def test_one_command_measures_and_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[range] = []

    def nobody(seeds: range) -> People:
        asked.append(seeds)
        return replace(people_in_conditions(seeds), names={})

    monkeypatch.setattr(command, "people_in_conditions", nobody)
    monkeypatch.setattr(command, "condition_sheet", lambda *_: np.zeros((9, 9, 3), np.uint8))
    paths = [tmp_path / "f.json", tmp_path / "p.jpg"]
    words = ["robustness", "compact", "--people", "3", "--json", str(paths[0]), "--picture", str(paths[1])]
    assert main(words) == 0
    assert asked == [range(1_000_000, 1_000_003)]
    assert f"each in {len(CONDITIONS)} conditions" in capsys.readouterr().out
    assert paths[1].exists()
    assert main([*words[:-1], str(tmp_path / "p.gif")]) == 1
    assert "end in .png or .jpg" in capsys.readouterr().err
    assert len(asked) == 1


def test_people_are_made_from_their_seed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def make(seed: int) -> Person:
        made.append(seed)
        return replace(figure(), seed=seed)

    monkeypatch.setattr(module, "USUAL", 64)
    monkeypatch.setattr(module, "CONDITIONS", (REFERENCE, "cluttered", "dark"))
    monkeypatch.setattr(module, "make_person", make)
    first, again = (list(in_conditions(1_000_000)) for _ in range(2))
    assert set(made) == {1_000_000, 1_500_000}
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one.picture, other.picture)
