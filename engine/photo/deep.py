# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples of more than eight bits, and the TIFF pictures of 32 and 64 bits that Pillow does not open."""

from __future__ import annotations

from typing import Any, BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from .picture import Photo, check_size, reduced, reduction

MOST_BYTES = 2**31  # of the decoded picture: 180 megapixels of float RGB
BITS, SAMPLES, EXTRA_SAMPLES, WIDTH, HEIGHT = 258, 277, 338, 256, 257  # tags of TIFF 6.0
ASSOCIATED = 1  # value of EXTRA_SAMPLES: alpha is premultiplied


def eight_bit(samples: NDArray[Any], full: float, associated: bool = False) -> Image.Image:
    """Samples (H, W), (H, W, 3) or (H, W, 4) from 0 to full as 8-bit RGB or RGBA, alpha straight.

    Values beyond the range are clipped; what is not a number becomes 0. associated: alpha is premultiplied.
    """
    values = np.nan_to_num(samples.astype(np.float32), posinf=full) / np.float32(full)
    if associated:
        alpha = values[..., 3:]
        values[..., :3] /= np.where(alpha > 0, alpha, 1)
    bytes_ = np.round(np.clip(values, 0, 1) * 255).astype(np.uint8)
    return Image.fromarray(bytes_).convert("RGBA" if samples.shape[2:] == (4,) else "RGB")


def decode_deep(stream: BinaryIO, limit: int) -> Photo:
    """Decode a TIFF picture of 32-bit whole numbers (full range) or 32- or 64-bit floats (0 to 1), grey, RGB
    or RGBA, as a whole, reduced to limit pixels a side.

    Raises Pillow's UnidentifiedImageError for anything else, and what check_size raises.
    """
    tags = _tags(stream)
    size = (int(tags.get(WIDTH, 0)), int(tags.get(HEIGHT, 0)))
    bits, samples = tags.get(BITS, (1,))[0], tags.get(SAMPLES, 1)
    if bits not in (32, 64) or samples not in (1, 3, 4):
        raise UnidentifiedImageError(f"TIFF with {samples} samples of {bits} bits")
    check_size(size, limit)
    if size[0] * size[1] * samples * bits // 8 > MOST_BYTES:
        raise Image.DecompressionBombError(f"{size} pixels of {samples * bits} bits")
    stream.seek(0)
    decoded = cv2.imdecode(np.frombuffer(stream.read(), np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or sorted(decoded.shape[:2]) != sorted(size):
        raise OSError("OpenCV cannot decode it")
    height, width = decoded.shape[:2]  # OpenCV turns TIFF upright, whatever flags it is given
    full = 1.0 if decoded.dtype.kind == "f" else 2.0**bits - 1
    associated = samples == 4 and ASSOCIATED in tags.get(EXTRA_SAMPLES, ())
    order = [2, 1, 0, 3][:samples]  # OpenCV's colours come blue first

    def rows(top: int, bottom: int) -> Image.Image:
        strip = decoded[top:bottom]
        return eight_bit(strip if samples == 1 else strip[..., order], full, associated)

    factor = reduction(size, limit)
    return Photo(reduced(rows, (width, height), factor), factor, (width, height))


def _tags(stream: BinaryIO) -> TiffImagePlugin.ImageFileDirectory_v2:
    head = stream.read(8)
    if not head.startswith((b"II*\0", b"MM\0*")):
        raise UnidentifiedImageError("no TIFF")
    tags = TiffImagePlugin.ImageFileDirectory_v2(head)
    stream.seek(tags.next)
    tags.load(stream)
    return tags
