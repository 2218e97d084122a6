# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress on a terminal, and how Ctrl-C becomes a cancelled job."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ..errors import Cancelled


class Progress:
    """Shows progress: one bar that is redrawn on a terminal, one line a stage elsewhere. Raises Cancelled."""

    def __init__(self) -> None:
        self.cancelled = False
        self._bar = sys.stderr.isatty()
        self._stage = ""

    def __call__(self, stage: str, done: int, total: int, unit: str) -> None:
        if self.cancelled:
            raise Cancelled
        if self._bar:
            filled = 30 * done // max(total, 1)
            bar = "#" * filled + "-" * (30 - filled)
            sys.stderr.write(f"\r{stage:<9}[{bar}] {done} of {total} {unit}\x1b[K")
            sys.stderr.flush()
        elif stage != self._stage:
            print(f"{stage}: {total} {unit}", file=sys.stderr, flush=True)
        self._stage = stage

    def finish(self) -> None:
        """Leave the terminal's cursor on a line of its own."""
        if self._bar and self._stage:
            sys.stderr.write("\n")
        self._stage = ""


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """A Progress that the first Ctrl-C cancels at the next step, the second at once (KeyboardInterrupt)."""
    progress = Progress()

    def interrupted(number: int, frame: FrameType | None) -> None:
        if progress.cancelled:
            raise KeyboardInterrupt  # the second Ctrl-C: the user does not want to wait for the batch to end
        progress.cancelled = True

    before = signal.signal(signal.SIGINT, interrupted)
    try:
        yield progress
    finally:
        signal.signal(signal.SIGINT, before)
        progress.finish()
