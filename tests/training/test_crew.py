# SPDX-License-Identifier: GPL-3.0-or-later
"""No worker outlives what started it."""

import os
import signal
import subprocess
import sys
import time

import torch

from training.crew import loaded

BOSS = """
import os, time
from training.crew import crew
with crew(1) as workers:
    print(workers.submit(os.getpid).result(), flush=True)
    time.sleep(600)
"""
ATTENDED = """
import time
from training.crew import end_with_input
end_with_input()
print("begun", flush=True)
time.sleep(600)
"""


class Processes(torch.utils.data.Dataset[int]):
    """Of every number the process that was asked for it."""

    def __getitem__(self, number: int) -> int:
        return os.getpid()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_workers_end_with_a_parent_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", BOSS], stdout=subprocess.PIPE, text=True) as boss:
        assert boss.stdout is not None
        worker = int(boss.stdout.readline())
        assert alive(worker)
        boss.send_signal(signal.SIGKILL)
        boss.wait()
        end = time.monotonic() + 20
        while alive(worker) and time.monotonic() < end:
            time.sleep(0.05)
        assert not alive(worker)


def test_a_process_that_is_attended_ends_with_its_input() -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", ATTENDED], **pipes) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(20) == 1


def test_loaders_leave_it_to_the_loop_when_to_end() -> None:
    items = loaded(Processes(), ([number] for number in range(40)), 1)
    worker = int(next(items))
    assert worker != os.getpid()
    for number in (signal.SIGTERM, signal.SIGINT):
        os.kill(worker, number)
    assert [int(item) for item in items] == [worker] * 39
    end = time.monotonic() + 20
    while alive(worker) and time.monotonic() < end:
        time.sleep(0.05)
    assert not alive(worker)
