# SPDX-License-Identifier: GPL-3.0-or-later
"""How many people a second are reconstructed where many photographs are to be done: processes that share a
batch, each with the weights that come with the engine."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Final, Self

import cv2
import torch

from engine.worker import Worker

from .child import ROOT, ChildEnded

PHOTOS: Final = tuple(ROOT / "samples" / f"person_{number}.jpg" for number in (1, 2, 3, 4))
RESOLUTION: Final = 256
MOST_PROCESSES: Final = 8
JOBS: Final = {"cpu": 8, "cuda": 32}
"""Of each process, by device: they take some seconds."""


def process_counts(cores: int) -> list[int]:
    """How many processes to measure with: 1, 2, 4 ... up to one a core and to MOST_PROCESSES."""
    return [2**power for power in range(min(cores, MOST_PROCESSES).bit_length())]


def measure(photos: Sequence[Path], device: str, processes: int, jobs: int) -> dict[str, Any]:
    """Reconstruct `jobs` people, the photographs by turns, in so many processes, which share the cores.

    Returns {device, resolution, processes, jobs, seconds, people_per_second}. A job goes from a photograph's
    bytes to a coloured mesh, of which no file is written. The clock starts when all processes have loaded
    the weights and done a job that does not count, and stops when the last job is done. Raises ChildEnded.
    """
    pictures = [photo.read_bytes() for photo in photos]
    settings = {"resolution": RESOLUTION, "device": device}
    threads = max(1, (os.cpu_count() or 1) // processes)
    with ExitStack() as stack:
        members = [stack.enter_context(_Member(pictures, settings, threads)) for _ in range(processes)]
        for member in members:
            member.hear()
        began = time.perf_counter()
        _share(members, jobs)
        seconds = time.perf_counter() - began
    return {"device": device, "resolution": RESOLUTION, "processes": processes, "jobs": jobs,
            "seconds": seconds, "people_per_second": jobs / seconds}  # fmt: skip


def _share(members: Sequence[_Member], jobs: int) -> None:
    """Give each the next job whenever it has done one, until all are done."""
    numbers = iter(range(jobs))
    busy = {}
    for member, number in zip(members, numbers):
        member.tell(number)
        busy[member.link] = member
    while busy:
        for link in wait(list(busy)):
            member = busy[link]
            member.hear()
            number = next(numbers, None)
            if number is None:
                del busy[link]
            else:
                member.tell(number)


class _Member:
    """The parent's end of one process, which does jobs until this is left."""

    def __init__(self, pictures: Sequence[bytes], settings: dict[str, Any], threads: int) -> None:
        context = get_context("spawn")  # CUDA does not outlive a fork
        self.link, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, pictures, settings, threads))
        self._process.start()
        theirs.close()  # so that the link ends with the process

    def tell(self, number: int) -> None:
        """Ask for a job."""
        try:
            self.link.send(number)
        except OSError:
            pass  # it ended since its last job; with which code is told when it is next heard

    def hear(self) -> None:
        """Wait until a job is done, the first of which nobody asks for. Raises ChildEnded."""
        try:
            self.link.recv()
        except (EOFError, OSError) as error:
            self._process.join()
            raise ChildEnded(
                f"One of the processes that share a batch ended with code {self._process.exitcode}. The lines"
                " above say why; where there are none, memory ran out."
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()
        self.link.close()


def _serve(link: Connection, pictures: Sequence[bytes], settings: dict[str, Any], threads: int) -> None:
    """Be the process: do one job at once, then each whose number comes, and say when it is done. The link's
    end is this one's too, so that it does not outlive a parent that was killed."""
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    worker = Worker()
    number = 0
    while True:
        worker.reconstruct(pictures[number % len(pictures)], settings, lambda *progress: None)
        link.send(number)
        number = link.recv()
