"""Two processes that torchrun really starts: what they learn is what one would, and one may be killed."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.training.learning import run_of, single_precision, small_settings
from training import fit as loop
from training.fit import fit
from training.fitting import plan

ROOT = Path(__file__).parents[2]


def torchrun(run: Path, pool: Path, *arguments: str, restarts: int = 0) -> str:
    """Output of two processes on the tiny network."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    command += [
        "--max-restarts",
        str(restarts),
        "-m",
        "tests.training.worker",
        str(run),
        str(pool),
        *arguments,
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def progress_of(run: Path, stage: str) -> dict:
    return torch.load(run / f"{stage}.pt", weights_only=True)["progress"]


def test_two_processes_with_half_the_batch_learn_what_one_does(
    pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "LOG_STEPS", 2)
    monkeypatch.setattr(loop, "mixed_precision", single_precision)
    monkeypatch.setattr(plan, "SETTINGS", small_settings(2))
    one = run_of(pool, tmp_path / "one", 4)
    whole = fit(replace(one, plan=replace(one.plan, batch=1.0))).state_dict()
    said = torchrun(tmp_path / "two", pool, "4", "1")
    assert said.count("stage fine: step 0") == 1, "the first process alone tells"
    shared = torch.load(tmp_path / "two" / "network.pth", weights_only=True)
    for stage in ("normals", "coarse", "fine"):
        one, two = progress_of(tmp_path / "one", stage), progress_of(tmp_path / "two", stage)
        assert two["step"] == 4
        assert two["facts"]["views a step"] == one["facts"]["views a step"] == "2"
        assert two["log"] == pytest.approx(one["log"], rel=1e-5)
    # Adam's first steps are as long for a gradient of rounding errors as for any other, and the softmax of
    # the span's weights leaves its bias no other gradient
    moved = 4 * 5e-5
    apart = torch.cat([(value - shared[key]).abs().flatten() for key, value in whole.items()])
    assert (apart < 0.02 * moved).float().mean() > 0.999
    assert apart.max() < moved


def test_a_killed_worker_is_started_again_and_the_run_ends(pool: Path, tmp_path: Path) -> None:
    # more than one: a process that starts again before the other has gone finds its closed door, and fails
    said = torchrun(tmp_path, pool, "6", "1", "5", restarts=3)
    assert (tmp_path / "killed").exists()
    # it had saved the fourth step of the coarse stage, the first whose losses know of occupancy
    assert "stage coarse: step 4, 67% done" in said
    for stage in ("normals", "coarse", "fine"):
        assert progress_of(tmp_path, stage)["step"] == 6
        with (tmp_path / f"{stage}.csv").open() as file:
            assert [row["step"] for row in csv.DictReader(file)] == ["2", "4", "6"]
