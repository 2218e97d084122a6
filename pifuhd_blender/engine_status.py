# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine as the status line shows it: off, starting, ready, working; and what can be asked of it.

It is asked on a timer that runs only while the status line is drawn, from a thread: an answer may take long.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

from . import devices, engine_setup, jobs
from .engine.client import EngineClient
from .engine.errors import Cancelled, EngineError
from .engine.findings import Finding, examine
from .engine.process import EngineProcess
from .job import STARTING, talking
from .labels import words
from .tasks import Task

POLL = 1.0  # seconds between two looks at the engine
WANTED = 5.0  # seconds after the last drawing of the status line until nobody looks any more

WHERE = {
    "": "with nothing loaded",
    "cpu": "on the processor",
    "cuda": "on the graphics card",
    "mps": "on Apple's graphics",
}
"""The engine's device, without its number -> words."""


class _Question:
    """One question to a running engine, asked in a thread. answer: the engine's state, None without one."""

    def __init__(self, name: str, ask: Callable[[], dict[str, Any] | None]) -> None:
        self.name = name
        self.answer: dict[str, Any] | None = None
        self._ask = ask
        self._thread = threading.Thread(target=self._work, name="pifuhd-question", daemon=True)
        self._thread.start()

    @property
    def answered(self) -> bool:
        return not self._thread.is_alive()

    def _work(self) -> None:
        # An engine that went meanwhile, by itself or stopped by the user: the line then says that it is off.
        with contextlib.suppress(EngineError, Cancelled):
            self.answer = self._ask()


class Examination(Task):
    """Has the engine's Python examine itself. findings: after success."""

    def __init__(self, python: str, folder: Path, log: Path) -> None:
        super().__init__("Examining the engine", log)
        self.findings: list[Finding] = []
        self._python = python
        self._folder = folder
        self.begin()

    def work(self) -> None:
        self.findings = examine(self._python, self._folder, cancelled=self._cancelled.is_set)
        for finding in self.findings:
            self.say(f"{finding.state}: {finding.text} {finding.hint}".rstrip())


_state: dict[str, Any] | None = None
_question: _Question | None = None
_drawn = 0.0
_findings: list[Finding] = []


def line() -> tuple[str, str]:
    """The status line, and its icon. Reads nothing but memory."""
    job, engine = jobs.current(), jobs.engine()
    if job is not None:
        return (STARTING, 'TIME') if job.label == STARTING else ("The engine is working", 'PLAY')
    if _question is not None and _question.name:
        return _question.name, 'TIME'
    if engine is None or not engine.alive:
        return "Off until the next job", 'RADIOBUT_OFF'
    return "Ready" if _state is None else described(_state), 'RADIOBUT_ON'


def described(state: dict[str, Any]) -> str:
    """The engine's state in words: on what it computes, and the memory that it holds."""
    kind = state["device"].partition(":")[0]
    here, there = (devices.in_words(state[name] / 1e6) for name in ("resident", "device_memory"))
    both = words("{there} there, {here} here", there=there, here=here)
    held = both if state["device_memory"] else words("{size} of memory", size=here)
    return words("Ready {where}: {held}", where=words(WHERE.get(kind, kind)), held=held)


def findings() -> list[Finding]:
    """What the last examination found that is not in order."""
    return [finding for finding in _findings if finding.state != "ok"]


def examined() -> bool:
    return bool(_findings)


def forget() -> None:
    """Drop what the last examination found: it is of another environment."""
    _findings.clear()


def idle_engine() -> EngineProcess | None:
    """The engine's process where it runs and has no job; else None."""
    engine = jobs.engine()
    return engine if engine and engine.alive and jobs.current() is None else None


def watch() -> None:
    """Keep the status line's facts fresh for a while; called when it is drawn."""
    global _drawn
    _drawn = time.monotonic()
    engine = jobs.engine()
    if engine is not None and engine.alive and not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=0.0, persistent=True)


def free_memory() -> None:
    """Have the engine give back weights and the device's memory."""
    _ask("Freeing memory", EngineClient.unload)


def stop() -> None:
    """End the engine's process without waiting for its end, also where it no longer answers."""
    engine = idle_engine()
    if engine is not None:
        _begin(_Question("Stopping the engine", engine.stop))


def examine_engine() -> Examination:
    """Start an examination. Raises EngineError("busy") while another task of the engine's setup runs."""
    engine_setup.refuse_while_busy()
    task = Examination(engine_setup.status().python, jobs.engine_folder(), engine_setup.setup_log_path())

    def keep() -> None:
        global _findings
        _findings = task.findings

    engine_setup.follow(task, keep)
    return task


def settle() -> bool:
    """Take in the answer to the open question; whether none is open any more. For the main thread."""
    global _question, _state
    if _question is None:
        return True
    if not _question.answered:
        return False
    changed = _question.answer != _state or bool(_question.name)
    _question, _state = None, _question.answer
    if changed:
        engine_setup.redraw()
    return True


def _ask(name: str, ask: Callable[[EngineClient], dict[str, Any]]) -> None:
    engine = idle_engine()
    if engine is not None and _question is None:

        def talk() -> dict[str, Any] | None:
            with talking:
                # not `ensure`: a look at an engine that leaves must not start the next
                client = engine.client
                return None if client is None else ask(client)

        _begin(_Question(name, talk))


def _begin(question: _Question) -> None:
    global _question
    _question = question
    if not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=POLL, persistent=True)


def _tick() -> float | None:
    global _state
    if not settle():
        return POLL
    engine = jobs.engine()
    if engine is None or not engine.alive:
        _state = None
        return None
    if time.monotonic() - _drawn > WANTED:
        return None
    _ask("", EngineClient.status)
    return POLL


def register() -> None:
    """Nothing is asked before the status line is drawn."""


def unregister() -> None:
    global _question, _state
    _question = _state = None
    forget()
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
