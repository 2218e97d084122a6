# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel's settings: presets, limits, what they ask the engine for, and reasons why a button is off."""

import json

import bpy
import pytest
from conftest import choose, jpeg_turned


@pytest.fixture
def settings():
    return bpy.context.scene.pifuhd


def test_presets_set_values_and_are_recognised(settings):
    assert settings.preset == 'STANDARD'
    settings.preset = 'FINE'
    assert (settings.resolution, settings.texture) == (512, True)
    settings.resolution = 384
    assert settings.preset == 'CUSTOM'
    settings.preset = 'CUSTOM'
    assert settings.resolution == 384
    settings.preset = 'DRAFT'
    assert (settings.resolution, settings.texture) == (128, False)


def test_what_is_out_of_range_cannot_be_set(settings):
    for name, low, high in (
        ("resolution", 128, 1024),
        ("smooth", 0, 50),
        ("faces", 100, 10_000_000),
        ("person", 1, 100),
    ):
        setattr(settings, name, -5)
        assert getattr(settings, name) == low
        setattr(settings, name, 2**30)
        assert getattr(settings, name) == high


def test_every_choice_is_one_the_engine_takes(ext, settings, photo):
    choose(photo)
    known = {"resolution", "height", "box", "person", "topology", "faces", "smooth", "colour", "weights"}
    rna = settings.bl_rna.properties
    for name in ("topology", "colour", "device"):
        for choice in rna[name].enum_items:
            setattr(settings, name, choice.identifier)
            assert ext.request.engine_settings(settings, 1)[name] == choice.identifier
    settings.own_box = True
    assert set(ext.request.engine_settings(settings, 1)) <= known | {"device"}


def test_faces_are_asked_for_with_triangles_only(ext, settings):
    settings.reduce = True
    assert ext.request.engine_settings(settings, 1)["faces"] == 20_000
    settings.topology = 'quads'
    assert "faces" not in ext.request.engine_settings(settings, 1)
    settings.reduce, settings.topology = False, 'triangles'
    assert "faces" not in ext.request.engine_settings(settings, 1)


def test_the_box_stays_in_the_picture(ext, settings):
    settings.image = bpy.data.images.new("photo", 200, 100)
    settings.own_box = True
    assert tuple(settings.box) == (25, 6, 175, 94)
    settings.box = (190, -5, 100, 400)
    assert tuple(settings.box) == (190, 0, 198, 100)
    assert ext.request.engine_settings(settings, 1)["box"] == [190, 0, 198, 100]
    settings.image = bpy.data.images.new("other", 50, 50)
    assert not settings.own_box
    assert "box" not in ext.request.engine_settings(settings, 1)


def test_the_box_is_sent_as_it_lies_in_the_upright_picture(ext, settings, tmp_path):
    (tmp_path / "phone.jpg").write_bytes(jpeg_turned())
    choose(tmp_path / "phone.jpg")
    assert tuple(settings.image.size) == (40, 20)
    settings.own_box = True
    settings.box = (0, 0, 10, 20)
    _, asked, finish = ext.request.make(bpy.context, settings.image)
    assert finish.turned == 6  # the camera was held upright: the left of the file is the top of the picture
    assert asked["box"] == [0, 0, 20, 10]


def test_a_file_of_weights_is_looked_for(ext, fake, settings, photo, tmp_path):
    choose(photo)
    settings.weights = ext.weights.FILE
    with pytest.raises(RuntimeError, match="No weights file is chosen"):
        bpy.ops.pifuhd.reconstruct()
    settings.weights_file = str(tmp_path / "mine.safetensors")
    with pytest.raises(RuntimeError, match=r"mine\.safetensors cannot be read"):
        bpy.ops.pifuhd.reconstruct()
    assert ext.jobs.notice().code == "bad_weights"
    (tmp_path / "mine.safetensors").write_bytes(b"weights")
    assert bpy.ops.pifuhd.reconstruct() == {'FINISHED'}
    asked = json.loads(bpy.context.object["pifuhd_settings"])
    assert asked["weights"] == str(tmp_path / "mine.safetensors")


def test_weights_not_downloaded_turn_the_button_off(ext, fake, settings, photo, tmp_path, monkeypatch):
    monkeypatch.setenv("PIFUHD_WEIGHTS", str(tmp_path))
    choose(photo)
    settings.weights = ext.weights.DOWNLOADED
    with pytest.raises(RuntimeError, match=r"not downloaded \(about 1\.5 GB\)"):
        bpy.ops.pifuhd.reconstruct()
    (tmp_path / "pifuhd.safetensors").write_bytes(b"weights")
    ext.weights_download.refresh()
    assert bpy.ops.pifuhd.reconstruct() == {'FINISHED'}
    assert json.loads(bpy.context.object["pifuhd_settings"])["weights"] == "pifuhd"
    monkeypatch.undo()
    ext.weights_download.refresh()


def test_placement_over_an_empty_needs_one(ext, fake, settings, photo):
    choose(photo)
    settings.place = 'IMAGE'
    with pytest.raises(RuntimeError, match="No image empty is chosen"):
        bpy.ops.pifuhd.reconstruct()
    bpy.ops.object.empty_add(type='IMAGE')
    with pytest.raises(RuntimeError, match="Select a reference picture"):
        bpy.ops.pifuhd.use_reference()
    empty = bpy.context.object
    empty.data = settings.image
    settings.image = None
    assert bpy.ops.pifuhd.use_reference() == {'FINISHED'}
    assert (settings.image, settings.reference) == (empty.data, empty)
    assert bpy.ops.pifuhd.reconstruct() == {'FINISHED'}
    # As tall as the picture, which the person fills.
    assert round(bpy.context.object.dimensions.z, 4) == round(empty.empty_display_size, 4)


def test_the_cursor_is_where_the_person_goes(ext, fake, settings, photo):
    choose(photo)
    bpy.context.scene.cursor.location = (1, 2, 0.5)
    bpy.ops.pifuhd.reconstruct()
    assert tuple(bpy.context.object.location) == (1, 2, 0.5)
    settings.place = 'ORIGIN'
    bpy.ops.pifuhd.reconstruct()
    assert tuple(bpy.context.object.location) == (0, 0, 0)


def test_without_a_picture_elsewhere_the_other_sources_say_so(ext):
    with pytest.raises(RuntimeError, match="no picture on the clipboard"):
        bpy.ops.pifuhd.paste_image()
    with pytest.raises(RuntimeError, match="No Image Editor shows a picture"):
        bpy.ops.pifuhd.use_editor_image()


def test_the_api_takes_what_the_panel_has(ext, fake, photo):
    person = ext.api.reconstruct(photo, texture=True, point=(0, 1, 0), height=1.7)
    assert tuple(person.location) == (0, 1, 0)
    assert "Photograph" in person.data.uv_layers
    assert ext.results.image_of(person).filepath == str(photo)
