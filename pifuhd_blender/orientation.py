# SPDX-License-Identifier: GPL-3.0-or-later
"""How a photo's file says that it is to be turned (the EXIF orientation). Free of bpy.

The engine turns the photo upright; Blender 4.2 to 5.0 show it as stored (tried with JPEG, PNG, WebP, TIFF).
So whatever goes from one to the other, a person box or a place in the picture, is turned here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

UPRIGHT = 1
_TAG = 0x0112
_SWAPPED, _MIRRORED, _UPSIDE_DOWN = (5, 6, 7, 8), (2, 3, 6, 7), (3, 4, 7, 8)


def of_file(data: bytes) -> int:
    """The orientation, 1 to 8, of a JPEG, PNG, WebP or TIFF file's bytes; 1 where it says none."""
    for block in _exif_blocks(data):
        try:
            found = _orientation(block)
        except struct.error:  # cut short or damaged: as if there were none, and the engine judges the picture
            found = UPRIGHT
        if 1 <= found <= 8:
            return found
    return UPRIGHT


def of_picture(picture: object) -> int:
    """As of_file; pixels that come from Blender are as they are shown."""
    return of_file(picture) if isinstance(picture, bytes) else UPRIGHT


def turned_size(size: Sequence[int], turned: int) -> tuple[int, int]:
    """(width, height) of the upright picture from that of the stored one; and back."""
    width, height = size
    return (height, width) if turned in _SWAPPED else (width, height)


def to_stored(points: npt.ArrayLike, upright: tuple[int, int], turned: int) -> npt.NDArray[np.float64]:
    """Points (..., 2) of the upright picture to the stored one's; pixels, x right, y down.

    upright: (width, height) of the upright picture.
    """
    moved = _flipped(np.asarray(points, np.float64), upright, turned)
    return moved[..., ::-1] if turned in _SWAPPED else moved


def to_upright(points: npt.ArrayLike, upright: tuple[int, int], turned: int) -> npt.NDArray[np.float64]:
    """Inverse of to_stored."""
    stored = np.asarray(points, np.float64)
    return _flipped(stored[..., ::-1] if turned in _SWAPPED else stored, upright, turned)


def boxed(corners: npt.NDArray[np.float64]) -> tuple[float, float, float, float]:
    """(left, top, right, bottom) of two opposite corners (2, 2), whichever they are after a turn."""
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def _flipped(
    points: npt.NDArray[np.float64], upright: tuple[int, int], turned: int
) -> npt.NDArray[np.float64]:
    flips = np.array([turned in _MIRRORED, turned in _UPSIDE_DOWN])
    return np.where(flips, np.array(upright) - points, points)


def _exif_blocks(data: bytes) -> Iterator[bytes]:
    """What may hold the tag, each in TIFF's form."""
    if data[:4] in (b"II*\0", b"MM\0*"):
        yield data
    elif data[:2] == b"\xff\xd8":
        position = 2
        while data[position : position + 1] == b"\xff" and position + 4 <= len(data):
            (length,) = struct.unpack_from(">H", data, position + 2)
            if data[position + 4 : position + 10] == b"Exif\0\0":
                yield data[position + 10 : position + 2 + length]
            if data[position + 1] == 0xDA or length < 2:  # the picture itself begins
                return
            position += 2 + length
    elif data[:8] == b"\x89PNG\r\n\x1a\n":
        yield from _chunks(data, 8, ">I4s", b"eXIf", 4)
    elif data[:4] == b"RIFF":
        yield from _chunks(data, 12, "<4sI", b"EXIF", 0)


def _chunks(data: bytes, position: int, head: str, wanted: bytes, tail: int) -> Iterator[bytes]:
    """The wanted chunks of a PNG (tail: its checksum) or of a RIFF, whose chunks have even lengths."""
    while position + 8 <= len(data):
        first, second = struct.unpack_from(head, data, position)
        length, kind = (first, second) if isinstance(first, int) else (second, first)
        if kind == wanted:
            yield data[position + 8 : position + 8 + length].removeprefix(b"Exif\0\0")
        position += 8 + length + tail + (length % 2 if not tail else 0)


def _orientation(block: bytes) -> int:
    order = ">" if block[:2] == b"MM" else "<"
    (start,) = struct.unpack_from(f"{order}I", block, 4)
    (count,) = struct.unpack_from(f"{order}H", block, start)
    for entry in range(count):
        tag, kind, _, value = struct.unpack_from(f"{order}HHIH", block, start + 2 + 12 * entry)
        if tag == _TAG and kind == 3:
            return int(value)
    return UPRIGHT
