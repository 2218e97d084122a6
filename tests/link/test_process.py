# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's process: how it starts or fails to, dies, is stopped, and never stays behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from engine import process
from engine.errors import Cancelled, EngineError
from engine.process import FOLDER_PREFIX
from engine.protocol import KEY_VARIABLE
from tests.link.processes import PATIENCE, is_running, process_of, run, wait_until


def start_error(engine):
    with pytest.raises(EngineError) as caught:
        engine.ensure()
    assert not engine.alive
    return caught.value


def test_it_starts_once_and_stays(make_engine):
    engine = make_engine()
    assert not engine.alive
    client = engine.ensure()
    assert engine.alive
    assert engine.ensure() is client


def test_its_socket_is_in_a_folder_that_only_its_owner_can_open(socket_root):
    folder, address = process._private_address()
    assert folder.parent == socket_root
    assert folder.name.startswith(FOLDER_PREFIX)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert Path(address).parent == folder
    folder.rmdir()


def test_once_it_answers_its_socket_is_removed_so_that_no_crash_leaves_one(make_engine, socket_root):
    engine = make_engine()
    client = engine.ensure()
    assert not list(socket_root.iterdir())
    assert run(client).info["jobs"] == 1


def test_a_long_temporary_folder_does_not_make_the_socket_path_too_long(
    make_engine, socket_root, monkeypatch
):
    deep = socket_root / ("d" * 100)
    deep.mkdir()
    monkeypatch.setattr(process.tempfile, "tempdir", str(deep))
    folder, address = process._private_address()
    folder.rmdir()
    assert len(address) < 100
    assert run(make_engine().ensure()).info["jobs"] == 1
    assert not list(deep.iterdir())


def test_its_environment_has_no_python_variables_and_no_key_left(make_engine, monkeypatch, package_folder):
    for name in ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONNOUSERSITE"):
        monkeypatch.setenv(name, "/nonexistent")
    about = make_engine().ensure().hello()
    assert about["python_variables"] == []
    assert about["key_is_gone"] is True
    assert Path(about["folder"]) == package_folder
    assert KEY_VARIABLE not in os.environ


def test_stop_ends_it_and_removes_its_socket_and_ensure_starts_another(make_engine, socket_root):
    engine = make_engine()
    engine.ensure()
    pid = process_of(engine)
    engine.stop()
    assert not engine.alive
    assert not is_running(pid)
    assert not list(socket_root.iterdir())
    engine.stop()
    assert run(engine.ensure()).info["jobs"] == 1
    assert process_of(engine) != pid


@pytest.mark.parametrize("behaviour", ["slow", "stall"])
def test_stop_in_the_middle_of_a_job_cancels_it(make_engine, behaviour):
    engine = make_engine(behaviour)
    client = engine.ensure()
    pid = process_of(engine)
    heard = threading.Event()
    outcome = []

    def work():
        try:
            run(client, on_progress=lambda *progress: heard.set())
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert heard.wait(PATIENCE)
    engine.stop()
    thread.join(PATIENCE)
    assert [type(error) for error in outcome] == [Cancelled]
    assert not is_running(pid)


def test_stop_does_not_wait_for_an_engine_that_does_not_answer(make_engine):
    engine = make_engine("silent")
    outcome = []

    def start():
        try:
            engine.ensure()
        except EngineError as error:
            outcome.append(error.code)

    thread = threading.Thread(target=start)
    thread.start()
    assert wait_until(lambda: engine.alive)
    began = time.monotonic()
    engine.stop()
    thread.join(PATIENCE)
    assert time.monotonic() - began < PATIENCE
    assert outcome == ["engine_start"]
    assert not engine.alive


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"python": "/nonexistent/python"}, "No such file"),
        ({"python": __file__}, "Permission denied"),
        ({"python": "/"}, "Permission denied"),
        ({"package_folder": Path("/nonexistent")}, "files are missing"),
    ],
    ids=["no python", "not a program", "a folder", "no package"],
)
def test_a_start_that_cannot_be_is_explained(make_engine, changes, reason):
    error = start_error(make_engine(**changes))
    assert error.code == "engine_start"
    assert reason in error.text
    assert error.hint


