# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking whether a job was cancelled more often than there is progress to tell."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final, TypeAlias

from torch import nn

from .errors import ProgressCallback

Ask: TypeAlias = Callable[[], None]
"""Called often within a long step; raises Cancelled to end it."""

AGAIN_SECONDS: Final = 0.05


class Told:
    """A ProgressCallback that remembers what it was told last, so that `again` can ask with it."""

    def __init__(self, progress: ProgressCallback) -> None:
        self._progress = progress
        self._last = ("photo", 0, 1, "pictures")
        self._at = 0.0

    def __call__(self, stage: str, done: int, total: int, unit: str) -> None:
        self._last, self._at = (stage, done, total, unit), time.monotonic()
        self._progress(stage, done, total, unit)

    def again(self) -> None:
        """Tell the same again, at most every AGAIN_SECONDS."""
        if time.monotonic() - self._at >= AGAIN_SECONDS:
            self(*self._last)


@contextmanager
def asking_between_layers(networks: Sequence[nn.Module], ask: Ask) -> Iterator[None]:
    """Have each layer of networks ask before it begins; what is made of layers alone does not."""
    with ExitStack() as stack:
        for layer in (module for network in networks for module in network.modules()):
            if next(layer.children(), None) is None:
                stack.callback(layer.register_forward_pre_hook(lambda *_: ask()).remove)
        yield
