# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension comes and goes without leaving anything behind."""

import os
import signal
import sys
import threading

import addon_utils
import bpy
import pytest


def traces(package):
    """What of the extension Blender and Python know now."""
    handlers = [
        f"{name}: {function.__name__}"
        for name in dir(bpy.app.handlers)
        if isinstance(getattr(bpy.app.handlers, name), list)
        for function in getattr(bpy.app.handlers, name)
        if package in function.__module__
    ]
    types = [name for name in dir(bpy.types) if name.startswith("PIFUHD_")]
    threads = [thread.name for thread in threading.enumerate() if thread.name.startswith("pifuhd")]
    scene = ["Scene.pifuhd"] if hasattr(bpy.types.Scene, "pifuhd") else []
    operators = [f"ops.{name}" for name in dir(bpy.ops.pifuhd)]
    return handlers + types + threads + scene + operators


def test_it_is_installed_from_the_zip_and_enabled(ext):
    assert ext.package in bpy.context.preferences.addons
    assert set(dir(bpy.ops.pifuhd)) >= {"reconstruct", "cancel", "set_up_engine", "open_log"}


def test_disabling_twice_leaves_no_trace_and_enabling_brings_all_back(ext):
    before = traces(ext.package)
    assert any("load_pre" in trace for trace in before)
    for _ in range(2):
        addon_utils.disable(ext.package)
        assert traces(ext.package) == []
        assert not bpy.app.timers.is_registered(ext.jobs._tick)
        assert (ext.box_overlay._handler, ext.box_overlay._keymaps) == (None, [])
        assert not ext.preview.shown()
        addon_utils.enable(ext.package)
        assert traces(ext.package) == before


@pytest.mark.skipif(not hasattr(signal, "SIGPIPE"), reason="Windows has no such signal")
def test_a_pipe_whose_reader_is_gone_does_not_end_blender(ext):
    reader, writer = os.pipe()
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        os.write(writer, b"to nobody")
    os.close(writer)


def test_enabling_starts_nothing(ext):
    assert ext.jobs._engine is None
    assert ext.engine_setup.current() is None
    assert not ext.engine_setup.environment_folder().exists()


def test_blender_never_imports_torch(ext):
    assert "torch" not in sys.modules
    assert f"{ext.package}.engine.pipeline" not in sys.modules


def test_defaults_and_limits():
    settings = bpy.context.scene.pifuhd
    assert (round(settings.height, 6), settings.resolution, settings.image) == (1.75, 256, None)
    settings.resolution = 250
    assert settings.resolution == 256
    settings.resolution = 9999
    assert settings.resolution == 1024
    settings.height = 0.0
    assert round(settings.height, 6) == 0.1
