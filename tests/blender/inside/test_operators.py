# SPDX-License-Identifier: GPL-3.0-or-later
"""bpy.ops.pifuhd.* and the console's function, in background."""

import json

import bpy
import pytest
from conftest import TINY, choose, png


@pytest.mark.parametrize("how", ["EXEC_DEFAULT", "INVOKE_DEFAULT"])
def test_reconstruct_blocks_in_background(ext, fake, photo, how):
    choose(photo)
    settings = bpy.context.scene.pifuhd
    settings.height, settings.resolution = 1.5, 160
    assert bpy.ops.pifuhd.reconstruct(how) == {'FINISHED'}
    person = bpy.context.object
    assert person.name == "ada"
    assert round(person.dimensions.z, 4) == 1.5
    asked = json.loads(person["pifuhd_settings"])
    assert {name: asked[name] for name in ("height", "resolution")} == {"height": 1.5, "resolution": 160}
    assert ext.jobs.current() is None


def test_without_an_image_it_says_what_to_do(ext, fake):
    with pytest.raises(
        RuntimeError, match=r"No image is chosen\. Open a photo of one person in the PIFuHD tab\."
    ):
        bpy.ops.pifuhd.reconstruct()


def test_an_image_that_went_away_is_said_and_stays_on_the_panel(ext, fake, photo):
    choose(photo)
    photo.unlink()
    with pytest.raises(RuntimeError, match=r"The file of ada\.png cannot be read"):
        bpy.ops.pifuhd.reconstruct()
    assert ext.jobs.notice().code == "bad_image"


def test_a_failed_job_is_an_operator_error_without_traceback(ext, fake, photo, capfd):
    choose(photo)
    fake.mode = "no_person"
    with pytest.raises(
        RuntimeError, match=r"Nobody was found in the photo\. Use a photo of one whole person\."
    ):
        bpy.ops.pifuhd.reconstruct()
    assert "Traceback" not in "".join(capfd.readouterr())


def test_without_an_engine_the_button_is_off_and_tells_why(ext, monkeypatch, photo):
    monkeypatch.delenv(ext.engine_setup.PYTHON_VARIABLE, raising=False)
    ext.engine_setup.refresh()
    choose(photo)
    assert not bpy.ops.pifuhd.reconstruct.poll()
    with pytest.raises(RuntimeError, match=r"The engine is not set up\. Press Set Up Engine in the PIFuHD"):
        bpy.ops.pifuhd.reconstruct()


def test_cancel_has_nothing_to_do_without_a_job():
    assert not bpy.ops.pifuhd.cancel.poll()


def test_no_log_yet_is_said(ext, monkeypatch, tmp_path):
    monkeypatch.setattr(ext.engine_setup, "log_path", lambda: tmp_path / "engine.log")
    assert bpy.ops.pifuhd.open_log() == {'CANCELLED'}


def test_api_takes_a_path_prints_progress_and_returns_the_object(ext, fake, photo, capfd):
    person = ext.api.reconstruct(str(photo), height=1.68)
    assert isinstance(person, bpy.types.Object)
    assert round(person.dimensions.z, 4) == 1.68
    lines = [line for line in capfd.readouterr().out.splitlines() if line.startswith("PIFuHD: ")]
    assert lines
    assert all(line.endswith(" %") for line in lines)


def test_api_takes_a_blender_image(ext, fake, photo):
    assert ext.api.reconstruct(bpy.data.images.load(str(photo)), height=1.7).name == "ada"


def test_api_raises_the_named_error(ext, fake, tmp_path):
    (tmp_path / "empty.png").write_bytes(png(2, 2, TINY, b"nobody"))
    with pytest.raises(ext.errors.EngineError) as raised:
        ext.api.reconstruct(tmp_path / "empty.png", height=1.7)
    assert raised.value.code == "no_person"
    assert ext.jobs.current() is None


def test_ctrl_c_ends_the_engine(ext, fake, photo):
    fake.mode = "slow"

    def interrupt(_line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ext.api.reconstruct(photo, on_line=interrupt, height=1.7)
    assert ext.jobs.current() is None
    assert not ext.jobs._engine.alive
