# SPDX-License-Identifier: GPL-3.0-or-later
"""How a batch tells what it does: lines, a bar on a terminal, or JSON for other programs."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from . import api, estimate
from .batch_inputs import Item
from .job import Job

BAR = 24  # characters


@dataclass(frozen=True)
class Failure:
    """code: an EngineError's, "cancelled" or "not_tried". text, hint: a sentence and the next step."""

    label: str
    file: str
    code: str
    text: str
    hint: str


class Lines:
    """A line for each stage and each tenth, for logs; the failures again at the end."""

    def __init__(self) -> None:
        self._failures: list[Failure] = []
        self._done = self._all = 0
        self._head = ""
        self._tenths = api.Lines(self._say)

    def start(self, item: Item, number: int, count: int) -> None:
        self._all = count
        self._head = f"[{number}/{count}] {item.label}: "
        self._tenths = api.Lines(self._say)

    def progress(self, _item: Item, job: Job) -> None:
        self._tenths(job)

    def done(self, _item: Item, outputs: Sequence[Path], _seconds: float) -> None:
        self._done += 1
        for output in outputs:
            self._say(f"wrote {output}")

    def skipped(self, _item: Item, _outputs: Sequence[Path]) -> None:
        self._done += 1
        self._say("skipped, its files are there.")

    def failed(self, failure: Failure) -> None:
        self._failures.append(failure)
        self._say(f"{failure.text} {failure.hint}".strip())

    def end(self, outputs: Sequence[Path], _seconds: float) -> None:
        self._head = ""
        for output in outputs:
            self._say(f"wrote {output}")
        for failure in self._failures:
            self._say(f"failed: {failure.label}: {failure.text} {failure.hint}".rstrip())
        self._say(f"{self._done} of {self._all} done.")

    def _say(self, line: str) -> None:
        print(f"PIFuHD: {self._head}{line}", flush=True)


class Bar(Lines):
    """Lines for what has happened, and under them a bar for what is happening."""

    def progress(self, _item: Item, job: Job) -> None:
        filled = round(job.fraction * BAR)
        bar = "#" * filled + "-" * (BAR - filled)
        left = f", {estimate.duration(job.remaining)} left" if job.fraction else ""
        self._draw(f"{self._head}{bar} {job.fraction * 100:3.0f} %  {job.label}{left}")

    def _say(self, line: str) -> None:
        self._draw("")
        super()._say(line)

    def _draw(self, text: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        print("\r" + text[:width].ljust(width), end="\r", flush=True)  # spaces: not every terminal can erase


class Events:
    """An object of JSON in each line; docs/batch.md tells the keys."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._counts = {"done": 0, "failed": 0, "skipped": 0}
        self._last: tuple[str, int] = ("", -1)

    def start(self, item: Item, number: int, count: int) -> None:
        self._last = ("", -1)
        self._write("start", file=item.file, number=number, count=count)

    def progress(self, item: Item, job: Job) -> None:
        step = (job.label, int(job.fraction * 100))
        if step != self._last:
            self._last = step
            remaining = round(job.remaining, 1)
            self._write(
                "progress", file=item.file, stage=job.label, fraction=step[1] / 100, remaining=remaining
            )

    def done(self, item: Item, outputs: Sequence[Path], seconds: float) -> None:
        self._counts["done"] += 1
        paths = [str(path) for path in outputs]
        self._write("done", file=item.file, outputs=paths, seconds=round(seconds, 3))

    def skipped(self, item: Item, outputs: Sequence[Path]) -> None:
        self._counts["skipped"] += 1
        self._write("skipped", file=item.file, outputs=[str(path) for path in outputs])

    def failed(self, failure: Failure) -> None:
        self._counts["failed"] += 1
        self._write("failed", file=failure.file, code=failure.code, text=failure.text, hint=failure.hint)

    def end(self, outputs: Sequence[Path], seconds: float) -> None:
        paths = [str(path) for path in outputs]
        self._write("end", outputs=paths, seconds=round(seconds, 3), **self._counts)

    def _write(self, event: str, **fields: object) -> None:
        self._stream.write(json.dumps({"event": event, **fields}) + "\n")
        self._stream.flush()


Report = Lines | Events


@contextlib.contextmanager
def opened(jsonl: bool) -> Iterator[Report]:
    """The report for this run. With jsonl, what else Blender prints goes to the error output."""
    if not jsonl:
        yield Bar() if sys.stdout.isatty() else Lines()
        return
    # For good: what C has buffered is written at Blender's end. redirect_stdout, because Python's stream need
    # not be that of file descriptor 1.
    with (
        open(os.dup(1), "w", encoding="utf-8") as stream,
        contextlib.redirect_stdout(sys.stderr),
    ):
        os.dup2(2, 1)
        yield Events(stream)
