# SPDX-License-Identifier: GPL-3.0-or-later
"""The one job that runs: started, followed, settled, and ended with Blender or the extension.

bpy is touched on the main thread only. In a window a timer calls `Job.update`; in background, where timers
never fire, `run` calls it in a loop.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from . import crowd, engine_setup, estimate, people, preview, results
from .engine.client import NormalMaps, Preview
from .engine.errors import Cancelled, EngineError
from .engine.process import EngineProcess
from .engine.sentences import Sentence, listed
from .finish import PLAIN, Finish
from .images import Picture
from .job import Job, Outcome, internal_error

TICK = 0.1  # seconds between two looks at a job


@dataclass(frozen=True)
class Notice:
    """How the last job ended, for the panel. code: the error's code, "" for a cancel and for warnings."""

    code: str
    text: str
    hint: str


_job: Job | None = None
_target: tuple[str, str] = ("", "")  # names of the scene and the view layer the running job was started in
_engine: EngineProcess | None = None
_engine_python = ""
_notice: Notice | None = None


def current() -> Job | None:
    return _job


def notice() -> Notice | None:
    return _notice


def set_notice(error: EngineError | None) -> None:
    global _notice
    _notice = None if error is None else Notice(error.code, error.text, error.hint)


def engine_folder() -> Path:
    """The folder that holds the `engine` package: the installed extension itself."""
    return Path(__file__).parent


def engine() -> EngineProcess | None:
    """The engine's process, running or not; None before the first job."""
    return _engine


def stop_engine() -> None:
    """End the engine process if one runs."""
    global _engine
    if _engine is not None:
        _engine.stop()
        _engine = None


def _begin(
    name: str,
    picture: Picture,
    settings: dict[str, Any],
    finish: Finish,
    normals: NormalMaps | None,
    *,
    preview: bool,
) -> Job:
    global _job, _engine, _engine_python, _notice
    if _job is not None:
        raise EngineError("busy", "A reconstruction is already running.", "Wait for it, or press Cancel.")
    if engine_setup.current() is not None:
        raise EngineError("busy", "The engine is being set up.", "Wait until that is done.")
    status = engine_setup.status()
    if not status.python:
        raise EngineError("engine_start", status.text, status.hint)
    if _engine is not None and _engine_python != status.python:
        stop_engine()
    if _engine is None:
        _engine = EngineProcess(status.python, engine_folder(), log=engine_setup.log_path())
        _engine_python = status.python
    _notice = None
    _job = Job(name, picture, settings, finish, _engine, preview=preview, normals=normals)
    return _job


def start(
    name: str,
    picture: Picture,
    settings: dict[str, Any],
    scene: bpy.types.Scene,
    view_layer: bpy.types.ViewLayer,
    finish: Finish = PLAIN,
    normals: NormalMaps | None = None,
) -> None:
    """Start a job that a timer follows. normals: maps to use in the place of new ones.

    Raises EngineError "busy" or "engine_start".
    """
    global _target
    _begin(name, picture, settings, finish, normals, preview=True)
    # Names, because undo or another file may free what a reference would point to.
    _target = (scene.name, view_layer.name)
    if not bpy.app.timers.is_registered(_tick):  # a second registration would tick, and stay, for itself
        bpy.app.timers.register(_tick, first_interval=TICK, persistent=True)


def run(
    name: str,
    picture: Picture,
    settings: dict[str, Any],
    on_progress: Callable[[Job], None],
    finish: Finish = PLAIN,
    normals: NormalMaps | None = None,
) -> bpy.types.Object:
    """Run a job to its end and return the new object. normals: as for start.

    Raises EngineError, Cancelled, KeyboardInterrupt.
    """
    global _job
    job = _begin(name, picture, settings, finish, normals, preview=False)
    try:
        while (outcome := job.update(wait=TICK)) is None:
            on_progress(job)
    except BaseException:
        job.abandon()
        raise
    finally:
        _job = None
    if isinstance(outcome, (EngineError, Cancelled)):
        raise outcome
    return _place(job, outcome, bpy.context.scene, bpy.context.view_layer)


def _place(
    job: Job, made: list[Result], scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer
) -> bpy.types.Object:
    global _notice
    estimate.measured(*estimate.kind(job.settings), job.seconds)
    person = crowd.place_all(job.name, made, job.settings, scene, view_layer, job.finish)
    set_notice(job.failure)
    warnings = dict.fromkeys(text for one in made for text in one.info.get("warnings", []))
    if warnings and job.failure is None:
        _notice = Notice("", listed([Sentence(text) for text in warnings], " "), "")
    windows = bpy.context.window_manager.windows
    if not bpy.app.background and windows:
        with bpy.context.temp_override(window=windows[0]):
            bpy.ops.ed.undo_push(message="Reconstruct from Image")
    return person


def _tick() -> float | None:
    global _job
    job = _job
    if job is None:
        return None
    if bpy.app.is_job_running('RENDER'):  # a render reads the data that a finished job would change
        return TICK
    outcome = job.update()
    if outcome is not None:
        _job = None
        preview.hide()
        _settle(job, outcome)
    elif job.preview is not None and not preview.shown():
        _show_preview(job, job.preview)
    redraw()
    return TICK if _job is not None else None


def _show_preview(job: Job, mesh: Preview) -> None:
    """Draw the coarse mesh where the final one will be, and list who was found."""
    older = bpy.data.objects.get(job.finish.replace)
    scene = bpy.data.scenes.get(_target[0]) or bpy.context.scene
    matrix = results.world_matrix(mesh.info, scene, job.finish) if older is None else older.matrix_world
    preview.show(mesh, matrix, results.metre(scene))
    results.remember_people(mesh.info, job.finish)


def _settle(job: Job, outcome: Outcome) -> None:
    global _notice
    if isinstance(outcome, list):
        scene = bpy.data.scenes.get(_target[0]) or bpy.context.scene
        view_layer = scene.view_layers.get(_target[1]) or scene.view_layers[0]
        try:
            _place(job, outcome, scene, view_layer)
            return
        except EngineError as error:
            outcome = error
        except Exception:
            outcome = internal_error(engine_setup.log_path())
    if isinstance(outcome, EngineError):
        set_notice(outcome)
        print(f"PIFuHD: {outcome}", flush=True)
    elif _notice is None:
        _notice = Notice("", "The reconstruction was cancelled.", "")


def redraw() -> None:
    """Have every sidebar that shows the tab drawn again."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in {'VIEW_3D', 'IMAGE_EDITOR'}:
                for region in area.regions:
                    if region.type == 'UI':
                        region.tag_redraw()


@bpy.app.handlers.persistent
def _before_load(*_: object) -> None:
    global _notice
    people.forget()
    if _job is not None:
        _job.cancel()
        _notice = Notice(
            "",
            "The reconstruction was cancelled because another file was opened.",
            "Start it again in this file.",
        )


def register() -> None:
    # Blender leaves this to the system, which ends a process that writes to one that is gone; Python
    # ignores it, so that the write fails in an orderly way instead.
    if hasattr(signal, "SIGPIPE") and signal.getsignal(signal.SIGPIPE) == signal.SIG_DFL:
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    bpy.app.handlers.load_pre.append(_before_load)


def unregister() -> None:
    global _job, _notice
    bpy.app.handlers.load_pre.remove(_before_load)
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    if _job is not None:
        _job.abandon()
        _job = None
    preview.hide()
    stop_engine()
    estimate.forget()
    _notice = None
