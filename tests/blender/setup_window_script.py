# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside a windowed Blender, driven by its timers, and sets the engine up: see test_setup_window.py.

    blender --python setup_window_script.py -- FOLDER

Copies the screen to FOLDER/<name>.xwd at each step of interest and writes what it saw to FOLDER/seen.json.
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
engine_setup = importlib.import_module(f"{PACKAGE}.engine_setup")
seen = {}


def view():
    return area('VIEW_3D')


def region(kind):
    return played.region(view(), kind)


def press(operator, how='INVOKE_DEFAULT'):
    with bpy.context.temp_override(window=window(), area=view(), region=region('WINDOW')):
        return sorted(operator(how))


def shot(name):
    played.shot(FOLDER, name)


def user():
    yield from show_tab(view())
    shot("offline")
    seen["sidebar"] = [region('UI').x, region('UI').y, region('UI').width, region('UI').height]

    bpy.context.preferences.system.use_online_access = True
    engine_setup.redraw()
    yield 1.0
    shot("before")
    began = time.monotonic()
    seen["started"] = press(bpy.ops.pifuhd.set_up_engine)
    seen["seconds to start"] = time.monotonic() - began
    task = engine_setup.current()
    yield from until(lambda: task.done_mb > 1.0)
    task.total_mb = 5.0  # the tiny wheels', so that the bar shows
    yield 0.6
    seen["half"] = [task.label, task.done_mb]
    shot("half")
    yield from until(lambda: engine_setup.current() is None)
    seen["after"] = engine_setup.status().text
    yield 1.0
    shot("after")

    seen["licence"] = press(bpy.ops.pifuhd.download_weights)
    yield 1.0
    shot("licence")
    # Nothing may go on under an open dialog: the next step is the last.


def at_end(failure):
    if failure:
        seen["failed"] = failure
        shot("script failed")
    (FOLDER / "seen.json").write_text(json.dumps(seen, indent=1), encoding="utf-8")


played.play(user(), at_end)