def test_a_log_that_cannot_be_written_is_explained(make_engine, tmp_path):
    (tmp_path / "file").touch()
    error = start_error(make_engine(log=tmp_path / "file" / "engine.log"))
    assert error.code == "engine_start"
    assert error.text.startswith("The engine's log ")


def test_an_engine_that_exits_at_once_is_explained_with_its_last_line(make_engine):
    error = start_error(make_engine("exits"))
    assert error.code == "engine_start"
    assert "exited with code 1" in error.text
    assert "ModuleNotFoundError: No module named 'numpy'" in error.text


def test_the_last_line_is_of_this_start_not_of_an_earlier_one(make_engine, tmp_path):
    (tmp_path / "engine.log").write_text("an old complaint\n")
    engine = make_engine("never listens")
    engine.start_seconds = 1.0
    assert "old complaint" not in start_error(engine).text
    assert (tmp_path / "engine.log").read_text().startswith("an old complaint")


@pytest.mark.parametrize("behaviour", ["never listens", "silent"])
def test_an_engine_that_never_answers_is_ended_and_explained(make_engine, behaviour):
    engine = make_engine(behaviour)
    engine.start_seconds = 2.0
    error = start_error(engine)
    assert error.code == "engine_start"
    assert "did not answer within 2 seconds" in error.text


def test_an_engine_with_another_key_is_ended_and_explained(make_engine):
    error = start_error(make_engine("other key"))
    assert error.code == "engine_start"
    assert "key" in error.text


def test_an_engine_of_an_old_version_is_ended_and_both_versions_named(make_engine):
    error = start_error(make_engine("old version"))
    assert error.code == "protocol"
    for part in ("The add-on", "protocol 1", "its engine", "0.0.9", "protocol 0"):
        assert part in error.text


@pytest.mark.parametrize(
    "behaviour, how",
    [
        ("crash", "exited with code 3; its last line was: Segmentation fault of a driver"),
        ("killed", "SIGKILL"),
    ],
)
def test_a_crash_in_a_job_is_reported_and_the_next_start_is_a_new_engine(
    make_engine, monkeypatch, behaviour, how
):
    engine = make_engine(behaviour)
    client = engine.ensure()
    pid = process_of(engine)
    with pytest.raises(EngineError) as caught:
        run(client)
    assert caught.value.code == "engine_died"
    assert how in caught.value.text
    assert not engine.alive
    monkeypatch.setenv("FAKE_ENGINE", "good")
    assert run(engine.ensure()).info["jobs"] == 1
    assert process_of(engine) != pid


def test_kill_9_in_a_job_is_noticed_at_once(make_engine):
    engine = make_engine("slow")
    client = engine.ensure()
    pid = process_of(engine)
    with pytest.raises(EngineError) as caught:
        run(client, on_progress=lambda *progress: os.kill(pid, signal.SIGKILL))
    assert caught.value.code == "engine_died"
    assert "SIGKILL" in caught.value.text


def test_an_engine_killed_between_two_jobs_is_replaced(make_engine):
    engine = make_engine()
    engine.ensure()
    pid = process_of(engine)
    os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: not engine.alive)
    assert run(engine.ensure()).info["jobs"] == 1


def test_it_is_not_started_more_than_three_times_a_minute(make_engine, monkeypatch):
    engine = make_engine("exits")
    for _ in range(process.RESTARTS):
        assert "exited with code 1" in start_error(engine).text
    refused = start_error(engine)
    assert refused.code == "engine_start"
    assert "3 times within a minute" in refused.text
    assert "engine.log" in refused.hint
    monkeypatch.setattr(process, "RESTART_WINDOW", 0.0)
    assert "exited with code 1" in start_error(engine).text


def test_an_engine_that_a_cancel_had_to_kill_has_not_failed_however_often(make_engine):
    engine = make_engine("stall")
    for _ in range(process.RESTARTS + 1):
        begun = threading.Event()
        with pytest.raises(Cancelled):  # once it has begun: a job that waits is dropped from the queue
            run(engine.ensure(), lambda *progress, begun=begun: begun.set(), begun.is_set)
        assert wait_until(lambda: not engine.alive)


