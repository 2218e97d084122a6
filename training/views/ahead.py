# SPDX-License-Identifier: GPL-3.0-or-later
"""Work that is done before its result is asked for: people are read, batches are made."""

from __future__ import annotations

import queue
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import torch

from ..humans import Person
from ..pool import PackedPerson, read_packed, read_usable
from .batch import Batch

KEPT = 3000
"""People that stay on the device, those used last: 7 GB, at 2.2 MB each."""
WAITING = 2
"""Batches that wait to be asked for."""


class KeptPeople:
    """People of a pool on a device, read by threads: the last `KEPT` that were used stay."""

    def __init__(self, device: torch.device, readers: int) -> None:
        self.device = device
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="people")
        self._reading: dict[Path, Future[PackedPerson]] = {}
        self._kept: OrderedDict[Path, PackedPerson] = OrderedDict()

    def want(self, files: Sequence[Path], number: int) -> None:
        """Begin to read this person, unless they are here or on their way."""
        path = files[number]
        if path not in self._kept and path not in self._reading:
            self._reading[path] = self._readers.submit(read_usable, read_packed, files, number)

    def person(self, files: Sequence[Path], number: int) -> Person:
        """The person on the device, or the next one where the file is damaged. Raises ValueError where too
        many are.
        """
        path = files[number]
        if path not in self._kept:
            self.want(files, number)
            self._kept[path] = self._reading.pop(path).result().to(self.device)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(path)
        return self._kept[path].unpacked()


def made_ahead(batches: Iterator[Batch], device: torch.device) -> Iterator[Batch]:
    """The same batches, made by a thread that stays `WAITING` ahead; on a GPU in a stream of its own, so that
    it waits for its own work alone when it has to know a number. Ends with the error of the thread, if any.
    """
    made: queue.Queue[Batch | BaseException] = queue.Queue(WAITING)
    stopped = threading.Event()
    stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]

    if stream is not None:
        # people and backgrounds came by the caller's stream
        stream.wait_stream(torch.cuda.current_stream(device))

    def hand_over(item: Batch | BaseException) -> None:
        while not stopped.is_set():
            try:
                return made.put(item, timeout=0.1)
            except queue.Full:
                continue

    def work() -> None:
        try:
            with torch.cuda.stream(stream) if stream is not None else nullcontext():
                for batch in batches:
                    if stream is not None:
                        stream.synchronize()
                    hand_over(batch)
                    if stopped.is_set():
                        return
        except BaseException as error:
            hand_over(error)

    threading.Thread(target=work, name="views", daemon=True).start()
    try:
        while True:
            item = made.get()
            if isinstance(item, BaseException):
                raise item
            if stream is not None:
                for tensor in vars(item).values():
                    # its memory must not serve the next batch before this one's step has run
                    if tensor.is_cuda:
                        tensor.record_stream(torch.cuda.current_stream(device))
            yield item
    finally:
        stopped.set()
