# SPDX-License-Identifier: GPL-3.0-or-later
"""Decoding: every format, depth, orientation, kind of alpha and of colour."""

import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from engine.photo import load_photo
from tests.engine.pictures import (
    DEEP,
    DEEP_RGBA,
    ORIENTATION,
    STORED,
    encoded,
    pixels_of,
    png16,
    quarters,
    smooth,
    straight,
)
from tests.engine.tiff import ASSOCIATED, CMYK, GREY, RGB, UNASSOCIATED, tiff


@pytest.mark.parametrize(
    "kind, options",
    [
        ("PNG", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("BMP", {}),
        ("WEBP", {"lossless": True}),
    ],
)
def test_lossless_files_by_bytes_and_paths_with_any_letters_and_suffix(tmp_path, kind, options):
    data = encoded(quarters(), kind, **options)
    for path in (tmp_path / f"写真 Überkopf é.{kind.lower()}", tmp_path / "wrong.jpg", tmp_path / "none"):
        path.write_bytes(data)
        np.testing.assert_array_equal(pixels_of(path), quarters())
        np.testing.assert_array_equal(pixels_of(str(path)), quarters())
    photo = load_photo(data)
    np.testing.assert_array_equal(photo.pixels, quarters())
    assert (photo.scale, photo.size) == (1, (60, 40))


@pytest.mark.parametrize(
    "kind, options",
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("JPEG", {"subsampling": 2}),
        ("WEBP", {}),
        ("AVIF", {}),
        ("MPO", {"save_all": True, "append_images": [Image.new("RGB", (80, 64))]}),
    ],
)
def test_lossy_files(kind, options):
    picture = smooth(64, 80)
    found = pixels_of(encoded(picture, kind, quality=95, **options))
    np.testing.assert_allclose(found.astype(int), picture, atol=12)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("limit", [4096, 500])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_at_any_size(kind, limit, orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    stored = np.ascontiguousarray(STORED[orientation](quarters(400, 600)))
    photo = load_photo(encoded(stored, kind, exif=exif, quality=95), limit)
    scale = 600 // max(photo.pixels.shape)
    assert (photo.size, photo.scale, scale) == ((600, 400), scale, 1 if limit == 4096 else 2)
    for row, column in [(100, 150), (100, 450), (300, 150), (300, 450)]:
        found = photo.pixels[row // scale, column // scale]
        np.testing.assert_allclose(found.astype(int), quarters(400, 600)[row, column], atol=40)


def test_an_orientation_that_means_nothing_turns_nothing():
    exif = Image.Exif()
    exif[ORIENTATION] = 77
    np.testing.assert_array_equal(pixels_of(encoded(quarters(), exif=exif)), quarters())


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP"])
def test_grey_becomes_rgb(kind):
    grey = np.tile(np.arange(0, 256, 8, dtype=np.uint8), (32, 1))
    photo = pixels_of(encoded(grey, kind))
    np.testing.assert_allclose(photo.astype(int), np.repeat(grey[..., None], 3, axis=2), atol=kind == "JPEG")
    black_and_white = pixels_of(encoded(Image.fromarray(grey > 127)))
    np.testing.assert_array_equal(black_and_white[..., 1], np.where(grey > 127, 255, 0))


@pytest.mark.parametrize(
    "data",
    [
        png16(DEEP),
        tiff(DEEP, GREY),
        tiff(DEEP, GREY, big_endian=True),
        tiff(DEEP.astype(np.uint32) * 65537, GREY),
        tiff(DEEP.astype(np.uint32) * 65537, GREY, big_endian=True),
        tiff((DEEP / 65535).astype(np.float32), GREY),
        tiff(DEEP / 65535, GREY, big_endian=True),
    ],
)
def test_deep_grey_becomes_eight_bit(data):
    np.testing.assert_array_equal(pixels_of(data), np.repeat(np.round(DEEP / 257)[..., None], 3, axis=2))


@pytest.mark.parametrize(
    "data, atol",
    [
        (png16(DEEP_RGBA[..., :3]), 1),
        (png16(DEEP_RGBA), 1),  # Pillow drops the low byte
        (tiff(DEEP_RGBA[..., :3], RGB), 1),
        (tiff(DEEP_RGBA, RGB, UNASSOCIATED, big_endian=True), 1),
        (tiff(DEEP_RGBA[..., :3].astype(np.uint32) * 65537, RGB), 0),
        (tiff((DEEP_RGBA[..., :3] / 65535).astype(np.float32), RGB, big_endian=True), 0),
        (tiff(DEEP_RGBA / 65535, RGB, UNASSOCIATED), 0),
    ],
)
def test_deep_colours_become_eight_bit(data, atol):
    found = pixels_of(data)
    wanted = DEEP_RGBA[..., : found.shape[2]] / 257
    np.testing.assert_allclose(found.astype(int), np.round(wanted), atol=atol)


def test_deep_grey_with_alpha():
    found = pixels_of(png16(DEEP_RGBA[..., :2]))
    np.testing.assert_allclose(found, (DEEP_RGBA[..., [0, 0, 0, 1]] / 257), atol=1)


def test_floats_beyond_0_to_1_are_clipped_and_what_is_no_number_is_black():
    ramp = np.tile(np.linspace(-0.5, 1.5, 32, dtype=np.float32), (32, 1))
    ramp[0, :3] = np.nan, np.inf, -np.inf
    wanted = np.round(np.clip(ramp, 0, 1) * 255)
    wanted[0, :3] = 0, 255, 0
    np.testing.assert_array_equal(pixels_of(tiff(ramp, GREY))[..., 1], wanted)
    np.testing.assert_array_equal(pixels_of(tiff(np.dstack([ramp] * 3), RGB))[..., 1], wanted)


@pytest.mark.parametrize(
    "kind, options",
    [
        ("PNG", {}),
        ("WEBP", {"lossless": True, "exact": True}),
        ("TIFF", {}),
    ],
)
def test_straight_alpha_is_kept(kind, options):
    data = encoded(straight(), kind, **options)
    np.testing.assert_array_equal(pixels_of(data), straight())


def test_a_lossy_picture_keeps_its_alpha():
    np.testing.assert_array_equal(
        pixels_of(encoded(straight(), "WEBP", quality=80))[..., 3], straight()[..., 3]
    )


def test_a_bitmap_of_32_bits_has_alpha_only_where_it_says_so():
    colours = straight()[::-1, :, [2, 1, 0, 3]].tobytes()  # blue first, the lowest row first
    plain = struct.pack("<IiiHHIIiiII", 40, 32, 32, 1, 32, 0, len(colours), 0, 0, 0, 0)
    masks = (
        struct.pack("<IiiHHIIiiII", 108, 32, 32, 1, 32, 3, len(colours), 0, 0, 0, 0)
        + struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
        + bytes(108 - 56)
    )
    for head, wanted in [(plain, straight()[..., :3]), (masks, straight())]:
        start = 14 + len(head)
        data = b"BM" + struct.pack("<IHHI", start + len(colours), 0, 0, start) + head + colours
        np.testing.assert_array_equal(pixels_of(data), wanted)


@pytest.mark.parametrize(
    "dtype, full", [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1), (np.float64, 1)]
)
@pytest.mark.parametrize("big_endian", [False, True])
def test_premultiplied_alpha_becomes_straight(dtype, full, big_endian):
    values = straight() / 255
    values[..., :3] *= values[..., 3:]
    stored = (np.round(values * full) if full > 1 else values).astype(dtype)
    found = pixels_of(tiff(stored, RGB, ASSOCIATED, big_endian))
    np.testing.assert_array_equal(found[..., 3], straight()[..., 3])
    seen = found[..., 3] > 0
    np.testing.assert_allclose(found[seen].astype(int), straight()[seen], atol=2)
    as_is = pixels_of(tiff(stored, RGB, UNASSOCIATED, big_endian))
    np.testing.assert_allclose(as_is[0, 15].astype(int), (100, 50, 20, 128), atol=1)


def test_grey_with_premultiplied_alpha():
    stored = np.zeros((32, 32, 2), dtype=np.uint8)
    stored[:, :16] = (100, 128)
    found = pixels_of(tiff(stored, GREY, ASSOCIATED))
    np.testing.assert_allclose(found[0, 0].astype(int), (199, 199, 199, 128), atol=1)
    assert found[0, 31, 3] == 0


def test_a_fourth_sample_that_is_no_alpha_is_left_out():
    np.testing.assert_array_equal(pixels_of(tiff(straight(), RGB, 0)), straight()[..., :3])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_deep_tiff_is_turned_upright(orientation):
    stored = STORED[orientation](quarters()).astype(np.float32) / 255
    photo = load_photo(tiff(stored, RGB, orientation=orientation))
    np.testing.assert_array_equal(photo.pixels, quarters())
    assert photo.size == (60, 40)


def test_palettes_keep_colours_and_transparency():
    palette = Image.fromarray(quarters()).quantize(4)
    np.testing.assert_array_equal(pixels_of(encoded(palette, "GIF")), quarters())
    index = palette.getpixel((0, 0))
    for kind in ("PNG", "GIF"):
        found = pixels_of(encoded(palette, kind, transparency=index))
        assert found.shape == (40, 60, 4)
        assert found[0, 0, 3] == 0
        assert found[39, 59].tolist() == [255, 255, 255, 255]


def test_of_an_animation_the_first_frame_is_taken():
    frames = [Image.new("RGB", (60, 40), "blue"), Image.new("RGB", (60, 40), "red")]
    for kind in ("GIF", "WEBP", "PNG"):
        options = {"lossless": True} if kind == "WEBP" else {}
        data = encoded(Image.fromarray(quarters()), kind, save_all=True, append_images=frames, **options)
        np.testing.assert_array_equal(pixels_of(data)[..., :3], quarters())


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb(kind):
    # Pillow writes a CMYK JPEG as Photoshop does: with Adobe's mark, inverted.
    data = encoded(Image.fromarray(quarters()).convert("CMYK"), kind, quality=95)
    assert (b"Adobe" in data) == (kind == "JPEG")
    inks = np.dstack([255 - quarters(), np.zeros((40, 60), np.uint8)])
    deep = tiff(inks.astype(np.uint16) * 257, CMYK)
    for found in (pixels_of(data), pixels_of(tiff(inks, CMYK)), pixels_of(deep)):
        np.testing.assert_allclose(found[10, 15].astype(int), (255, 0, 0), atol=30)
        np.testing.assert_allclose(found[30, 45].astype(int), (255, 255, 255), atol=10)


def test_a_colour_profile_is_applied_and_a_broken_one_ignored():
    brown = np.full((32, 32, 3), (200, 100, 50), dtype=np.uint8)
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert plain.count(b"rXYZ") == plain.count(b"gXYZ") == 1
    swapped = plain.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")
    np.testing.assert_allclose(pixels_of(encoded(brown, icc_profile=plain)).astype(int), brown, atol=1)
    for limit in (4096, 16):
        turned = pixels_of(encoded(brown, icc_profile=swapped), limit=limit)
        np.testing.assert_allclose(turned[0, 0].astype(int), brown[0, 0, [1, 0, 2]], atol=2)
    np.testing.assert_array_equal(pixels_of(encoded(brown, icc_profile=b"no profile")), brown)
