# SPDX-License-Identifier: GPL-3.0-or-later
"""Decoding any picture, finding the person in it, cutting the square."""

import io

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from engine.errors import EngineError
from engine.photo import (
    check_picture,
    composite,
    coverage,
    crop_around,
    cut,
    cut_sides,
    find_person,
    has_cutout,
    largest_part,
    load_photo,
    part_box,
    resize,
    whole_picture,
)
from engine.space import Crop

ORIENTATION = 0x0112


def quarters(height=40, width=60):
    """Red, green above; blue, white below: which way is up can be told."""
    picture = np.zeros((height, width, 3), dtype=np.uint8)
    picture[: height // 2, : width // 2] = (255, 0, 0)
    picture[: height // 2, width // 2 :] = (0, 255, 0)
    picture[height // 2 :, : width // 2] = (0, 0, 255)
    picture[height // 2 :, width // 2 :] = 255
    return picture


def encoded(picture, kind="PNG", **options):
    buffer = io.BytesIO()
    picture = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_bytes_and_paths_with_any_letters(tmp_path, kind):
    data = encoded(quarters(), kind)
    path = tmp_path / f"写真 Überkopf é.{kind.lower()}"
    path.write_bytes(data)
    np.testing.assert_array_equal(load_photo(path), quarters())
    np.testing.assert_array_equal(load_photo(str(path)), quarters())
    np.testing.assert_array_equal(load_photo(data), quarters())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation, stored", [
    (1, lambda p: p), (2, lambda p: p[:, ::-1]), (3, lambda p: p[::-1, ::-1]), (4, lambda p: p[::-1]),
    (5, lambda p: p.transpose(1, 0, 2)), (6, lambda p: np.rot90(p, 1)),
    (7, lambda p: np.rot90(p, 2).transpose(1, 0, 2)), (8, lambda p: np.rot90(p, -1)),
])
def test_exif_orientation_is_applied(kind, orientation, stored):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    data = encoded(np.ascontiguousarray(stored(quarters())), kind, exif=exif, quality=95)
    upright = load_photo(data)
    assert upright.shape == (40, 60, 3)
    for row, column in [(10, 15), (10, 45), (30, 15), (30, 45)]:
        np.testing.assert_allclose(upright[row, column].astype(int), quarters()[row, column], atol=40)


def test_grey_becomes_rgb():
    grey = np.arange(32 * 32, dtype=np.uint32).reshape(32, 32) // 4
    photo = load_photo(encoded(grey.astype(np.uint8)))
    np.testing.assert_array_equal(photo, np.repeat(grey[..., None], 3, axis=2))


def test_sixteen_bits_become_eight():
    deep = np.linspace(0, 65535, 32 * 32).reshape(32, 32).astype(np.uint16)
    grey = load_photo(encoded(Image.fromarray(deep)))
    np.testing.assert_array_equal(grey[..., 0], np.round(deep / 257))
    colour = np.stack([deep, deep[::-1], deep[:, ::-1]], axis=2)
    good, data = cv2.imencode(".png", colour[..., ::-1])
    assert good
    np.testing.assert_allclose(load_photo(data.tobytes()).astype(int), colour / 257, atol=1)


def test_a_float_picture_is_read_from_0_to_1():
    ramp = np.tile(np.linspace(-0.5, 1.5, 32, dtype=np.float32), (32, 1))
    photo = load_photo(encoded(Image.fromarray(ramp), "TIFF"))
    np.testing.assert_array_equal(photo[0, :, 1], np.round(np.clip(ramp[0], 0, 1) * 255))


def test_palettes_keep_colours_and_transparency():
    palette = Image.fromarray(quarters()).quantize(4)
    np.testing.assert_array_equal(load_photo(encoded(palette, "GIF")), quarters())
    index = palette.getpixel((0, 0))
    photo = load_photo(encoded(palette, "PNG", transparency=index))
    assert photo.shape == (40, 60, 4)
    assert photo[0, 0, 3] == 0
    assert photo[39, 59].tolist() == [255, 255, 255, 255]


def test_cmyk_becomes_rgb():
    photo = load_photo(encoded(Image.fromarray(quarters()).convert("CMYK"), "JPEG", quality=95))
    np.testing.assert_allclose(photo[10, 15].astype(int), (255, 0, 0), atol=30)
    np.testing.assert_allclose(photo[30, 45].astype(int), (255, 255, 255), atol=10)


def test_a_colour_profile_is_applied_and_a_broken_one_ignored():
    brown = np.full((32, 32, 3), (200, 100, 50), dtype=np.uint8)
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert plain.count(b"rXYZ") == plain.count(b"gXYZ") == 1
    swapped = plain.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")
    np.testing.assert_allclose(load_photo(encoded(brown, icc_profile=plain)).astype(int), brown, atol=1)
    turned = load_photo(encoded(brown, icc_profile=swapped)).astype(int)
    np.testing.assert_allclose(turned, brown[..., [1, 0, 2]], atol=2)
    np.testing.assert_array_equal(load_photo(encoded(brown, icc_profile=b"no profile")), brown)


def test_alpha_is_kept_and_composited_over_mid_grey():
    rgba = np.zeros((32, 32, 4), dtype=np.uint8)
    rgba[:16] = (200, 100, 0, 255)
    rgba[16:, :16] = (200, 100, 0, 51)
    photo = load_photo(encoded(rgba))
    np.testing.assert_array_equal(photo, rgba)
    flat = composite(photo)
    assert flat[0, 0].tolist() == [200, 100, 0]
    assert flat[31, 31].tolist() == [128, 128, 128]
    assert flat[31, 0].tolist() == [142, 122, 102]


@pytest.mark.parametrize("data", [
    b"", b"This is a letter, not a picture.", b"\x89PNG\r\n\x1a\n" + b"\0" * 50,
    encoded(quarters())[:100], encoded(quarters(), "JPEG")[:300], encoded(quarters()[:10, :10]),
])
def test_what_is_no_picture_is_named(data, tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(data)
    for source in (data, path):
        with pytest.raises(EngineError) as caught:
            load_photo(source)
        assert caught.value.code == "bad_image"
        assert caught.value.hint


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_files_give_a_picture_or_a_named_error(data):
    kind = data.draw(st.sampled_from(["PNG", "JPEG", "TIFF", "GIF", "WEBP", "BMP"]))
    damaged = bytearray(encoded(quarters(), kind))
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    code, photo = "bad_image", quarters()
    try:
        photo = load_photo(bytes(damaged))
    except EngineError as error:
        code = error.code
    assert code == "bad_image"
    check_picture(photo)


def test_missing_files_and_folders_are_named(tmp_path):
    for path in (tmp_path / "none.png", tmp_path):
        with pytest.raises(EngineError) as caught:
            load_photo(path)
        assert caught.value.code == "bad_image"
        assert str(path) in caught.value.text


@pytest.mark.parametrize("array", [
    np.zeros((40, 40), dtype=np.uint8), np.zeros((40, 40, 2), dtype=np.uint8),
    np.zeros((40, 40, 3), dtype=np.float32), np.zeros((40, 8, 3), dtype=np.uint8),
])
def test_arrays_that_are_no_picture_are_named(array):
    with pytest.raises(EngineError) as caught:
        check_picture(array)
    assert caught.value.code == "bad_image"


SIZES, CORNERS = st.integers(16, 60), st.integers(-50, 55)


@given(SIZES, SIZES, CORNERS, CORNERS, st.integers(1, 120))
def test_cutting_pads_with_black_or_the_edge(height, width, x, y, side):
    picture = np.random.default_rng(0).integers(1, 255, (height, width, 3), dtype=np.uint8)
    crop = Crop(x, y, side)
    rows, columns = np.arange(y, y + side), np.arange(x, x + side)
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    if not inside.any():
        with pytest.raises(EngineError) as caught:
            cut(picture, crop, "black")
        assert caught.value.code == "bad_settings"
        return
    edge = picture[np.clip(rows, 0, height - 1)[:, None], np.clip(columns, 0, width - 1)]
    np.testing.assert_array_equal(cut(picture, crop, "edge"), edge)
    np.testing.assert_array_equal(cut(picture, crop, "black"), edge * inside[..., None])


def test_resizing_averages_only_when_told():
    stripes = np.tile(np.array([[0], [0], [255], [255]], dtype=np.uint8), (64, 256))
    assert resize(stripes, 64, antialias=True).min() == resize(stripes, 64, antialias=True).max() == 128
    checks = np.zeros((64, 64), dtype=np.uint8)
    checks[::4] = 255
    assert set(np.unique(resize(checks, 16, antialias=False))) == {0}  # rows 1 and 2 of 4: half-pixel centres


def test_coverage_is_alpha_inside_and_nothing_outside():
    rgba = np.full((32, 32, 4), 255, dtype=np.uint8)
    assert coverage(rgba, Crop(-32, 0, 64), 64)[:32].sum() == 32 * 32
    rgba[:16, :, 3] = 0
    assert has_cutout(rgba)
    inside = coverage(rgba, Crop(0, 0, 32), 32)
    assert inside[:16].max() == 0
    assert inside[16:].min() == 1


def test_nearly_opaque_alpha_is_no_cutout():
    rgba = np.full((32, 32, 4), 250, dtype=np.uint8)
    assert not has_cutout(rgba)
    rgba[..., 3] = 0
    assert not has_cutout(rgba)


@given(st.floats(0, 500), st.floats(0, 500), st.floats(20, 800), st.floats(20, 800))
def test_the_box_fills_its_crop(x, y, width, height):
    crop = crop_around((x, y, x + width, y + height))
    assert crop.side * 0.86 == pytest.approx(max(width, height), abs=0.5)
    assert crop.x + crop.side / 2 == pytest.approx(x + width / 2, abs=0.51)
    assert crop.y + crop.side / 2 == pytest.approx(y + height / 2, abs=0.51)


def scene(height=300, width=400, box=(220, 40, 300, 260)):
    picture = np.full((height, width, 3), 30, dtype=np.uint8)
    x0, y0, x1, y1 = box
    picture[y0:y1, x0:x1] = 220
    return picture


def bright_mask(picture, calls=None):
    def predict(crop):
        if calls is not None:
            calls.append(crop)
        return (resize(cut(picture, crop, "black"), 64, antialias=True)[..., 0] > 128).astype(np.float32)

    return predict


def test_the_networks_are_asked_twice_and_the_second_crop_is_tight():
    calls = []
    crop = find_person(scene(), None, bright_mask(scene(), calls))
    assert calls[0] == whole_picture(scene()) == Crop(0, -50, 400)
    assert len(calls) == 2
    expected = crop_around((220, 40, 300, 260))
    for found, wanted in [(crop.x, expected.x), (crop.y, expected.y), (crop.side, expected.side)]:
        assert found == pytest.approx(wanted, abs=8)


def test_the_largest_of_two_people_is_taken():
    picture = scene()
    picture[100:150, 20:40] = 220
    crop = find_person(picture, None, bright_mask(picture))
    assert crop.x + crop.side / 2 == pytest.approx(260, abs=8)


def test_the_users_box_comes_first():
    def never(crop):
        raise AssertionError("the networks were asked although the user drew a box")

    assert find_person(scene(), (10.0, 20.0, 60.0, 106.0), never) == Crop(-15, 13, 100)
    assert find_person(scene(), (-100.0, -100.0, 86.0, 50.0), never) == Crop(-7, -25, 100)


@pytest.mark.parametrize("box", [(500.0, 10.0, 600.0, 100.0), (10.0, 10.0, 12.0, 200.0)])
def test_a_box_with_nothing_in_it_is_named(box):
    with pytest.raises(EngineError) as caught:
        find_person(scene(), box, bright_mask(scene()))
    assert caught.value.code == "bad_settings"


def test_a_cutout_tells_where_the_person_is():
    rgba = np.dstack([scene(), np.zeros((300, 400), dtype=np.uint8)])
    rgba[100:186, 50:90, 3] = 255
    assert find_person(rgba, None, bright_mask(scene())) == crop_around((50, 100, 90, 186))


def test_without_normal_networks_the_whole_picture_is_taken():
    assert find_person(scene(), None, lambda crop: None) == Crop(0, -50, 400)


def test_nobody_is_named():
    with pytest.raises(EngineError) as caught:
        find_person(scene(), None, lambda crop: np.zeros((64, 64), dtype=np.float32))
    assert caught.value.code == "no_person"
    assert "box" in caught.value.hint


def test_parts_and_boxes():
    mask = np.zeros((32, 32), dtype=np.float32)
    assert not largest_part(mask).any()
    mask[2:5, 2:5], mask[10:20, 12:30], mask[30, 30] = 1.0, 0.7, 0.4
    assert part_box(largest_part(mask)) == (12, 10, 30, 20)


def test_the_sides_at_which_the_person_is_cut():
    picture = np.zeros((100, 200, 3), dtype=np.uint8)
    crop = Crop(-10, -10, 128)
    part = np.zeros((64, 64), dtype=np.bool_)
    part[10:40, 20:30] = True
    assert cut_sides(part, crop, picture) == []
    part[20:56, 5:30] = True  # 5 pixels of two are the picture's left, 55 its bottom
    assert cut_sides(part, crop, picture) == ["left", "bottom"]
    assert cut_sides(np.zeros_like(part), crop, picture) == []