def test_an_engine_that_was_stopped_has_not_failed_however_often(make_engine):
    engine = make_engine()
    for _ in range(process.RESTARTS + 1):
        engine.ensure()
        engine.stop()


def test_an_engine_that_every_job_takes_down_is_given_up_for_a_minute(make_engine, monkeypatch):
    engine = make_engine("crash")
    codes = []
    for _ in range(10):
        with pytest.raises(EngineError) as caught:
            run(engine.ensure())
        codes.append(caught.value.code)
    assert codes == ["engine_died"] * process.RESTARTS + ["engine_start"] * (10 - process.RESTARTS)
    monkeypatch.setattr(process, "RESTART_WINDOW", 0.0)
    monkeypatch.setenv("FAKE_ENGINE", "good")
    assert run(engine.ensure()).info["jobs"] == 1


def test_several_owners_have_an_engine_each_which_end_one_without_the_other(make_engine, tmp_path):
    first, second = (make_engine(log=tmp_path / f"engine-{number}.log") for number in (1, 2))
    for engine in (first, second):
        assert run(engine.ensure()).info["jobs"] == 1
    os.kill(process_of(first), signal.SIGKILL)
    assert wait_until(lambda: not first.alive)
    assert run(second.ensure()).info["jobs"] == 2


def test_a_folder_for_the_socket_that_cannot_be_made_is_explained(make_engine, socket_root, monkeypatch):
    engine = make_engine()
    monkeypatch.setattr(process.tempfile, "tempdir", str(socket_root / "missing"))
    error = start_error(engine)
    assert error.code == "engine_start"
    assert "socket" in error.text
    assert "TMPDIR" in error.hint


def test_the_last_line_is_told_also_where_the_log_was_rotated_meanwhile(make_engine, tmp_path):
    log = tmp_path / "engine.log"
    log.write_text("x" * 5000)
    engine = make_engine("crash")
    client = engine.ensure()
    os.truncate(log, 0)
    with pytest.raises(EngineError, match="Segmentation fault of a driver"):
        run(client)


PARENT = """
import sys, threading, time
from pathlib import Path
from engine.process import EngineProcess
engine = EngineProcess(sys.executable, Path(sys.argv[1]), log=Path(sys.argv[2]))

def tell():
    while engine._child is None:
        time.sleep(0.01)
    print(engine._child.process.pid, engine._child.folder, flush=True)

threading.Thread(target=tell).start()
client = engine.ensure()
client.reconstruct(b"photo", {}, lambda *progress: print("working", flush=True), lambda: False)
"""
GONE_SECONDS = 15.0  # three times what is promised


@pytest.mark.parametrize(
    "behaviour, end",
    [
        ("slow start", signal.SIGKILL),
        ("slow", signal.SIGKILL),
        ("stall", signal.SIGKILL),
        ("slow", signal.SIGSEGV),
        ("slow", signal.SIGTERM),
    ],
)
def test_an_engine_whose_parent_goes_exits_within_seconds_also_while_it_starts_or_works(
    package_folder, socket_root, tmp_path, monkeypatch, behaviour, end
):
    monkeypatch.setenv("FAKE_ENGINE", behaviour)
    log = tmp_path / "log"
    command = [sys.executable, "-c", PARENT, str(package_folder), str(log)]
    root = Path(__file__).resolve().parents[2]
    parent = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)
    try:
        pid, folder = parent.stdout.readline().split()
        if behaviour == "slow start":
            assert wait_until(lambda: "still loading" in log.read_text())
        else:
            assert parent.stdout.readline() == "working\n"
        assert is_running(int(pid))
    finally:
        parent.send_signal(end)
        parent.wait()
        parent.stdout.close()
    assert wait_until(lambda: not is_running(int(pid)), GONE_SECONDS)
    assert wait_until(lambda: not Path(folder).exists())
