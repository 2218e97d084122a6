# SPDX-License-Identifier: GPL-3.0-or-later
"""Ctrl-C, and the signal by which a process is asked to end, between two steps."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from ..crew import ENDING


class Stopped(KeyboardInterrupt):
    """The user asked the run to stop, and it has saved where it is."""


@contextmanager
def stop_asked() -> Iterator[Callable[[], bool]]:
    """Give a function that tells whether SIGINT or SIGTERM has come. A second SIGINT acts as usual; SIGTERM,
    of which a group that is ended gets several, does not. For the main thread.
    """
    asked = []
    usual = {number: signal.getsignal(number) for number in ENDING}

    def note(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        if number == signal.SIGINT:
            signal.signal(number, usual[signal.SIGINT])

    for number in usual:
        signal.signal(number, note)
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
