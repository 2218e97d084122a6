# SPDX-License-Identifier: GPL-3.0-or-later
"""From Blender's images to what the engine gets."""

import bpy
import numpy as np
import pytest
from conftest import TINY, png

ROWS = np.frombuffer(TINY, np.uint8).reshape(2, 2, 3)


def test_an_unchanged_file_goes_as_its_own_bytes(ext, photo):
    image = bpy.data.images.load(str(photo))
    assert ext.images.encode(image) == photo.read_bytes()


def test_a_packed_file_goes_as_its_own_bytes_without_the_file(ext, photo):
    data = photo.read_bytes()
    image = bpy.data.images.load(str(photo))
    image.pack()
    photo.unlink()
    assert ext.images.encode(image) == data


def test_painted_pixels_go_instead_of_the_file(ext, photo):
    image = bpy.data.images.load(str(photo))
    values = np.empty(16, np.float32)
    image.pixels.foreach_get(values)
    values[:4] = (1.0, 1.0, 0.0, 1.0)  # Blender's first pixel is at the bottom left
    image.pixels.foreach_set(values)
    image.update()
    assert image.is_dirty
    picture = ext.images.encode(image)
    assert picture.shape == (2, 2, 4)
    assert picture.dtype == np.uint8
    assert picture.flags["C_CONTIGUOUS"]
    assert picture[1, 0].tolist() == [255, 255, 0, 255]
    assert np.array_equal(picture[0, :, :3], ROWS[0])


def test_other_file_formats_go_as_pixels(ext, tmp_path):
    header = bytes([0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 2, 0, 24, 0x20])  # BGR, 2 x 2, top row first
    (tmp_path / "ada.tga").write_bytes(header + np.ascontiguousarray(ROWS[..., ::-1]).tobytes())
    picture = ext.images.encode(bpy.data.images.load(str(tmp_path / "ada.tga")))
    assert np.array_equal(picture[..., :3], ROWS)


def test_float_images_become_srgb_with_straight_alpha(ext):
    image = bpy.data.images.new("light", 1, 1, alpha=True, float_buffer=True)
    image.pixels.foreach_set(np.array([0.25, 0.1, 0.0, 0.5], np.float32))
    # premultiplied 0.25 / 0.5 = 0.5 linear = 188 of 255 in sRGB; 0.2 linear = 124
    assert ext.images.encode(image)[0, 0].tolist() == [188, 124, 0, 128]


@pytest.mark.parametrize(
    "channels, expected",
    [(1, [51, 51, 51, 255]), (2, [51, 51, 51, 102]), (3, [51, 102, 153, 255]), (4, [51, 102, 153, 204])],
)
def test_every_number_of_channels(ext, channels, expected):
    values = np.array([0.2, 0.4, 0.6, 0.8], np.float32)[:channels].reshape(1, 1, channels)
    assert ext.images.to_rgba8(values, linear=False)[0, 0].tolist() == expected


def test_values_that_are_no_colours_are_kept_in_range(ext):
    values = np.array([np.nan, np.inf, -3.0, 1.0], np.float32).reshape(1, 1, 4)
    assert ext.images.to_rgba8(values, linear=False)[0, 0].tolist() == [0, 255, 0, 255]


def test_a_file_that_went_away_before_it_was_loaded(ext, photo):
    image = bpy.data.images.load(str(photo))
    photo.unlink()
    with pytest.raises(ext.errors.EngineError) as raised:
        ext.images.encode(image)
    assert raised.value.code == "bad_image"
    assert "ada.png" in raised.value.text
    assert "Find Missing Files" in raised.value.hint


def test_a_file_that_is_no_picture(ext, tmp_path):
    path = tmp_path / "notes.png"
    path.write_text("not a picture")
    with pytest.raises(ext.errors.EngineError) as raised:
        ext.images.encode(bpy.data.images.load(str(path)))
    assert raised.value.code == "bad_image"


def test_no_image(ext):
    with pytest.raises(ext.errors.EngineError) as raised:
        ext.images.encode(None)
    assert str(raised.value) == "No image is chosen. Open a photo of one person in the PIFuHD tab."


def test_a_render_result_has_no_pixels(ext):
    scene = bpy.context.scene
    scene.camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(scene.camera)
    scene.render.engine = 'CYCLES'
    scene.cycles.samples, scene.cycles.use_denoising = 1, False  # some builds cannot denoise
    scene.render.resolution_x = scene.render.resolution_y = 8
    bpy.ops.render.render()
    with pytest.raises(ext.errors.EngineError) as raised:
        ext.images.encode(bpy.data.images["Render Result"])
    assert raised.value.hint == "Save it as a file and open that file."


def test_read_file(ext, photo, tmp_path):
    assert ext.images.read_file(photo) == photo.read_bytes()
    with pytest.raises(ext.errors.EngineError, match=r"There is no file .*gone\.png"):
        ext.images.read_file(tmp_path / "gone.png")
    with pytest.raises(ext.errors.EngineError, match="There is no file"):
        ext.images.read_file(tmp_path)
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(ext.errors.EngineError, match=r"a\.txt is not a picture"):
        ext.images.read_file(tmp_path / "a.txt")


def test_a_webp_and_a_wave_file_start_alike(ext):
    assert ext.images.is_encoded_photo(b"RIFF\x10\0\0\0WEBPVP8 ")
    assert not ext.images.is_encoded_photo(b"RIFF\x10\0\0\0WAVEfmt ")
    assert ext.images.is_encoded_photo(png(1, 1, b"\0\0\0"))


@pytest.mark.parametrize(
    "image, expected",
    [
        ("person_1.jpg", "person_1"),
        ("person.jpg.001", "person"),
        ("v1.2", "v1.2"),
        ("Ada", "Ada"),
        (".png", ".png"),
    ],
)
def test_object_name(ext, image, expected):
    assert ext.images.object_name(image) == expected
