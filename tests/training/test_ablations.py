# SPDX-License-Identifier: GPL-3.0-or-later
"""Presets trained alike, from one command to one table."""

import shutil
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.networks import PIFuHD
from engine.weights import PRESETS, load_weights
from tests.tiny import TINY
from training.cli import evaluate as command
from training.cli.main import main
from training.evaluate import Measuring
from training.evaluation import ablations
from training.evaluation.ablations import plan_ablation
from training.evaluation.entries import load_entries
from training.evaluation.outcomes import Score
from training.fit import Run, fit
from training.fitting.distributed import Team

SINGLE = replace(
    TINY, name="tiny-pifu", normals=None, fine=None, fine_size=0,
    coarse=replace(TINY.coarse, encoder=replace(TINY.coarse.encoder, in_channels=3)),
)  # fmt: skip


@pytest.fixture
def whole(pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pool with people to train on and to test on; and the tiny presets among the known ones."""
    for name in ("train", "test"):
        shutil.copytree(pool, tmp_path / "pool" / name)
    for preset in (TINY, SINGLE):
        monkeypatch.setitem(PRESETS, preset.name, preset)
    return tmp_path / "pool"


def test_what_is_trained_follows_from_the_rows(whole: Path, tmp_path: Path) -> None:
    plan = plan_ablation(["tiny-pifu", "coarse", "tiny"], whole, tmp_path / "run", 3)
    assert plan.presets == ("tiny-pifu", "tiny")
    assert plan.rows == ("tiny-pifu", "tiny:coarse", "tiny")
    assert [Path(name).name for name in plan.names()] == [
        "tiny-pifu.safetensors", "tiny.safetensors:coarse", "tiny.safetensors"
    ]  # fmt: skip
    assert "Trained on 1 people, 3 minutes each, 6 in all:" in str(plan)
    assert "tiny: 0.09 million parameters" in str(plan)
    alone = plan_ablation(["compact:coarse", "pifuhd", "coarse"], whole, tmp_path / "run", 3)
    assert alone.presets == ("compact", "pifuhd")
    assert alone.rows == ("compact:coarse", "pifuhd", "pifuhd:coarse")


@pytest.mark.parametrize(
    "presets, reason",
    [
        (["tiny", "huge"], "no preset 'huge': choose among pifuhd, compact"),
        (["tiny-pifu", "coarse"], "has two levels, so 'coarse' names no row"),
        (["tiny-pifu:coarse"], "leave :coarse out"),
    ],
)
def test_rows_that_cannot_be_are_refused(
    whole: Path, tmp_path: Path, presets: list[str], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        plan_ablation(presets, whole, tmp_path / "run", 3)


def test_nothing_is_trained_where_nobody_can_be_tested_on(whole: Path, tmp_path: Path) -> None:
    shutil.rmtree(whole / "test")
    with pytest.raises(ValueError, match="No people in"):
        plan_ablation(["tiny"], whole, tmp_path / "run", 3)


def test_one_command_trains_all_alike_and_makes_one_table(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    budgets: list[tuple[str, float]] = []
    measured: list[list[str]] = []

    def noted(run: Run) -> PIFuHD:
        assert run.plan.minutes is not None
        budgets.append((run.preset.name, run.plan.minutes))
        assert run.folder.name == run.preset.name
        return fit(run)

    def stand_in(measuring: Measuring, *_: object) -> list[Score]:
        labels = [entry.label for entry in load_entries(measuring.names)]
        measured.append(labels)
        return [Score(label, "", []) for label in labels]

    monkeypatch.setattr(ablations, "fit", noted)
    monkeypatch.setattr(ablations, "quick_figures", lambda *_: {"views": 0.0})
    monkeypatch.setattr(command, "measure", stand_in)
    run = tmp_path / "run"
    asked = ["ablate", str(whole), "--run", str(run), "--presets", "tiny-pifu,coarse,tiny", "--workers", "0"]
    assert main([*asked, "--minutes", "0.01", "--people", "2", "--worst", "1"]) == 1
    assert not run.exists()
    assert main([*asked, "--minutes", "0.01", "--people", "2"]) == 0
    told = capsys.readouterr().out
    said = ["Trained on 1 people, 0.01 minutes each", "seeds 1000000 to 1000001.", "stage coarse: step 0"]
    assert sorted(said, key=told.index) == said
    assert budgets == [("tiny-pifu", 0.01), ("tiny", 0.01)]
    assert measured == [["tiny-pifu.safetensors", "tiny.safetensors:coarse", "tiny.safetensors"]]
    assert "| tiny.safetensors:coarse | 0 | 0 |" in told
    first = load_weights(run / "tiny.safetensors").network.state_dict()

    # again: nothing is left to train, the same weights are written and measured
    assert main([*asked, "--minutes", "0.01", "--people", "2"]) == 0
    again = load_weights(run / "tiny.safetensors").network.state_dict()
    assert all(torch.equal(value, again[name]) for name, value in first.items())


def test_several_processes_are_refused_before_anything_is_trained(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ablations, "team", lambda _: nullcontext(Team(0, 2, torch.device("cpu"))))
    monkeypatch.setattr(ablations, "fit", lambda _: pytest.fail("nothing is to be trained"))
    plan = plan_ablation(["tiny"], whole, tmp_path / "run", 3)
    with pytest.raises(ValueError, match="without torchrun"):
        ablations.train_all(plan, 0, "cpu")
