# SPDX-License-Identifier: GPL-3.0-or-later
"""Watching processes from a test."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from engine.process import EngineProcess

PATIENCE = 30.0
"""Seconds for what should take at most ten, on a machine that is busy with other work."""


def run(client, on_progress=lambda *progress: None, cancelled=lambda: False, **settings):
    """One job."""
    return client.reconstruct(b"photo", settings, on_progress, cancelled)


def process_of(engine: EngineProcess) -> int:
    child = engine._child
    assert child is not None
    return child.process.pid


def is_running(pid: int) -> bool:
    """Whether a process runs; one that ended and waits to be reaped by somebody does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return not Path("/proc/self").exists()


def wait_until(condition: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Whether a condition comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
