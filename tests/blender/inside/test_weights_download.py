# SPDX-License-Identifier: GPL-3.0-or-later
"""The released checkpoint: its licence first, then a download by the engine, with progress and cancel."""

import sys

import bpy
import pytest
from conftest import wait_for

# Stands in for `python -m engine weights download pifuhd`; mode.txt says how it goes on after 2 MB.
ENGINE = """
import os, pathlib, sys, time
assert sys.argv[1:] == ["weights", "download", "pifuhd", "--accept-licence"], sys.argv
folder = pathlib.Path(os.environ["PIFUHD_WEIGHTS"])
folder.mkdir(parents=True, exist_ok=True)
part = folder / "pifuhd.pt.part"
print("continues after", part.stat().st_size if part.exists() else 0, flush=True)
part.write_bytes(bytes(2_000_000))
mode = pathlib.Path("mode.txt").read_text()
if mode == "slow":
    time.sleep(60.0)
if mode == "broken":
    sys.exit("The server answered 404 Not Found.")
part.rename(folder / "pifuhd.safetensors")
"""


@pytest.fixture
def engine(ext, tmp_path, monkeypatch):
    """An engine that is set up and can do nothing but download; returns a function that sets its mode."""
    folder = tmp_path / "package"
    (folder / "engine").mkdir(parents=True)
    (folder / "engine" / "__init__.py").write_text("")
    (folder / "engine" / "__main__.py").write_text(ENGINE)
    (tmp_path / "user").mkdir()
    monkeypatch.setattr(ext.jobs, "engine_folder", lambda: folder)
    monkeypatch.setattr(ext.engine_setup, "user_folder", lambda: tmp_path / "user")
    monkeypatch.setenv(ext.engine_setup.PYTHON_VARIABLE, sys.executable)
    monkeypatch.setenv("PIFUHD_WEIGHTS", str(tmp_path / "weights"))
    ext.engine_setup.refresh()
    ext.weights_download.refresh()
    yield (folder / "mode.txt").write_text
    task = ext.weights_download.current()
    if task is not None:
        task.cancel()
        wait_for(ext.weights_download.settle)
    monkeypatch.undo()
    ext.engine_setup.refresh()
    ext.weights_download.refresh()


def start(ext, engine):
    return ext.weights_download.start(sys.executable, ext.jobs.engine_folder())


def test_nothing_is_downloaded_offline_or_without_the_licence(ext, engine, tmp_path):
    assert not bpy.app.online_access
    assert not bpy.ops.pifuhd.download_weights.poll()
    licence = " ".join(ext.weights_download.LICENCE)
    assert "CC BY-NC 4.0" in licence
    assert "not commercial" in licence
    operator = bpy.ops.pifuhd.download_weights.get_rna_type()
    assert operator.properties["accepted"].default is False
    with pytest.raises(ext.errors.EngineError, match="licence was not accepted"):
        ext.setup_operators.download_weights(accepted=False)
    assert not (tmp_path / "weights").exists()


def test_the_download_runs_beside_everything_else(ext, engine):
    engine("ok")
    assert not ext.weights_download.here()
    start(ext, engine)
    assert ext.engine_setup.current() is None  # a reconstruction may start meanwhile
    wait_for(ext.weights_download.settle)
    assert ext.weights_download.error() is None
    assert ext.weights_download.here()


def test_cancel_keeps_what_has_arrived_and_a_second_download_goes_on(ext, engine):
    engine("slow")
    task = start(ext, engine)
    assert task.total_mb == ext.weights_download.ENTRY.about_mb
    wait_for(lambda: task.done_mb == 2.0)
    with pytest.raises(ext.errors.EngineError, match="being downloaded"):
        start(ext, engine)
    assert not bpy.ops.pifuhd.set_up_engine.poll()
    assert bpy.ops.pifuhd.cancel_weights() == {'FINISHED'}
    wait_for(ext.weights_download.settle)
    assert ext.weights_download.error() is None
    assert not ext.weights_download.here()
    engine("ok")
    task = start(ext, engine)
    wait_for(ext.weights_download.settle)
    assert "continues after 2000000" in task.last_lines(9)
    assert ext.weights_download.here()


def test_a_failure_is_told_in_the_engines_words(ext, engine):
    engine("broken")
    start(ext, engine)
    wait_for(ext.weights_download.settle)
    assert "404 Not Found" in ext.weights_download.error().text
    assert not ext.weights_download.here()
