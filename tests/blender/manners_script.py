# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside a windowed Blender, driven by its timers, and does what users do while a job runs: see
test_manners_window.py.

    blender --python manners_script.py -- FOLDER

Writes what it saw to FOLDER/seen.json.
"""

import importlib
import json
import sys
import threading
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from buildtools import window as played
from buildtools.window import area, show_tab, until, window

FOLDER = Path(sys.argv[sys.argv.index("--") + 1])
PACKAGE = "bl_ext.user_default.pifuhd_blender"
jobs = importlib.import_module(f"{PACKAGE}.jobs")
preview = importlib.import_module(f"{PACKAGE}.preview")
seen = {}


def view(of):
    """Context of the 3D view of a window."""
    editor = next(area for area in of.screen.areas if area.type == 'VIEW_3D')
    return bpy.context.temp_override(window=of, area=editor, region=played.region(editor, 'WINDOW'))


def set_mode(mode):
    (Path(jobs.__file__).parent / "mode.txt").write_text(mode, encoding="utf-8")


def choose_photo(scene):
    scene.pifuhd.image = bpy.data.images.load(str(FOLDER / "ada.png"), check_existing=True)


def start(of):
    """Start a job in a window, which does not go on from its preview to its end before `end`."""
    set_mode("held")
    with view(of):
        assert bpy.ops.pifuhd.reconstruct('INVOKE_DEFAULT') == {'FINISHED'}
    yield from until(preview.shown)


def end():
    assert jobs.current() is not None, "the job ended too early"
    set_mode("ok")
    yield from until(lambda: jobs.current() is None)
    yield 0.3  # for a last drawing
    assert not preview.shown()


def found():
    """Each scene's objects, and what the panel says of the last job."""
    scenes = {scene.name: sorted(item.name for item in scene.objects) for scene in bpy.data.scenes}
    notice = jobs.notice()
    return [scenes, "" if notice is None else notice.text]


def undo_while_it_runs():
    """The photograph, its choice and an empty go away under the job by undo."""
    with view(window()):
        bpy.ops.ed.undo_push(message="nothing yet")
    choose_photo(bpy.context.scene)
    bpy.context.scene.pifuhd.texture = True  # which looks for the photograph again at the end
    with view(window()):
        bpy.ops.ed.undo_push(message="a photograph")
        bpy.ops.object.empty_add()
        bpy.ops.ed.undo_push(message="an empty")
    yield 0.5
    yield from start(window())
    with view(window()):
        bpy.ops.ed.undo()
        yield 0.2
        bpy.ops.ed.undo()
    yield 0.2
    seen["undone"] = [sorted(bpy.data.images.keys()), bpy.context.scene.pifuhd.image is None, found()]
    yield from end()
    seen["after undo"] = found()
    with view(window()):
        bpy.ops.ed.undo()
    seen["after one undo more"] = found()
    with view(window()):
        bpy.ops.ed.redo()
    seen["after redo"] = found()


def second_window():
    """A job is started in a second window, on another scene, and that window is closed meanwhile."""
    with view(window()):
        bpy.ops.wm.window_new_main()
    yield 1.0
    other = bpy.context.window_manager.windows[-1]
    seen["windows"] = len(bpy.context.window_manager.windows)
    other.scene = bpy.data.scenes.new("Other")
    choose_photo(other.scene)
    yield 0.5
    yield from start(other)
    with bpy.context.temp_override(window=other):
        bpy.ops.wm.window_close()
    yield 0.5
    seen["windows left"] = len(bpy.context.window_manager.windows)
    yield from end()
    seen["after two windows"] = found()


def delete_the_scene():
    """The scene that the job was started in, and that the window shows, is deleted."""
    scene = bpy.data.scenes.new("Doomed")
    window().scene = scene
    choose_photo(scene)
    yield 0.5
    yield from start(window())
    with view(window()):
        seen["scene deleted"] = sorted(bpy.ops.scene.delete())
    yield from end()
    seen["after scene"] = found()


def disable_while_it_runs():
    """The extension is switched off, and on again, with its tab on the screen."""
    choose_photo(window().scene)
    yield from start(window())
    bpy.ops.preferences.addon_disable(module=PACKAGE)
    threads = [thread.name for thread in threading.enumerate() if thread.name.startswith("pifuhd")]
    types = [name for name in dir(bpy.types) if name.startswith("PIFUHD")]
    seen["while off"] = [threads, types, preview.shown()]
    yield 0.5
    bpy.ops.preferences.addon_enable(module=PACKAGE)
    yield 0.5
    seen["after off and on"] = [jobs.current() is None, jobs.engine() is None]
    choose_photo(window().scene)
    yield from start(window())
    yield from end()
    seen["after the next job"] = found()


def user():
    for item in list(bpy.data.objects):
        bpy.data.objects.remove(item)
    yield from show_tab(area('VIEW_3D'))
    yield from undo_while_it_runs()
    yield from second_window()
    yield from delete_the_scene()
    yield from disable_while_it_runs()


def at_end(failure):
    if failure:
        seen["failed"] = failure
        played.shot(FOLDER, "script failed")
    (FOLDER / "seen.json").write_text(json.dumps(seen, indent=1), encoding="utf-8")


played.play(user(), at_end)
