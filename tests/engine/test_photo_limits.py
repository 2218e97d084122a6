# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures that are huge, tiny, damaged or none at all."""

import os
import struct
import subprocess
import sys
import tempfile
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
from tests.engine.pictures import (
    DEEP,
    ORIENTATION,
    bad_image,
    encoded,
    pixels_of,
    png16,
    quarters,
    smooth,
    straight,
)
from tests.engine.tiff import ASSOCIATED, GREY, RGB, tiff

ROOT = Path(__file__).resolve().parents[2]


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


@pytest.fixture
def nobody():
    """Root may read everything, so for a moment it is somebody else."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    yield
    os.seteuid(before)


def test_a_file_that_may_not_be_read_is_named(nobody):
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to somebody else
        path = Path(folder) / "secret.png"
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
