# SPDX-License-Identifier: GPL-3.0-or-later
"""How a file says that its picture is to be turned, and places in the turned and the stored picture."""

import struct

import numpy as np
import pytest
from conftest import TINY, png


def exif(orientation, order=">"):
    mark = b"MM\0*" if order == ">" else b"II*\0"
    entry = struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0)
    return mark + struct.pack(f"{order}IH", 8, 1) + entry + bytes(4)


def jpeg(block):
    first = b"\xff\xe0" + struct.pack(">H", 4) + b"xy"
    second = b"\xff\xe1" + struct.pack(">H", 8 + len(block)) + b"Exif\0\0" + block
    return b"\xff\xd8" + first + second + b"\xff\xda\0\2"


def in_png(block):
    whole = png(2, 2, TINY)
    return whole[:33] + struct.pack(">I", len(block)) + b"eXIf" + block + bytes(4) + whole[33:]


def webp(block):
    odd = b"VP8 " + struct.pack("<I", 3) + bytes(4)  # an odd chunk is followed by a byte of padding
    return b"RIFF" + bytes(4) + b"WEBP" + odd + b"EXIF" + struct.pack("<I", len(block)) + block


@pytest.mark.parametrize("order", [">", "<"])
@pytest.mark.parametrize("wrap", [jpeg, in_png, webp, bytes], ids=["jpeg", "png", "webp", "tiff"])
def test_it_is_found_in_every_kind_of_file(ext, wrap, order):
    for turned in range(1, 9):
        assert ext.orientation.of_file(wrap(exif(turned, order))) == turned


def test_a_file_without_one_or_damaged_is_upright(ext):
    assert ext.orientation.of_file(png(2, 2, TINY)) == 1
    assert ext.orientation.of_file(jpeg(exif(9))) == 1
    whole = jpeg(exif(6))
    for length in range(len(whole) - 12):
        assert ext.orientation.of_file(whole[:length]) in (1, 6)
    assert ext.orientation.of_picture(np.zeros((2, 2, 4), np.uint8)) == 1


# What each tag asks for, as the standard words it: where row 0 and column 0 of the stored picture are to be.
UPRIGHT = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.T,
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored[::-1, ::-1].T,
    8: lambda stored: np.rot90(stored),
}


@pytest.mark.parametrize("turned", UPRIGHT)
def test_places_agree_with_the_pixels(ext, turned):
    stored = np.arange(24).reshape(4, 6)
    upright = UPRIGHT[turned](stored)
    size = upright.shape[::-1]
    assert ext.orientation.turned_size((6, 4), turned) == size
    centres = np.stack(np.meshgrid(np.arange(size[0]), np.arange(size[1])), axis=-1) + 0.5
    there = ext.orientation.to_stored(centres, size, turned)
    assert np.array_equal(stored[there[..., 1].astype(int), there[..., 0].astype(int)], upright)
    assert np.array_equal(ext.orientation.to_upright(there, size, turned), centres)
