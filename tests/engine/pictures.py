# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures to encode and decode, and how to write the files that nobody else writes."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from engine.errors import EngineError
from engine.photo import load_photo

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


def straight():
    """Colours below alphas of 255, 128 and 0."""
    rgba = np.zeros((32, 32, 4), dtype=np.uint8)
    rgba[..., :3] = (200, 100, 40)
    rgba[:, :10, 3], rgba[:, 10:20, 3] = 255, 128
    return rgba


DEEP = np.linspace(0, 65535, 32 * 32).reshape(32, 32).astype(np.uint16)
DEEP_RGBA = np.stack([DEEP, DEEP[::-1], DEEP[:, ::-1], DEEP.T], axis=2)
