# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Python runs the engine, and the Set Up Engine that makes one in the extension's user folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import bpy

from .engine import logs
from .engine.errors import EngineError
from .environment import Setup, is_complete, is_current, python_of

PYTHON_VARIABLE = "PIFUHD_ENGINE_PYTHON"
OPEN_PREFERENCES = "Open the extension's preferences and press Set Up Engine."
TICK = 0.2  # seconds between redraws of the progress lines


@dataclass(frozen=True)
class Status:
    """python: the engine's interpreter, "" when there is none; text: one sentence; hint: the next step."""

    python: str
    text: str
    hint: str


_status = Status("", "The engine is not set up.", OPEN_PREFERENCES)
_setup: Setup | None = None
_failure: EngineError | None = None


def user_folder() -> Path:
    """The folder that belongs to this extension and survives its updates; made when it is not there."""
    return Path(bpy.utils.extension_path_user(__package__, create=True))


def log_path() -> Path:
    return logs.log_path(user_folder())


def requirements_path() -> Path:
    return Path(__file__).parent / "engine" / "requirements.txt"


def environment_folder() -> Path:
    return user_folder() / "environment"


def status() -> Status:
    """What `refresh` last found. Reads nothing from disk, so panels may call it on every draw."""
    return _status


def refresh() -> None:
    """Look for the engine's Python: environment variable, then preferences, then our own environment."""
    global _status
    _status = _look()


def _look() -> Status:
    addon = bpy.context.preferences.addons.get(__package__)
    chosen = bpy.path.abspath(addon.preferences.engine_python) if addon and addon.preferences else ""
    for path, where in (
        (os.environ.get(PYTHON_VARIABLE, ""), f"the environment variable {PYTHON_VARIABLE}"),
        (chosen, "Engine Python in the preferences"),
    ):
        if path:
            if Path(path).is_file():
                return Status(path, "The engine is ready.", "")
            return Status("", f"{path} does not exist.", f"Correct {where}, or clear it.")
    folder = environment_folder()
    if not is_complete(folder):
        return Status("", "The engine is not set up.", OPEN_PREFERENCES)
    if not is_current(folder, requirements_path()):
        return Status("", "This version of the extension needs a newer engine.", OPEN_PREFERENCES)
    return Status(str(python_of(folder)), "The engine is ready.", "")


def current() -> Setup | None:
    return _setup


def last_failure() -> EngineError | None:
    return _failure


def start() -> Setup:
    """Start Set Up Engine. Raises EngineError("busy") while one runs."""
    global _setup, _failure
    if _setup is not None:
        raise EngineError(
            "busy", "The engine is already being set up.", "Wait for it, or press Cancel Setup."
        )
    _failure = None
    _setup = Setup(environment_folder(), requirements_path())
    bpy.app.timers.register(_tick, first_interval=TICK, persistent=True)
    return _setup


def settle() -> bool:
    """Take over the outcome of a finished setup; False while it still runs. For the main thread."""
    global _setup, _failure
    if _setup is None:
        return True
    if not _setup.finished:
        return False
    _failure = _setup.error
    _setup = None
    if _failure is not None:
        print(f"PIFuHD: {_failure}", flush=True)
    refresh()
    return True


def _tick() -> float | None:
    done = settle()
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in {'PREFERENCES', 'VIEW_3D'}:
                area.tag_redraw()
    return None if done else TICK


def register() -> None:
    refresh()


def unregister() -> None:
    global _setup, _failure
    if _setup is not None:
        _setup.cancel()
        _setup.join(10.0)
        _setup = None
    _failure = None
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
