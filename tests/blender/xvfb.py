# SPDX-License-Identifier: GPL-3.0-or-later
"""A screen in memory for a windowed Blender, and what is on it."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from . import blenders

SIZE = "1600x1000x24"


@contextmanager
def screen(folder: Path, blender: str) -> Iterator[dict[str, str]]:
    """Run Xvfb, and yield the environment for its clients: DISPLAY, and FRAMEBUFFER, a file that always holds
    the present screen (Blender's own screenshot is black there).

    A wrapper that runs Blender in a root of its own also runs that root's Xvfb, named by BL_CMD.
    """
    with Path(blender).open("rb") as file:
        wrapped = b"BL_CMD" in file.read(4096)
    xvfb = shutil.which("Xvfb")
    if not wrapped and xvfb is None:
        blenders.missing("there is no Xvfb")
    command = [blender] if wrapped else [str(xvfb)]
    environment = {**os.environ, "BL_CMD": "/usr/bin/Xvfb"} if wrapped else None
    read, write = os.pipe()
    with (folder / "xvfb.log").open("wb") as log:
        server = subprocess.Popen(
            [
                *command,
                "-displayfd",
                str(write),
                "-screen",
                "0",
                SIZE,
                "-fbdir",
                str(folder),
                "-nolisten",
                "tcp",
            ],
            env=environment,
            cwd=blenders.ROOT,
            pass_fds=(write,),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    os.close(write)
    try:
        with os.fdopen(read) as number:
            display = number.readline().strip()  # ends, empty, when the server does
        assert display, (folder / "xvfb.log").read_text(errors="replace")
        yield {"DISPLAY": f":{display}", "FRAMEBUFFER": str(folder / "Xvfb_screen0")}
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


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
