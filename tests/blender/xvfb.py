# SPDX-License-Identifier: GPL-3.0-or-later
"""A screen in memory for a windowed Blender of the tests."""

from __future__ import annotations

import shutil
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from buildtools import screen as in_memory

from . import blenders


@contextmanager
def screen(folder: Path, blender: str) -> Iterator[dict[str, str]]:
    """`buildtools.screen.screen`; a test without any Xvfb is skipped, in CI it fails."""
    if not in_memory.is_wrapped(blender) and shutil.which("Xvfb") is None:
        blenders.missing("there is no Xvfb")
    with in_memory.screen(folder, blender) as environment:
        yield environment


def read_xwd(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB of an XWD file of 32 bits a pixel."""
    data = path.read_bytes()
    head = struct.unpack(">25I", data[:100])
    offset, width, height, little, bits, stride, colours = (head[i] for i in (0, 4, 5, 7, 11, 12, 19))
    assert bits == 32
    rows = np.frombuffer(data, np.uint8, stride * height, offset + colours * 12).reshape(height, stride)
    pixels = rows[:, : width * 4].reshape(height, width, 4)
    return pixels[..., 2::-1] if little == 0 else pixels[..., 1:4]


def write_png(path: Path, rgb: np.ndarray) -> None:
    """Write (H, W, 3) uint8 as PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, _ = rgb.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), rgb.reshape(height, width * 3)], axis=1)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(rows.tobytes(), 6))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + body + chunk(b"IEND", b""))
