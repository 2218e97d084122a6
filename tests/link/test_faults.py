# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong around a running engine, really caused: leftovers, clients that stall, crowds, sleep.

The engine's death in a job and that of its parent are in test_process.py, what it says of a failed job in
test_client.py.
"""

import os
import signal
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from engine import process, protocol
from engine.errors import EngineError
from engine.process import FOLDER_PREFIX
from engine.protocol import Message
from tests.link.disks import fill, small_disk
from tests.link.processes import PATIENCE, process_of, wait_until
from tests.link.served import ServedEngine, ending, job, served_engine

PHOTO = np.frombuffer(b"photo", np.uint8)


@pytest.fixture
def engine(package_folder):
    with served_engine(package_folder) as served:
        yield served


def ask_for_a_job(connection, **settings):
    fields = {"settings": settings, "preview": False}
    protocol.send(connection, Message("reconstruct", fields, {"encoded": PHOTO}))


def test_a_job_that_takes_the_process_down_ten_times_starts_three_engines(make_engine, tmp_path, monkeypatch):
    engine = make_engine("killed")
    codes = []
    for _ in range(10):
        with pytest.raises(EngineError) as caught:
            job(engine.ensure())
        codes.append(caught.value.code)
    assert codes == ["engine_died"] * 3 + ["engine_start"] * 7
    assert "3 times within a minute" in caught.value.text
    assert (tmp_path / "engine.log").read_text().count("The engine listens") == 3
    monkeypatch.setattr(process, "RESTART_WINDOW", 0.0)
    monkeypatch.setenv("FAKE_ENGINE", "good")
    assert job(engine.ensure()) == 1


def test_a_memory_that_is_full_on_the_gpu_is_named_and_the_engine_lives_on(make_engine):
    engine = make_engine("gpu memory")
    pid = process_of_started(engine)
    for _ in range(2):
        with pytest.raises(EngineError) as caught:
            job(engine.ensure())
        assert caught.value.code == "out_of_memory"
        assert "resolution" in caught.value.hint
    assert process_of(engine) == pid


def process_of_started(engine):
    engine.ensure()
    return process_of(engine)


def test_sockets_left_over_are_in_nobodys_way(make_engine, socket_root, package_folder, tmp_path):
    left = socket_root / (FOLDER_PREFIX + "left")
    left.mkdir(mode=0o700)
    dead = ServedEngine(package_folder, left, tmp_path / "log")
    dead.stop()
    assert (left / "socket").is_socket()
    assert job(make_engine().ensure()) == 1
    assert (left / "socket").is_socket()
    (left / "socket").unlink()
    left.rmdir()


def test_an_address_that_a_dead_engine_left_over_is_explained(package_folder, tmp_path):
    tmp_path.chmod(0o700)
    ServedEngine(package_folder, tmp_path, tmp_path / "log").stop()
    with pytest.raises(AssertionError, match=r"cannot be listened on.*Choose another"):
        ServedEngine(package_folder, tmp_path, tmp_path / "log")


@pytest.mark.parametrize(
    "place", ["/sys", "missing", "file"], ids=["forbidden to root as well", "missing", "a file"]
)
def test_a_run_folder_that_cannot_be_made_is_explained(make_engine, tmp_path, monkeypatch, place):
    (tmp_path / "file").touch()
    monkeypatch.setattr(process.tempfile, "tempdir", str(tmp_path / place))
    with pytest.raises(EngineError) as caught:
        make_engine().ensure()
    assert caught.value.code == "engine_start"
    assert str(tmp_path / place) in caught.value.text
    assert caught.value.hint


def test_a_log_on_a_full_disk_keeps_no_job_from_being_done(make_engine, tmp_path):
    (tmp_path / "disk").mkdir()
    with small_disk(tmp_path / "disk", 1 << 20) as disk:
        fill(disk)
        engine = make_engine(log=disk / "engine.log")
        client = engine.ensure()
        assert job(client) == 1
        for _ in range(2):
            with pytest.raises(EngineError) as caught:
                job(client, defect=True)  # which is printed in full
            assert caught.value.code == "internal"
        assert job(client) == 4
        assert (disk / "engine.log").stat().st_size == 0
        engine.stop()


HALVES = {
    "of a length": b"\x00\x00",
    "of a header": struct.pack("!i", 1000) + b'{"type": "re',
    "of an array": b"",
}


@pytest.mark.parametrize("half", HALVES.values(), ids=HALVES)
def test_a_client_that_sends_half_a_frame_and_stalls_is_alone_with_that(engine, half):
    good, stalled = engine.connect(), engine.greeted()
    if half:
        stalled._send(half)
    else:
        header = (
            b'{"type": "reconstruct", "settings": {}, "preview": false,'
            b' "arrays": [{"name": "encoded", "dtype": "uint8", "shape": [1000]}]}'
        )
        stalled.send_bytes(header)
        stalled._send(struct.pack("!i", 1000) + bytes(500))
    assert [job(good) for _ in range(3)] == [1, 2, 3]
    assert good.status()["clients"] == 2
    stalled.close()
    assert wait_until(lambda: good.status()["clients"] == 1)
    good.close()


def test_a_client_that_does_not_read_its_result_keeps_no_other_waiting(engine):
    good, deaf = engine.connect(), engine.greeted()
    ask_for_a_job(deaf, large=True)
    assert deaf.poll(PATIENCE)
    assert [job(good) for _ in range(3)] == [2, 3, 4]
    assert ending(deaf) == "done"  # and it was not lost
    deaf.close()
    good.close()


def test_a_client_that_asks_on_and_never_reads_is_dropped(engine):
    good, deaf = engine.connect(), engine.greeted()
    before = engine.resident()
    with pytest.raises(protocol.Disconnected):
        ask_for_ever(deaf)
    assert engine.resident() - before < 8 << 20
    assert job(good) == 1
    deaf.close()
    good.close()


def ask_for_ever(connection):
    while True:
        protocol.send(connection, Message("status"))


def test_fifty_clients_at_once_are_all_greeted_and_all_served(engine):
    barrier = threading.Barrier(50)
    jobs, refusals = [], []

    def work():
        barrier.wait()
        client = engine.connect()
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                jobs.append(job(client))
                break
            except EngineError as error:  # too many wait already
                refusals.append(error.code)
                time.sleep(0.05)
        client.close()

    threads = [threading.Thread(target=work) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(jobs) == list(range(1, 51))
    assert set(refusals) <= {"busy"}


SLEEPER = """
import sys
from pathlib import Path
from types import SimpleNamespace
from engine.process import EngineProcess
engine = EngineProcess(sys.executable, Path(sys.argv[1]), log=Path(sys.argv[2]))
client = engine.ensure()
client._silence_seconds = 1.5
print(engine._child.process.pid, flush=True)
heard = lambda *progress: print("working", flush=True)
result = client.reconstruct(b"photo", {"steps": 150}, heard, lambda: False)
print("done", len(result.vertices), flush=True)
engine.stop()
"""


def test_a_machine_that_sleeps_loses_no_job(package_folder, socket_root, tmp_path, monkeypatch):
    """Both processes stop for twice the silence that the client bears, while the clock goes on."""
    monkeypatch.setenv("FAKE_ENGINE", "good")
    command = [sys.executable, "-c", SLEEPER, str(package_folder), str(tmp_path / "log")]
    root = Path(__file__).resolve().parents[2]
    parent = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)
    try:
        pid = int(parent.stdout.readline())
        assert parent.stdout.readline() == "working\n"
        for process_id in (parent.pid, pid):
            os.kill(process_id, signal.SIGSTOP)
        time.sleep(3.0)
        for process_id in (parent.pid, pid):
            os.kill(process_id, signal.SIGCONT)
        assert parent.stdout.read().endswith("done 4\n")
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()


def test_a_jump_of_the_clock_is_not_taken_for_silence(make_engine, monkeypatch):
    """What a Windows machine shows that slept for an hour."""
    client = make_engine().ensure()
    clock, slept = time.monotonic, []
    monkeypatch.setattr("engine.client.time", SimpleNamespace(monotonic=lambda: clock() + 3600 * len(slept)))

    def sleep(stage, done, total, unit):
        if done in (5, 25, 45):
            slept.append(done)

    assert client._silence_seconds < 3600
    result = client.reconstruct(b"photo", {"steps": 60}, sleep, lambda: False)
    assert len(result.vertices) == 4
    assert slept


def test_an_engine_that_stands_still_for_less_than_the_silence_that_is_borne_loses_no_job(make_engine):
    engine = make_engine()
    client = engine.ensure()
    client._silence_seconds = 10.0
    pid = process_of(engine)
    stopped = []

    def stop_once(*progress):
        if not stopped:
            stopped.append(pid)
            os.kill(pid, signal.SIGSTOP)
            threading.Timer(2.0, os.kill, (pid, signal.SIGCONT)).start()

    result = client.reconstruct(b"photo", {"steps": 20}, stop_once, lambda: False)
    assert len(result.vertices) == 4
    assert stopped
    assert process_of(engine) == pid
