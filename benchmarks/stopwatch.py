# SPDX-License-Identifier: GPL-3.0-or-later
"""How long each stage of a run takes, and how much memory is held meanwhile."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")
FORGET_PEAK = "5"  # what makes Linux measure the peak from now on


class Resident:
    """Main memory of this process in bytes, as Linux tells it; always 0 on other systems."""

    known = CLEAR.exists()

    def held(self) -> int:
        """Bytes at present."""
        return self._status("VmRSS")

    def most(self) -> int:
        """The most bytes since `forget`."""
        return self._status("VmHWM")

    def forget(self) -> None:
        """Let `most` begin anew."""
        if self.known:
            CLEAR.write_text(FORGET_PEAK, encoding="ascii")

    def _status(self, name: str) -> int:
        if not self.known:
            return 0
        lines = STATUS.read_text(encoding="ascii").splitlines()
        return int(next(line for line in lines if line.startswith(name)).split()[1]) * 1024


class Trimmed(Resident):
    """The same, without what the process keeps of memory that it freed, which says little of a stage that
    comes after a greedier one: that is given back before it is looked at, which takes time. Needs glibc."""

    def held(self) -> int:
        """Bytes at present."""
        ctypes.CDLL(None).malloc_trim(0)
        return super().held()


class OnGPU:
    """Bytes of a GPU's memory that PyTorch's tensors take."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def held(self) -> int:
        """Bytes at present."""
        return torch.cuda.memory_allocated(self.device)

    def most(self) -> int:
        """The most bytes since `forget`."""
        return torch.cuda.max_memory_allocated(self.device)

    def forget(self) -> None:
        """Let `most` begin anew."""
        torch.cuda.reset_peak_memory_stats(self.device)


class Stopwatch:
    """Seconds and peak memory of the stages of one run; a stage may be come back to.

    seconds: of each stage, without what was done aside. peak: bytes that were held at most in each stage;
    before: bytes that were held when a stage first began. On a GPU all that was begun is waited for before
    the clock is read.
    """

    def __init__(self, device: torch.device, memory: Resident | OnGPU) -> None:
        self.device, self.memory = device, memory
        self.seconds: dict[str, float] = {}
        self.peak: dict[str, int] = {}
        self.before: dict[str, int] = {}
        self.stage: str | None = None
        self._since = 0.0

    def begin(self, stage: str) -> None:
        """End the present stage, if any, and begin another."""
        self.end()
        held = self.memory.held()  # each time, for it gives back what was merely kept
        self.before.setdefault(stage, held)
        self.memory.forget()
        self.stage, self._since = stage, time.perf_counter()

    def end(self) -> None:
        """End the present stage, if any."""
        if self.stage is None:
            return
        self._wait()
        passed = time.perf_counter() - self._since
        self.seconds[self.stage] = self.seconds.get(self.stage, 0.0) + passed
        self.peak[self.stage] = max(self.peak.get(self.stage, 0), self.memory.most())
        self.stage = None

    @contextmanager
    def within(self, stage: str) -> Iterator[None]:
        """The time within is a stage's; then the present one goes on, if any."""
        outer = self.stage
        self.begin(stage)
        yield
        self.end()
        if outer is not None:
            self.begin(outer)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """The time within is nobody's."""
        stage = self.stage
        self.end()
        yield
        self._wait()
        if stage is not None:
            self.begin(stage)

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
