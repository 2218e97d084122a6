# SPDX-License-Identifier: GPL-3.0-or-later
"""A running reconstruction: a thread that talks to the engine, seen by the main thread through a queue."""

from __future__ import annotations

import queue
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from . import engine_setup, estimate
from .engine.client import EngineClient, NormalMaps, Preview, Result
from .engine.errors import STAGES, Cancelled, EngineError
from .engine.process import EngineProcess
from .engine.sentences import Sentence
from .finish import ONE, Finish
from .images import Picture

LAST_WAIT = 10.0  # seconds Blender waits at its end for a job's thread, after its engine was killed

# Stage -> what the user reads, and its share of the bar: roughly that of a usual job's time.
LABELS = {
    "weights": "Loading the weights",
    "photo": "Reading the photo",
    "normals": "Estimating normals",
    "features": "Reading features",
    "surface": "Finding the surface",
    "colour": "Colouring",
    "transfer": "Receiving the mesh",
}
SHARES = {
    "weights": 0.05,
    "photo": 0.02,
    "normals": 0.13,
    "features": 0.20,
    "surface": 0.45,
    "colour": 0.10,
    "transfer": 0.05,
}
STARTING = "Starting the engine"

talking = threading.Lock()
"""Held by the thread that talks with the engine, whose client takes one call at a time."""
TOLD = 0.2  # of the bar: before, what the job took so far says less than the estimate

Outcome = list[Result] | EngineError | Cancelled


def fraction(stage: str, done: int, total: int) -> float:
    """Progress of the whole job in [0, 1] from that of one stage."""
    before = sum(SHARES[name] for name in STAGES[: STAGES.index(stage)])
    return before + SHARES[stage] * min(max(done / total, 0.0), 1.0) if total > 0 else before


class Job:
    """One reconstruction, or one of each person in a picture. Made, updated and cancelled on the main thread.

    normals: maps to make it of, in the place of new ones.
    fraction: progress in [0, 1] of the person at work, never falling; label: the stage in words;
    cancelling: a cancel is under way; preview: the coarse mesh once it has come, where one was asked for;
    failure: why not everybody came.
    """

    def __init__(
        self,
        name: str,
        picture: Picture,
        settings: dict[str, Any],
        finish: Finish,
        engine: EngineProcess,
        *,
        preview: bool,
        normals: NormalMaps | None = None,
    ) -> None:
        self.name = name
        self.settings = settings
        self.finish = finish
        self.preview: Preview | None = None
        self.failure: EngineError | None = None
        self._whose = ""  # "Person 2 of 3"
        self.fraction = 0.0
        self.label = STARTING
        self._began = 0.0  # when the engine had its weights, by time.monotonic
        self._picture = picture
        self._wants_preview = preview
        self._normals = normals
        self._engine = engine
        self._log = engine_setup.log_path()
        self._messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._cancel = threading.Event()
        self._connected = threading.Event()
        self._thread = threading.Thread(target=self._work, name="pifuhd-job", daemon=True)
        self._thread.start()

    @property
    def cancelling(self) -> bool:
        return self._cancel.is_set()

    @property
    def seconds(self) -> float:
        """How long the engine has worked, without starting and loading its weights."""
        return time.monotonic() - self._began if self._began else 0.0

    @property
    def remaining(self) -> float:
        """Seconds the job is expected to take from now on."""
        kind = estimate.kind(self.settings)
        if self.fraction < TOLD:
            return max(estimate.seconds(*kind) - self.seconds, 0.0)
        return self.seconds * (1.0 - self.fraction) / self.fraction

    def cancel(self) -> None:
        """Ask for the end. The engine stops between two batches of points, or the client kills it."""
        self._cancel.set()

    def update(self, wait: float = 0.0) -> Outcome | None:
        """Take in what the thread has sent; its outcome once there is one. wait: seconds to wait for news."""
        if self.cancelling and not self._connected.is_set():
            return Cancelled()  # the engine goes on starting, for the next job
        try:
            message = self._messages.get(timeout=wait) if wait else self._messages.get_nowait()
            while isinstance(message, (tuple, Preview, str)):
                if isinstance(message, Preview):
                    self.preview = message
                elif isinstance(message, str):
                    self._whose, self.fraction, self._began = message, 0.0, 0.0
                else:
                    self._advance(*message)
                message = self._messages.get_nowait()
            # Whoever pressed Cancel does not want the mesh that was already on its way.
            return Cancelled() if self.cancelling else message
        except queue.Empty:
            return None

    def _advance(self, stage: str, done: int, total: int) -> None:
        label = Sentence(LABELS[stage])
        self.label = Sentence("{whose}: {stage}", whose=self._whose, stage=label) if self._whose else label
        if stage != "weights" and not self._began:
            self._began = time.monotonic()
        self.fraction = max(self.fraction, fraction(stage, done, total))

    def abandon(self) -> None:
        """Cancel, stop the engine and wait for the thread: for the end of Blender or of the extension."""
        self.cancel()
        self._engine.stop()
        self._thread.join(LAST_WAIT)

    def _work(self) -> None:
        outcome: Outcome
        try:
            client = self._engine.ensure()
            with talking:  # until then a cancel need not wait for whoever talks now
                self._connected.set()
                if self.cancelling:
                    raise Cancelled
                outcome = self._reconstruct(client)
        except (EngineError, Cancelled) as ended:
            outcome = ended
        except Exception:
            outcome = internal_error(self._log)
        self._messages.put(outcome)

    def _reconstruct(self, client: EngineClient) -> list[Result]:
        show = self._messages.put if self._wants_preview else None
        ask = (self._on_progress, self._cancel.is_set)
        maps = self._normals
        made = [client.reconstruct(self._picture, self.settings, *ask, normals=maps, on_preview=show)]
        count = 1 if self.finish.people == ONE else len(made[0].info["people"])
        try:
            for number in range(2, count + 1):
                self._messages.put(Sentence("Person {number} of {count}", number=number, count=count))
                made.append(client.reconstruct(self._picture, {**self.settings, "person": number}, *ask))
        except EngineError as error:  # those who are there already are not thrown away
            self.failure = error
        return made

    def _on_progress(self, stage: str, done: int, total: int, _unit: str) -> None:
        self._messages.put((stage, done, total))


def internal_error(log: Path) -> EngineError:
    """What the user sees for a defect of ours; the traceback goes to the log, not to the console."""
    with log.open("a", encoding="utf-8") as file:
        file.write(traceback.format_exc())
    return EngineError(
        "internal",
        "The extension met a defect of its own.",
        Sentence("Please report it with the log {log}.", log=log),
    )
