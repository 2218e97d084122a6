# SPDX-License-Identifier: GPL-3.0-or-later
"""Ctrl-C, and the signal by which a process is asked to end, between two steps."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Stopped(KeyboardInterrupt):
    """The user asked the run to stop, and it has saved where it is."""


@contextmanager
def stop_asked() -> Iterator[Callable[[], bool]]:
    """Give a function that tells whether SIGINT or SIGTERM has come; a second one acts as usual.

    For the main thread.
    """
    asked = []
    usual = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def reset() -> None:
        for number, handler in usual.items():
            signal.signal(number, handler)

    def note(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        reset()

    for number in usual:
        signal.signal(number, note)
    try:
        yield lambda: bool(asked)
    finally:
        reset()
