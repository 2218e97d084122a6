# SPDX-License-Identifier: GPL-3.0-or-later
"""Decoding: every format and depth, orientation, alpha, huge pictures, and what is no picture."""

import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from engine.errors import EngineError
from engine.photo import Photo, from_pixels, load_photo
from engine.space import Crop
from tests.engine.tiff import ASSOCIATED, CMYK, GREY, RGB, UNASSOCIATED, tiff

ROOT = Path(__file__).resolve().parents[2]
ORIENTATION = 0x0112
STORED = {  # by orientation: how the upright picture lies in the file
    1: lambda p: p, 2: lambda p: p[:, ::-1], 3: lambda p: p[::-1, ::-1], 4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2), 6: lambda p: np.rot90(p, 1),
    7: lambda p: np.rot90(p, 2).transpose(1, 0, 2), 8: lambda p: np.rot90(p, -1),
}  # fmt: skip


def quarters(height=40, width=60):
    """Red, green above; blue, white below: which way is up can be told."""
    picture = np.zeros((height, width, 3), dtype=np.uint8)
    picture[: height // 2, : width // 2] = (255, 0, 0)
    picture[: height // 2, width // 2 :] = (0, 255, 0)
    picture[height // 2 :, : width // 2] = (0, 0, 255)
    picture[height // 2 :, width // 2 :] = 255
    return picture


def smooth(height, width, channels=3):
    """Slow waves, which lossy formats keep."""
    y, x = np.mgrid[:height, :width]
    waves = [128 + 100 * np.sin(x / 31 + c) * np.cos(y / 23 - c) for c in range(channels)]
    return np.stack(waves, axis=2).round().astype(np.uint8)


def encoded(picture, kind="PNG", **options):
    buffer = io.BytesIO()
    picture = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def png16(samples: np.ndarray) -> bytes:
    """16-bit PNG of (H, W) or (H, W, 2..4) samples; neither Pillow nor OpenCV writes grey with alpha."""
    height, width = samples.shape[:2]
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    packed = zlib.compress(rows)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def pixels_of(data, **options):
    return load_photo(data, **options).pixels


def bad_image(source, code="bad_image"):
    with pytest.raises(EngineError) as caught:
        load_photo(source)
    assert caught.value.code == code
    assert caught.value.hint
    return caught.value.text


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


DEEP = np.linspace(0, 65535, 32 * 32).reshape(32, 32).astype(np.uint16)
DEEP_RGBA = np.stack([DEEP, DEEP[::-1], DEEP[:, ::-1], DEEP.T], axis=2)


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


def straight():
    """Colours below alphas of 255, 128 and 0."""
    rgba = np.zeros((32, 32, 4), dtype=np.uint8)
    rgba[..., :3] = (200, 100, 40)
    rgba[:, :10, 3], rgba[:, 10:20, 3] = 255, 128
    return rgba


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


def blocks(picture, side):
    """Averages over squares, the last ones over what is left: an independent reduction."""
    height, width = picture.shape[:2]
    tops, lefts = np.arange(0, height, side), np.arange(0, width, side)
    sums = np.add.reduceat(np.add.reduceat(picture.astype(float), tops, axis=0), lefts, axis=1)
    counts = np.outer(np.diff([*tops, height]), np.diff([*lefts, width]))
    return sums / counts[..., None]


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "WEBP", "JPEG"])
def test_huge_pictures_are_reduced_by_a_power_of_two(kind):
    picture = smooth(391, 650)
    options = (
        {"lossless": True} if kind == "WEBP" else {"quality": 98, "subsampling": 0} if kind == "JPEG" else {}
    )
    data = encoded(picture, kind, **options)
    for limit, scale in [
        (650, 1),
        (649, 2),
        (325, 2),
        (324, 4),
        (60, 16),
    ]:  # JPEG itself reduces up to 8 times
        photo = load_photo(data, limit)
        assert (photo.scale, photo.size) == (scale, (650, 391))
        wanted, rim = (
            blocks(picture, scale),
            1 if kind == "JPEG" else 0,
        )  # its rim is averaged with what it repeats
        assert photo.pixels.shape == wanted.shape
        inner = np.s_[: wanted.shape[0] - rim, : wanted.shape[1] - rim]
        np.testing.assert_allclose(photo.pixels[inner].astype(int), wanted[inner], atol=4 if rim else 1)


@pytest.mark.parametrize(
    "make",
    [
        lambda: png16(np.repeat(smooth(200, 300, 1)[..., 0].astype(np.uint16) * 257, 1, axis=0)),
        lambda: tiff(smooth(200, 300).astype(np.float32) / 255, RGB),
        lambda: encoded(Image.fromarray(smooth(200, 300)).convert("CMYK"), "TIFF"),
        lambda: encoded(Image.fromarray(smooth(200, 300)).quantize(256, dither=Image.Dither.NONE)),
    ],
)
def test_every_kind_is_reduced_like_what_it_looks_like(make):
    data = make()
    np.testing.assert_allclose(pixels_of(data, limit=150).astype(int), blocks(pixels_of(data), 2), atol=1)


def test_transparent_colours_do_not_bleed_into_a_reduced_picture():
    rgba = np.zeros((64, 64, 4), dtype=np.uint8)
    rgba[...] = (255, 0, 255, 0)
    rgba[:, 1::2] = (10, 200, 30, 255)
    for photo in (load_photo(encoded(rgba), 32), from_pixels(rgba, 32)):
        np.testing.assert_allclose(photo.pixels.astype(int), np.full((32, 32, 4), (10, 200, 30, 128)), atol=1)


def test_arrays_become_photos_reduced_alike():
    picture = smooth(100, 333)
    assert from_pixels(picture).pixels is picture
    photo = from_pixels(picture, 100)
    assert (photo.scale, photo.size, photo.pixels.shape) == (4, (333, 100), (25, 84, 3))
    np.testing.assert_allclose(photo.pixels.astype(int), blocks(picture, 4), atol=1)


def test_boxes_and_crops_go_from_source_to_working_pixels_and_back():
    photo = Photo(np.zeros((50, 84, 3), np.uint8), 4, (333, 200))
    assert photo.box_to_working((8.0, 20.0, 100.0, 200.0)) == (2, 5, 25, 50)
    assert photo.box_to_source(photo.box_to_working((8.0, 20.0, 100.0, 200.0))) == (8, 20, 100, 200)
    assert photo.crop_to_source(Crop(-3, 5, 40)) == Crop(-12, 20, 160)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="a child's own peak is only told by Linux")
@pytest.mark.parametrize("kind, most", [("JPEG", 250), ("PNG", 650)])
def test_memory_stays_bounded_for_a_hundred_megapixels(tmp_path, kind, most):
    path = tmp_path / "huge"
    Image.new("RGB", (11648, 8736), (90, 120, 30)).save(path, kind, compress_level=1)
    script = (
        "import sys; from engine.photo import load_photo; photo = load_photo(sys.argv[1]);"
        "print(photo.pixels.shape, photo.scale, photo.size, photo.pixels[1000, 1000].tolist());"
        "print(*[line for line in open('/proc/self/status') if line.startswith('VmHWM:')], end='')"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said, peak = done.stdout.splitlines()
    assert said == "(2184, 2912, 3) 4 (11648, 8736) [90, 120, 30]"
    assert int(peak.split()[1]) < most * 1024  # 133 and 478 were measured for pictures with noise


def test_two_hundred_megapixels_are_read_and_more_than_268_refused(tmp_path):
    path = tmp_path / "huge.jpg"
    Image.new("L", (16320, 12240), 99).save(path)
    assert load_photo(path).size == (16320, 12240)
    bomb = bytearray(png16(DEEP))
    bomb[16:24] = struct.pack(">II", 20000, 20000)
    bomb[29:33] = struct.pack(">I", zlib.crc32(bomb[12:29]))
    assert "too large" in bad_image(bytes(bomb))
    deep = tiff(np.zeros((16, 16, 3), np.float32), RGB)
    place = deep.index(struct.pack("<HHI", 256, 4, 1)) + 8
    bomb = deep[:place] + struct.pack("<I", 30_000) + deep[place + 4 :]
    place = bomb.index(struct.pack("<HHI", 257, 4, 1)) + 8
    assert "too large" in bad_image(bomb[:place] + struct.pack("<I", 30_000) + bomb[place + 4 :])


@pytest.mark.parametrize("size", [(1, 1), (15, 400), (400, 15)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF"])
def test_tiny_pictures_are_named(kind, size):
    assert f"{size[0]} x {size[1]}" in bad_image(encoded(Image.new("RGB", size), kind))


def test_a_picture_too_narrow_to_hold_a_person_is_named():
    assert "too narrow" in bad_image(encoded(Image.new("RGB", (9000, 40))))
    assert load_photo(encoded(Image.new("RGB", (9000, 70)))).pixels.shape == (18, 2250, 3)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"This is a letter, not a picture.",
        b"\x89PNG\r\n\x1a\n" + b"\0" * 50,
        b"II*\0",
        b"MM\0*\0\0\0\x08",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n",
        b"RIFF\0\0\0\0WEBP",
        b"GIF89a",
        tiff(np.zeros((32, 32), np.float16), GREY),
        tiff(np.zeros((32, 32, 2), np.float32), GREY, 2),
        *[encoded(quarters(), kind)[:-30] for kind in ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "AVIF")],
        tiff(np.zeros((32, 32, 3), np.float32), RGB)[:-30],
        *[encoded(quarters(), kind)[:60] for kind in ("PNG", "JPEG", "TIFF", "GIF", "WEBP", "BMP", "AVIF")],
    ],
)
def test_what_is_no_picture_or_only_half_of_one_is_named(data, tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(data)
    assert bad_image(path) == bad_image(data).replace("The picture", f"The picture {str(path)!r}")


ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
EXIF = Image.Exif()
EXIF[ORIENTATION] = 6
WHOLE = {
    **{kind: encoded(quarters(), kind) for kind in ("PNG", "TIFF", "GIF", "WEBP", "BMP", "AVIF")},
    "JPEG": encoded(quarters(), "JPEG", exif=EXIF, icc_profile=ICC),
    "LZW": encoded(quarters(), "TIFF", compression="tiff_lzw"),
    "raw": tiff(straight(), RGB, ASSOCIATED),
    "deep": tiff(straight() / 255, RGB, ASSOCIATED),
}


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(sorted(WHOLE)),
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 255)), max_size=8),
)
@example("raw", [(8 + 2 + 12 * 5 + 2, 5)])  # an offset of pixels that is a fraction
def test_damaged_files_give_a_picture_or_a_named_error(kind, changes):
    damaged = bytearray(WHOLE[kind])
    for place, value in changes:
        damaged[place % len(damaged)] = value
    code, photo = "bad_image", from_pixels(quarters())
    try:
        photo = load_photo(bytes(damaged))
    except EngineError as error:
        code = error.code
    assert code == "bad_image"
    from_pixels(photo.pixels)


def test_missing_files_folders_and_pipes_are_named(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "none.png", tmp_path, tmp_path / "pipe", tmp_path / "pipe" / "photo.png"):
        assert str(path) in bad_image(path)
    assert "cannot be read" in bad_image("photo\0.png")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(tmp_path):
    path = tmp_path / "secret.png"
    path.write_bytes(encoded(quarters()))
    path.chmod(0)
    assert "cannot be read" in bad_image(path)


def test_a_lack_of_memory_is_named(monkeypatch):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr(Image.Image, "draft", full)
    bad_image(encoded(quarters()), "out_of_memory")


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((40, 40), dtype=np.uint8),
        np.zeros((40, 40, 2), dtype=np.uint8),
        np.zeros((40, 40, 3), dtype=np.float32),
        np.zeros((40, 8, 3), dtype=np.uint8),
    ],
)
def test_arrays_that_are_no_picture_are_named(array):
    with pytest.raises(EngineError) as caught:
        from_pixels(array)
    assert caught.value.code == "bad_image"
