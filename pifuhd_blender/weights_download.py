# SPDX-License-Identifier: GPL-3.0-or-later
"""The second download: the checkpoint that PIFuHD's authors released, fetched by the engine."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import bpy

from . import devices, engine_setup
from .engine import spawn
from .engine.errors import Cancelled, EngineError
from .engine.sentences import Sentence
from .engine.weights.registry import REGISTRY
from .tasks import Task

ENTRY: Final = REGISTRY["pifuhd"]
SIZE: Final = devices.in_words(ENTRY.about_mb)
LICENCE: Final = (
    "The released checkpoint belongs to the authors of PIFuHD.",
    "Licence: Creative Commons Attribution-NonCommercial, CC BY-NC 4.0",
    "",
    "You may share and adapt it if",
    "  you name the authors, link the licence and say what you changed;",
    "  your purpose is not commercial.",
    "It comes without any warranty.",
)
LICENCE_URL: Final = "https://creativecommons.org/licenses/by-nc/4.0/"

_task: WeightsDownload | None = None
_error: EngineError | None = None
_here = False


class WeightsDownload(Task):
    """Runs `python -m engine weights download pifuhd`, which continues what an earlier run began."""

    after_cancel = "What was downloaded is kept: a second download goes on from there."

    def __init__(self, python: str, folder: Path, log: Path) -> None:
        super().__init__("Downloading PIFuHD's weights", log)
        self.total_mb = float(ENTRY.about_mb)
        self._python = python
        self._folder = folder
        self.begin()

    def work(self) -> None:
        command = spawn.command(self._python, "weights", "download", ENTRY.name, "--accept-licence")
        with self.counting(self._arrived):
            code, last = self.run(command, folder=self._folder)
        if code != 0:
            raise EngineError(
                "io",
                Sentence("The weights were not installed: {last}", last=last),
                "What has arrived is kept.",
            )

    def _arrived(self) -> int:
        whole = ENTRY.path.with_suffix(".pt")
        if whole.is_file():
            self.label, self.total_mb = "Converting the weights", 0.0
            return whole.stat().st_size
        return whole.with_suffix(".pt.part").stat().st_size


def current() -> WeightsDownload | None:
    return _task


def error() -> EngineError | None:
    """Why the last download failed."""
    return _error


def here() -> bool:
    """Whether the weights are on this machine, as `refresh` last found. Reads nothing."""
    return _here


def refresh() -> None:
    global _here
    _here = ENTRY.state == "downloaded"


def start(python: str, folder: Path) -> WeightsDownload:
    """Start the download, with the licence accepted. Raises EngineError("busy") while one runs.

    python, folder: the engine's interpreter, and the folder that holds its package.
    """
    global _task, _error
    if _task is not None:
        raise EngineError("busy", "The weights are being downloaded.", "Wait for it, or press Cancel.")
    _error = None
    _task = WeightsDownload(python, folder, engine_setup.setup_log_path())
    bpy.app.timers.register(_tick, first_interval=engine_setup.TICK, persistent=True)
    return _task


def settle() -> bool:
    """Take over the outcome of a finished download; False while it still runs. For the main thread."""
    global _task, _error
    if _task is None:
        return True
    if not _task.finished:
        return False
    if not isinstance(_task.error, Cancelled):
        _error = _task.error
    _task = None
    refresh()
    return True


def _tick() -> float | None:
    done = settle()
    engine_setup.redraw()
    return None if done else engine_setup.TICK


def register() -> None:
    refresh()


def unregister() -> None:
    global _task, _error
    if _task is not None:
        _task.cancel()
        _task.join(10.0)
    _task = _error = None
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
