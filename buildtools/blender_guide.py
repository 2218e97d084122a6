"""Runs inside a windowed Blender and plays a user, for the pictures of docs/guide: see guide.py.

    blender --python blender_guide.py -- FOLDER

Copies the screen to FOLDER/<name>.xwd; FOLDER/<name>.crop says which part of it to keep. FOLDER/done is
written at the end.
"""

import importlib
import os
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy

FOLDER = Path(sys.argv[sys.argv.index("--") + 1])
PACKAGE = "bl_ext.user_default.pifuhd_blender"
jobs = importlib.import_module(f"{PACKAGE}.jobs")
engine_setup = importlib.import_module(f"{PACKAGE}.engine_setup")
MARGIN = 4  # pixels round a cropped sidebar


def window() -> bpy.types.Window:
    return bpy.context.window_manager.windows[0]


def view() -> bpy.types.Area:
    return next(area for area in window().screen.areas if area.type == 'VIEW_3D')


def region(area: bpy.types.Area, kind: str) -> bpy.types.Region:
    return next(region for region in area.regions if region.type == kind)


def in_view() -> Any:
    return bpy.context.temp_override(window=window(), area=view(), region=region(view(), 'WINDOW'))


def shot(name: str, part: bpy.types.Region | None = None) -> None:
    """A picture of the screen, or of a region on it."""
    shutil.copyfile(os.environ["FRAMEBUFFER"], FOLDER / f"{name}.xwd")
    if part is not None:
        top = window().height - part.y - part.height  # Blender counts from the bottom
        corners = (part.x - MARGIN, top, part.x + part.width, top + part.height)
        (FOLDER / f"{name}.crop").write_text(" ".join(map(str, corners)), encoding="utf-8")


def until(condition: Callable[[], bool], seconds: float = 240.0) -> Iterator[float]:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("it did not happen in time")
        yield 0.05


def showing() -> bool:
    """Whether there is something to see of a job: its preview, or its end."""
    job = jobs.current()
    return job is None or job.preview is not None


def show_tab(area: bpy.types.Area) -> Iterator[float]:
    area.spaces.active.show_region_ui = True
    yield 1.0
    region(area, 'UI').active_panel_category = "PIFuHD"
    area.tag_redraw()
    yield 1.5


def user() -> Iterator[float]:
    for item in list(bpy.data.objects):
        bpy.data.objects.remove(item)
    yield from show_tab(view())

    # what somebody sees who has just installed the extension
    python = os.environ.pop("PIFUHD_ENGINE_PYTHON")
    engine_setup.refresh()
    view().tag_redraw()
    yield 1.5
    shot("first_use", region(view(), 'UI'))
    os.environ["PIFUHD_ENGINE_PYTHON"] = python
    engine_setup.refresh()

    settings = bpy.context.scene.pifuhd
    settings.image = bpy.data.images.load(str(FOLDER / "photograph.jpg"))
    seen = view().spaces.active.region_3d
    with in_view():
        bpy.ops.view3d.view_axis(type='FRONT')
    yield 1.0
    seen.view_location, seen.view_distance = (0.0, 0.0, 0.9), 5.0
    view().tag_redraw()
    yield 1.0
    shot("ready", region(view(), 'UI'))

    settings.resolution = 512  # at less the job is over before a picture of it is taken
    with in_view():
        bpy.ops.pifuhd.reconstruct('INVOKE_DEFAULT')
    yield from until(showing)
    yield 0.5
    shot("working")
    yield from until(lambda: jobs.current() is None)
    if jobs.notice() is not None:
        raise RuntimeError(jobs.notice().text)
    space = view().spaces.active
    space.shading.color_type = 'VERTEX'
    with in_view():
        bpy.ops.view3d.view_orbit(angle=0.6, type='ORBITLEFT')
    settings.resolution = 256
    yield 2.0
    shot("done")

    editor = next(area for area in window().screen.areas if area.type == 'PROPERTIES')
    editor.type = 'IMAGE_EDITOR'
    editor.spaces.active.image = settings.image
    settings.own_box = True
    yield 1.0
    with bpy.context.temp_override(window=window(), area=editor, region=region(editor, 'WINDOW')):
        bpy.ops.image.view_all(fit_view=True)
    yield 1.5
    shot("box", region(editor, 'WINDOW'))
    (FOLDER / "done").write_text("", encoding="utf-8")


bpy.context.preferences.view.show_splash = False
STEPS = user()


def tick() -> float | None:
    try:
        return next(STEPS)
    except StopIteration:
        pass
    except Exception:
        traceback.print_exc()
    jobs.stop_engine()
    bpy.ops.wm.quit_blender()
    return None


bpy.app.timers.register(tick, first_interval=2.0)
