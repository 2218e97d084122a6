# SPDX-License-Identifier: GPL-3.0-or-later
"""Worker processes, none of which outlives what started it, however that ended."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process

import torch


def crew(workers: int) -> ProcessPoolExecutor:
    """So many processes of one thread each: two threads on busy cores were ten times slower.

    Those of a killed parent would wait for work for ever; these end within a moment of it.
    """
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin)


def end_with_input() -> None:
    """End this process when its standard input does: where that is a pipe, when who holds it has gone."""
    _end_after(sys.stdin.buffer.read)


def _begin() -> None:
    torch.set_num_threads(1)
    parent = parent_process()
    assert parent is not None
    _end_after(parent.join)


def _end_after(wait: Callable[[], object]) -> None:
    def watch() -> None:
        wait()
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()
