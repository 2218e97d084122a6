# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's log stays short, and the logs of Blenders that have ended do not pile up."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine import logs


@pytest.fixture
def log(tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "LOG_BYTES", 100)
    return logs.log_path(tmp_path)


@pytest.fixture
def dead_process():
    """The number of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def aged(path, age):
    path.write_text(f"{age}")
    os.utime(path, (1e9 - age, 1e9 - age))
    return path


def test_each_process_has_a_log_of_its_own(tmp_path):
    assert logs.log_path(tmp_path) == tmp_path / f"engine-{os.getpid()}.log"


def test_a_log_that_has_grown_long_becomes_its_own_predecessor_cut_to_its_end(log):
    with log.open("ab") as file:
        file.write(b"a" * 100)
        file.flush()
        logs.rotate(log, file.fileno())
        assert log.stat().st_size == 100
        file.write(b"b" * 90)
        file.flush()
        logs.rotate(log, file.fileno())
        file.write(b"after")
    assert log.read_bytes() == b"after"
    assert Path(f"{log}.1").read_bytes() == b"a" * 10 + b"b" * 90


def test_a_writer_that_does_not_append_leaves_no_hole(log):
    # as a handle that Windows inherits
    with log.open("wb") as file:
        file.write(b"a" * 101)
        file.flush()
        logs.rotate(log, file.fileno())
        file.write(b"after")
    assert log.read_bytes() == b"after"


def test_another_file_is_never_cut(log, tmp_path):
    other = tmp_path / "other"
    log.write_bytes(b"a" * 101)
    with other.open("wb") as file:
        file.write(b"b" * 101)
        file.flush()
        logs.rotate(log, file.fileno())
        logs.rotate(tmp_path / "removed", file.fileno())
    assert (log.stat().st_size, other.stat().st_size) == (101, 101)


def test_a_full_disk_does_not_keep_the_log_growing(log):
    Path(f"{log}.1").mkdir()  # cannot be written to, as on a full disk
    with log.open("ab") as file:
        file.write(b"a" * 101)
        file.flush()
        logs.rotate(log, file.fileno())
    assert log.read_bytes() == b""


def test_only_the_newest_logs_of_ended_processes_are_kept(tmp_path, dead_process):
    mine = aged(logs.log_path(tmp_path), 900)
    foreign = [aged(tmp_path / name, 900) for name in ("engine.log", "notes-1.log", "engine-1.log.txt")]
    pids = [dead_process + 100000 * number for number in range(logs.KEPT + 2)]
    ended = [aged(tmp_path / f"engine-{pid}.log", age) for age, pid in enumerate(pids)]
    rotated = aged(tmp_path / f"engine-{dead_process}.log.1", 500)
    logs.remove_old(tmp_path)
    assert set(tmp_path.iterdir()) == {mine, *foreign, *ended[: logs.KEPT]}
    assert not rotated.exists()
