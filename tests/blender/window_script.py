# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside a windowed Blender, driven by its timers, and plays a user: see test_window.py.

    blender --python window_script.py -- FOLDER

Copies the screen to FOLDER/<name>.xwd at each step of interest and writes what it saw to FOLDER/seen.json. At
the end it quits Blender in the middle of a job.
"""

import importlib
import json
import sys
import time
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from buildtools import window as played
from buildtools.window import area, show_tab, until, window

FOLDER = Path(sys.argv[sys.argv.index("--") + 1])
PACKAGE = "bl_ext.user_default.pifuhd_blender"
jobs = importlib.import_module(f"{PACKAGE}.jobs")
seen = {}


def view():
    return area('VIEW_3D')


def region(kind):
    return played.region(view(), kind)


def in_view():
    return bpy.context.temp_override(window=window(), area=view(), region=region('WINDOW'))


def shot(name):
    played.shot(FOLDER, name)


def set_mode(mode):
    (Path(jobs.__file__).parent / "mode.txt").write_text(mode, encoding="utf-8")


def start():
    with in_view():
        return sorted(bpy.ops.pifuhd.reconstruct('INVOKE_DEFAULT'))


def choose_photo():
    bpy.context.scene.pifuhd.image = bpy.data.images.load(str(FOLDER / "ada.png"))


def pull_box():
    """Drag the right side of the person box to the left in an Image Editor, then again, and think twice."""
    editor = area('PROPERTIES')
    editor.type = 'IMAGE_EDITOR'
    settings = bpy.context.scene.pifuhd
    editor.spaces.active.image = settings.image
    settings.own_box = True
    settings.box = (8, 8, 56, 56)
    yield 1.0
    canvas = next(region for region in editor.regions if region.type == 'WINDOW')
    with bpy.context.temp_override(window=window(), area=editor, region=canvas):
        bpy.ops.image.view_all()
    yield 1.0

    def pointer(kind, value, pixel):
        x, y = canvas.view2d.view_to_region(pixel / 64, 0.5, clip=False)
        window().event_simulate(kind, value, x=canvas.x + x, y=canvas.y + y)

    for end in ("LEFTMOUSE RELEASE", "ESC PRESS"):
        pointer('MOUSEMOVE', 'NOTHING', settings.box[2])
        yield 0.2
        pointer('LEFTMOUSE', 'PRESS', settings.box[2])
        yield 0.2
        for pixel in (50, 44, 40):
            pointer('MOUSEMOVE', 'NOTHING', pixel)
            yield 0.2
        seen[f"box before {end}"] = list(settings.box)
        pointer(*end.split(), 40)
        yield 0.5
        seen[f"box after {end}"] = list(settings.box)
        settings.box = (8, 8, 56, 56)
        with bpy.context.temp_override(window=window(), area=editor, region=canvas):
            bpy.ops.wm.tool_set_by_id(name="builtin.sample")  # which 5.x has from the start
    pointer('LEFTMOUSE', 'RELEASE', 40)
    yield 0.5
    shot("box")
    settings.own_box = False


def user():
    for item in list(bpy.data.objects):
        bpy.data.objects.remove(item)
    choose_photo()
    yield from show_tab(view())
    seen["tab"] = region('UI').active_panel_category
    shot("idle")
    seen["sidebar"] = [region('UI').x, region('UI').y, region('UI').width, region('UI').height]
    yield from pull_box()
    with in_view():
        bpy.ops.view3d.view_axis(type='FRONT')
        bpy.ops.ed.undo_push(message="before")

    # A job that the operator starts goes on by itself, on timers, while this script only looks.
    set_mode("slow")
    began = time.monotonic()
    seen["started"] = start()
    seen["seconds to start"] = time.monotonic() - began
    job = jobs.current()
    yield from until(lambda: job.fraction > 0.15)
    yield 0.5
    seen["early"] = job.fraction
    shot("early")
    yield from until(lambda: job.fraction > 0.5)
    yield 0.5
    seen["late"] = job.fraction
    seen["objects while the preview is drawn"] = len(bpy.data.objects)
    shot("late")

    seen["cancel"] = sorted(bpy.ops.pifuhd.cancel())
    began = time.monotonic()
    yield from until(lambda: jobs.current() is None)
    seen["seconds to cancel"] = time.monotonic() - began
    seen["after cancel"] = [jobs.notice().text, len(bpy.data.objects)]
    yield 0.5
    shot("cancelled")

    # One that ends well: an object, taken back by one undo and brought back by redo.
    set_mode("ok")
    start()
    yield from until(lambda: jobs.current() is None)
    seen["objects"] = [item.name for item in bpy.data.objects]
    seen["active"] = bpy.context.view_layer.objects.active.name
    with in_view():
        bpy.ops.view3d.view_all()
        seen["show colours"] = sorted(bpy.ops.pifuhd.show_colours())
    seen["color type"] = view().spaces.active.shading.color_type
    seen["highlights"] = view().spaces.active.shading.show_specular_highlight
    yield 1.5
    shot("done")
    with in_view():
        bpy.ops.ed.undo()
    seen["after undo"] = [item.name for item in bpy.data.objects]
    with in_view():
        bpy.ops.ed.redo()
    seen["after redo"] = [item.name for item in bpy.data.objects]

    # A failure is shown where the user looks.
    set_mode("out_of_memory")
    start()
    yield from until(lambda: jobs.current() is None)
    seen["failure"] = [jobs.notice().text, jobs.notice().hint]
    yield 0.5
    shot("failed")

    drawn = []
    room = importlib.import_module(f"{PACKAGE}.preferences").PIFUHD_AP_preferences
    draw = room.draw

    def draw_and_count(self, context):
        draw(self, context)
        drawn.append(len(drawn))

    room.draw = draw_and_count
    seen["preferences"] = sorted(bpy.ops.preferences.addon_show(module=PACKAGE))
    yield from until(lambda: drawn)
    yield 1.0
    room.draw = draw
    shot("preferences")

    # Another file in the middle of a job.
    set_mode("slow")
    start()
    job = jobs.current()
    yield from until(lambda: job.fraction > 0.03)
    bpy.ops.wm.read_homefile()
    yield from until(lambda: jobs.current() is None)
    seen["after load"] = jobs.notice().text

    # And the end in the middle of a job.
    choose_photo()
    seen["started again"] = start()
    job = jobs.current()
    yield from until(lambda: job.fraction > 0.03)
    seen["quit at"] = job.fraction


def at_end(failure):
    if failure:
        seen["failed"] = failure
        shot("script failed")
    (FOLDER / "seen.json").write_text(json.dumps(seen, indent=1), encoding="utf-8")


played.play(user(), at_end)
