"""Runs inside a windowed Blender and plays a user, for the pictures of docs/guide: see guide.py.

    blender --python blender_guide.py -- FOLDER

Copies the screen to FOLDER/<name>.xwd; FOLDER/<name>.crop says which part of it to keep. FOLDER/done is
written at the end.
"""

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from buildtools import window as played
from buildtools.window import area, region, show_tab, until

FOLDER = Path(sys.argv[sys.argv.index("--") + 1])
PACKAGE = "bl_ext.user_default.pifuhd_blender"
jobs = importlib.import_module(f"{PACKAGE}.jobs")
engine_setup = importlib.import_module(f"{PACKAGE}.engine_setup")
MARGIN = 4  # pixels round a cropped sidebar


def view() -> bpy.types.Area:
    return area('VIEW_3D')


def in_view() -> Any:
    return bpy.context.temp_override(window=played.window(), area=view(), region=region(view(), 'WINDOW'))


def shot(name: str, part: bpy.types.Region | None = None) -> None:
    """A picture of the screen, or of a region on it."""
    played.shot(FOLDER, name)
    if part is not None:
        top = played.window().height - part.y - part.height  # Blender counts from the bottom
        corners = (part.x - MARGIN, top, part.x + part.width, top + part.height)
        (FOLDER / f"{name}.crop").write_text(" ".join(map(str, corners)), encoding="utf-8")


def showing() -> bool:
    """Whether there is something to see of a job: its preview, or its end."""
    job = jobs.current()
    return job is None or job.preview is not None


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
    shot("chosen")

    settings.resolution = 512  # at less the job is over before a picture of it is taken
    with in_view():
        bpy.ops.pifuhd.reconstruct('INVOKE_DEFAULT')
    yield from until(showing)
    yield 0.5
    shot("working")
    yield from until(lambda: jobs.current() is None)
    if jobs.notice() is not None:
        raise RuntimeError(jobs.notice().text)
    with in_view():
        bpy.ops.pifuhd.show_colours()
    settings.resolution = 256
    yield 2.0
    shot("made")
    with in_view():
        bpy.ops.view3d.view_orbit(angle=0.6, type='ORBITLEFT')
    yield 1.0
    shot("done")

    editor = area('PROPERTIES')
    editor.type = 'IMAGE_EDITOR'
    editor.spaces.active.image = settings.image
    settings.own_box = True
    yield 1.0
    with bpy.context.temp_override(window=played.window(), area=editor, region=region(editor, 'WINDOW')):
        bpy.ops.image.view_all(fit_view=True)
    yield 1.5
    shot("box", region(editor, 'WINDOW'))


def at_end(failure: str) -> None:
    jobs.stop_engine()
    print(failure)
    if not failure:
        (FOLDER / "done").touch()


played.play(user(), at_end)
