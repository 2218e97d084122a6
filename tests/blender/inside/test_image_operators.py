# SPDX-License-Identifier: GPL-3.0-or-later
"""Pasting a picture. Blender's own operator, which offers none in background, is stood in for."""

from types import SimpleNamespace

import bpy
import pytest

PIXELS = [0.2, 0.4, 0.6, 1.0] * 8


@pytest.fixture
def clipboard(ext, monkeypatch):
    """A clipboard with a picture of 4 x 2 pixels; `holds_picture` can be taken away before it is read.

    As Blender makes them, pasted images are "generated" ones that do not count as changed.
    """
    state = SimpleNamespace(holds_picture=True)

    def paste():
        assert bpy.context.area.type == 'IMAGE_EDITOR', "Blender's operator crashes elsewhere"
        if state.holds_picture:
            bpy.context.space_data.image = bpy.data.images.new("Clipboard", 4, 2)
            bpy.context.space_data.image.generated_color = PIXELS[:4]
        return {'FINISHED'}

    paste.poll = lambda: True
    ops = SimpleNamespace(image=SimpleNamespace(clipboard_paste=paste))
    monkeypatch.setattr(ext.image_operators, "bpy", SimpleNamespace(ops=ops, data=bpy.data))
    return state


@pytest.fixture
def view():
    """The window and its one area, a 3D view."""
    bpy.ops.wm.read_homefile()
    window = bpy.context.window_manager.windows[0]
    for area in window.screen.areas:
        area.type = 'VIEW_3D'
    return window, window.screen.areas[0]


def test_a_picture_is_pasted_from_a_view_which_stays_what_it_was(clipboard, view, tmp_path):
    window, area = view
    with bpy.context.temp_override(window=window, area=area):
        assert bpy.ops.pifuhd.paste_image() == {'FINISHED'}
    assert area.type == 'VIEW_3D'
    assert tuple(bpy.context.scene.pifuhd.image.size) == (4, 2)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "ada.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "ada.blend"))
    reopened = bpy.context.scene.pifuhd.image
    assert reopened.packed_file is not None, "it is nowhere else"
    assert list(reopened.pixels) == pytest.approx(PIXELS, abs=1 / 255)


def test_an_image_editor_goes_on_showing_what_it_shows(clipboard, view):
    window, area = view
    editor = window.screen.areas[1]
    editor.type = 'IMAGE_EDITOR'
    shown = editor.spaces.active.image = bpy.data.images.new("mine", 8, 8)
    with bpy.context.temp_override(window=window, area=area):
        bpy.ops.pifuhd.paste_image()
    assert editor.spaces.active.image == shown
    assert bpy.context.scene.pifuhd.image.name == "Clipboard"


def test_pasted_in_an_image_editor_it_is_shown_there(clipboard, view):
    window, editor = view
    editor.type = 'IMAGE_EDITOR'
    with bpy.context.temp_override(window=window, area=editor):
        bpy.ops.pifuhd.paste_image()
    assert editor.spaces.active.image == bpy.context.scene.pifuhd.image


def test_a_clipboard_that_cannot_be_read_is_told_and_changes_nothing(clipboard, view):
    clipboard.holds_picture = False
    window, area = view
    with bpy.context.temp_override(window=window, area=area):
        with pytest.raises(RuntimeError, match=r"could not be read\. Save it as a file instead"):
            bpy.ops.pifuhd.paste_image()
    assert area.type == 'VIEW_3D'
    assert bpy.context.scene.pifuhd.image is None
