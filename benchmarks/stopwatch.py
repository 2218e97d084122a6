# SPDX-License-Identifier: GPL-3.0-or-later
"""How long each stage of a run takes, and how much memory the process holds meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")
FORGET_PEAK = "5"  # what makes Linux measure the peak from now on


class Stopwatch:
    """Seconds and peak memory of the stages of one run; a stage may be come back to.

    seconds: of each stage, without what was done aside. peak: bytes of main memory that the process held at
    most in each stage; {} where there is no /proc to tell (only Linux has one). before: bytes that it held
    when a stage first began. On a GPU all that was begun is waited for before the clock is read.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.tells_memory = CLEAR.exists()
        self.seconds: dict[str, float] = {}
        self.peak: dict[str, int] = {}
        self.before: dict[str, int] = {}
        self.stage: str | None = None
        self._since = 0.0

    def begin(self, stage: str) -> None:
        """End the present stage, if any, and begin another."""
        self.end()
        if self.tells_memory and stage not in self.before:
            self.before[stage] = resident()
        self.stage, self._since = stage, time.perf_counter()

    def end(self) -> None:
        """End the present stage, if any."""
        if self.stage is None:
            return
        self._wait()
        passed = time.perf_counter() - self._since
        self.seconds[self.stage] = self.seconds.get(self.stage, 0.0) + passed
        if self.tells_memory:
            self.peak[self.stage] = max(self.peak.get(self.stage, 0), peak_resident())
            CLEAR.write_text(FORGET_PEAK, encoding="ascii")
        self.stage = None

    @contextmanager
    def aside(self) -> Iterator[None]:
        """The time within is nobody's."""
        stage = self.stage
        self.end()
        try:
            yield
            self._wait()
        finally:
            if stage is not None:
                self.begin(stage)

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def resident() -> int:
    """Bytes of main memory that this process holds (Linux)."""
    return _status("VmRSS")


def peak_resident() -> int:
    """The most bytes of main memory that this process held since the peak was last forgotten (Linux)."""
    return _status("VmHWM")


def _status(name: str) -> int:
    line = next(line for line in STATUS.read_text(encoding="ascii").splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024
