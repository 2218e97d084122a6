# SPDX-License-Identifier: GPL-3.0-or-later
"""People made beside the training, and weights in parts."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from training import parts
from training.cli import pool as cli_pool
from training.cli.main import main
from training.fitting.making import people_made, pool_command

MAKER = """
import pathlib, subprocess, sys, time
folder = pathlib.Path(sys.argv[1])
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
(folder / "pids").write_text(str(worker.pid))
for k in range(int(sys.argv[2])):
    (folder / f"{k:07d}.npz").touch()
if len(sys.argv) > 3:
    worker.kill()
    sys.exit(sys.argv[3])
time.sleep(600)
"""


def running(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def maker(folder: Path, people: int, *last_words: str) -> list[str]:
    return [sys.executable, "-c", MAKER, str(folder), str(people), *last_words]


@pytest.mark.parametrize("fails", [False, True])
def test_people_are_made_while_the_block_runs_and_no_longer(tmp_path: Path, fails: bool) -> None:
    try:
        with people_made(maker(tmp_path, 3), tmp_path / "people.log", tmp_path, enough=3):
            assert len(list(tmp_path.glob("*.npz"))) == 3
            worker = int((tmp_path / "pids").read_text())
            assert running(worker)
            if fails:
                raise FloatingPointError
    except FloatingPointError:
        assert fails
    for _ in range(100):
        if not running(worker):
            break
        time.sleep(0.05)
    assert not running(worker), "the maker's own workers end with it"


def test_a_maker_that_gives_up_is_one_sentence(tmp_path: Path) -> None:
    command = maker(tmp_path, 1, "No space left on device.")
    with pytest.raises(ValueError, match=r"code 1 when 1 of 2 were there: No space left on device\."):
        with people_made(command, tmp_path / "people.log", tmp_path, enough=2):
            pass


def test_a_maker_that_is_done_may_end(tmp_path: Path) -> None:
    with people_made(maker(tmp_path, 2, ""), tmp_path / "people.log", tmp_path, enough=2):
        assert len(list(tmp_path.glob("*.npz"))) == 2


def test_the_makers_command_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[argparse.Namespace] = []
    monkeypatch.setattr(cli_pool, "_pool", asked.append)
    command = pool_command(tmp_path, 40, 3, 0, 1024)
    assert command[:3] == [sys.executable, "-m", "training"]
    assert main(command[3:]) == 0
    assert (asked[0].folder, asked[0].people, asked[0].workers) == (tmp_path, 40, 3)
    assert (asked[0].views, asked[0].size) == (0, 1024)


def test_parts_become_the_same_file_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_BYTES", 1000)
    path = tmp_path / "w.safetensors"
    content = np.random.default_rng(0).bytes(2500)
    path.write_bytes(content)
    (tmp_path / "w.safetensors.part07").touch()  # of a longer file before
    made = parts.split(path)
    assert [part.name for part in made] == [f"w.safetensors.part0{k}" for k in range(3)]
    assert max(part.stat().st_size for part in made) == 1000
    assert not (tmp_path / "w.safetensors.part07").exists()
    path.unlink()
    assert main(["join", str(path)]) == 0
    assert path.read_bytes() == content


def test_missing_and_mixed_up_parts_leave_the_file_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(parts, "PART_BYTES", 1000)
    path = tmp_path / "w.safetensors"
    path.write_bytes(bytes(range(250)) * 8)
    one, two = parts.split(path)
    kept = path.read_bytes()
    two.write_bytes(b"x" * 1000)
    assert main(["join", str(path)]) == 1
    assert "not those of one file" in capsys.readouterr().err
    one.unlink()
    assert main(["join", str(path)]) == 1
    assert "w.safetensors.part00" in capsys.readouterr().err
    assert path.read_bytes() == kept
    assert main(["join", str(tmp_path / "other.safetensors")]) == 1
    assert "other.safetensors.parts.json cannot be read" in capsys.readouterr().err
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".tmp")]


def test_a_part_is_at_most_15_mib() -> None:
    assert parts.PART_BYTES == 15 * 1024 * 1024
