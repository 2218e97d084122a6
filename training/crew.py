# SPDX-License-Identifier: GPL-3.0-or-later
"""Worker processes, none of which outlives what started it, however that ended."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context, parent_process
from typing import Any, TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")
ENDING = (signal.SIGINT, signal.SIGTERM)
"""Signals by which a run is asked to end, often with all that it started."""


def crew(workers: int) -> ProcessPoolExecutor:
    """So many processes of one thread each: two threads on busy cores were ten times slower.

    Those of a killed parent would wait for work for ever; these end within a moment of it.
    """
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin)


def in_order(work: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[tuple[T, Callable[[], R]]]:
    """Each item with what gives its result or raises its error, in order: made in this process when it is
    asked for, or, by two workers or more, ahead of that in others. All is sent between the processes.
    """
    if workers < 2:
        for item in items:
            yield item, partial(work, item)
        return
    pool = crew(workers)
    try:
        jobs = [(item, pool.submit(work, item)) for item in items]
        for item, job in jobs:
            yield item, job.result
    finally:
        pool.shutdown(cancel_futures=True)


def loaded(data: torch.utils.data.Dataset[Any], numbers: Iterable[list[int]], workers: int) -> Iterator[Any]:
    """The items of these numbers, collated, in their order, made by `workers` processes (0: by this one).

    They leave it to this process when to end: one that a signal took would tear the loop out of its step.
    """
    loader = torch.utils.data.DataLoader(
        data,
        batch_sampler=numbers,
        num_workers=workers,
        prefetch_factor=3 if workers else None,
        multiprocessing_context="spawn" if workers else None,
        worker_init_fn=_ignore_ending,
    )
    return iter(loader)


def _ignore_ending(worker: int) -> None:
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)


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
