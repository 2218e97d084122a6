# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Python runs the engine, and the task that makes, checks or removes it, seen by the main thread."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import bpy

from . import devices, environment
from .engine import logs
from .engine.errors import Cancelled, EngineError
from .engine.sentences import Sentence
from .environment import python_of, read_stamp
from .installation import Check, Plan, Removal, Setup, blender_python
from .tasks import Task

PYTHON_VARIABLE = "PIFUHD_ENGINE_PYTHON"
SET_UP = "Press Set Up Engine in the PIFuHD tab of the 3D view's sidebar."
TICK = 0.2  # seconds between redraws of the progress lines


@dataclass(frozen=True)
class Status:
    """python: the engine's interpreter, "" when there is none; text: one sentence; hint: the next step.

    stamp: what is known of our own environment, None where there is none. outdated: it needs an update.
    """

    python: str
    text: str
    hint: str
    stamp: environment.Stamp | None = None
    outdated: bool = False


@dataclass(frozen=True)
class Notice:
    """How the last task ended, where the user should know. failed: it did not do what it was to do."""

    text: str
    hint: str
    failed: bool


_status = Status("", "The engine is not set up.", SET_UP)
_automatic = devices.OFFERED[-1]
_folder = Path()
_kept_mb = 0
_task: Task | None = None
_then: Callable[[], None] | None = None
_notice: Notice | None = None


def user_folder() -> Path:
    """The folder that belongs to this extension and survives its updates; made when it is not there."""
    return Path(bpy.utils.extension_path_user(__package__, create=True))


def log_path() -> Path:
    return logs.log_path(user_folder())


def setup_log_path() -> Path:
    return user_folder() / "setup.log"


def requirements_path() -> Path:
    return Path(__file__).parent / "engine" / "requirements.txt"


def environment_folder() -> Path:
    return user_folder() / "environment"


def downloads_folder() -> Path:
    return user_folder() / "downloads"


def preferences() -> bpy.types.AddonPreferences | None:
    """The user's choices, or None while the extension is being enabled."""
    addon = bpy.context.preferences.addons.get(__package__)
    return addon.preferences if addon else None


def status() -> Status:
    """What `refresh` last found. Reads nothing from disk, so panels may call it on every draw."""
    return _status


def device() -> devices.Device:
    """What Set Up Engine would install for. Reads nothing from disk."""
    chosen = preferences()
    key = chosen.device if chosen else devices.AUTOMATIC
    return _automatic if key == devices.AUTOMATIC else devices.find(key)


def folder() -> Path:
    """`user_folder` as `refresh` last found it. Reads nothing from disk."""
    return _folder


def kept_mb() -> int:
    """Megabytes that an unfinished setup has downloaded already. Reads nothing from disk."""
    return _kept_mb


def removable_mb() -> int:
    """Megabytes that `remove` would free, as `refresh` last found them."""
    return _kept_mb + (_status.stamp.mb if _status.stamp else 0)


def refresh() -> None:
    """Look for the engine's Python: environment variable, then preferences, then our own environment."""
    global _status, _automatic, _folder, _kept_mb
    _folder = user_folder()
    _kept_mb = environment.size_mb(downloads_folder())
    _automatic = devices.find(devices.AUTOMATIC)
    _status = _look()


def _look() -> Status:
    chosen = preferences()
    named = bpy.path.abspath(chosen.engine_python) if chosen else ""
    for path, where in (
        (
            os.environ.get(PYTHON_VARIABLE, ""),
            Sentence("the environment variable {variable}", variable=PYTHON_VARIABLE),
        ),
        (named, Sentence("Engine Python in the preferences")),
    ):
        if path:
            if Path(path).is_file():
                return Status(path, "The engine is ready.", "")
            return Status(
                "",
                Sentence("{path} does not exist.", path=path),
                Sentence("Correct {where}, or clear it.", where=where),
            )
    stamp = read_stamp(environment_folder())
    if stamp is None:
        return Status("", "The engine is not set up.", SET_UP)
    if stamp.requirements != environment.digest(requirements_path()):
        return Status("", "This version of the extension needs a newer engine.", SET_UP, stamp, outdated=True)
    return Status(str(python_of(environment_folder())), "The engine is ready.", "", stamp)


def current() -> Task | None:
    return _task


def notice() -> Notice | None:
    return _notice


def follow(task: Task, then: Callable[[], None] | None = None) -> None:
    """Make a task the current one and watch it on a timer. then: called after success, on the main thread."""
    global _task, _then, _notice
    _task, _then, _notice = task, then, None
    if not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=TICK, persistent=True)


def refuse_while_busy() -> None:
    """Raises EngineError("busy") while a task runs."""
    if _task is not None:
        raise EngineError(
            "busy", Sentence("{task}.", task=Sentence(_task.label)), "Wait for it, or press Cancel Setup."
        )


def start() -> Setup:
    """Start Set Up Engine as the preferences say. Raises EngineError("busy") while a task runs."""
    refuse_while_busy()
    chosen = preferences()
    wheels = bpy.path.abspath(chosen.wheel_folder) if chosen and chosen.wheel_folder else ""
    base = bpy.path.abspath(chosen.base_python) if chosen and chosen.base_python else ""
    plan = Plan(
        environment_folder(),
        requirements_path(),
        downloads_folder(),
        device(),
        base or blender_python(),
        Path(wheels) if wheels else None,
    )
    task = Setup(plan, setup_log_path())

    def use() -> None:
        if chosen is not None:
            chosen.engine_python = ""  # it would come before the new environment

    follow(task, use)
    return task


def check(python: str) -> Check:
    """Ask an interpreter of the user's for the engine's packages, and use it if it has them all.

    Raises EngineError("busy") while a task runs.
    """
    refuse_while_busy()
    task = Check(python, requirements_path(), setup_log_path())

    def use() -> None:
        global _notice
        chosen = preferences()
        if chosen is not None:
            chosen.engine_python = python
        if task.remark:
            _notice = Notice(task.remark, "It may work all the same.", failed=False)

    follow(task, use)
    return task


def remove() -> Removal:
    """Delete the environment and its downloads. Raises EngineError("busy"), OSError where they are in use."""
    refuse_while_busy()
    task = Removal([environment_folder(), downloads_folder()], setup_log_path())
    refresh()
    follow(task)
    return task


def settle() -> bool:
    """Take over the outcome of a finished task; False while it still runs. For the main thread."""
    global _task, _then, _notice
    if _task is None:
        return True
    if not _task.finished:
        return False
    ended, then = _task, _then
    _task = _then = None
    if isinstance(ended.error, Cancelled):
        _notice = Notice(
            Sentence("{task} was cancelled.", task=Sentence(ended.name)), ended.after_cancel, failed=False
        )
    elif ended.error is not None:
        _notice = Notice(ended.error.text, ended.error.hint, failed=True)
    refresh()
    if ended.error is None and then is not None:
        then()
    return True


def _tick() -> float | None:
    done = settle()
    redraw()
    return None if done else TICK


def redraw() -> None:
    """Have every place that shows the engine drawn again."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in {'PREFERENCES', 'VIEW_3D', 'IMAGE_EDITOR'}:
                area.tag_redraw()


def register() -> None:
    refresh()


def unregister() -> None:
    global _task, _then, _notice
    if _task is not None:
        _task.cancel()
        _task.join(10.0)
    _task = _then = _notice = None
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
