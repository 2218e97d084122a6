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

from .shell import ROOT, BuildError

SIZE = "1600x1000x24"


@contextmanager
def screen(folder: Path, blender: str) -> Iterator[dict[str, str]]:
    """Run Xvfb, and yield the environment for its clients: DISPLAY, and FRAMEBUFFER, a file that always holds
    the present screen (Blender's own screenshot is black there).

    A wrapper that runs Blender in a root of its own also runs that root's Xvfb, named by BL_CMD. Raises
    BuildError where there is none.
    """
    wrapped = is_wrapped(blender)
    xvfb = shutil.which("Xvfb")
    if not wrapped and xvfb is None:
        raise BuildError("There is no Xvfb, which a Blender without a screen draws on.", "Install Xvfb.")
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
            cwd=ROOT,
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


def is_wrapped(blender: str | Path) -> bool:
    """Whether this is the script that runs Debian's Blender in a root of its own."""
    with Path(blender).open("rb") as file:
        return b"BL_CMD" in file.read(4096)


def write_png(screenshot: Path, target: Path, corners: tuple[int, int, int, int] | None = None) -> None:
    """An XWD file of 32 bits a pixel as a PNG; of it the part x0, y0, x1, y1, from the top left, if given."""
    data = screenshot.read_bytes()
    head = struct.unpack(">25I", data[:100])
    offset, width, height, little, stride, colours = (head[i] for i in (0, 4, 5, 7, 12, 19))
    x0, y0, x1, y1 = corners or (0, 0, width, height)
    x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
    first = offset + colours * 12
    rows = bytearray()
    for y in range(y0, y1):
        row = data[first + y * stride + 4 * x0 : first + y * stride + 4 * x1]
        pixels = bytearray(3 * (x1 - x0))
        for channel in range(3):
            pixels[channel::3] = row[(2 - channel if little == 0 else 1 + channel) :: 4]
        rows += b"\0" + pixels

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", x1 - x0, y1 - y0, 8, 2, 0, 0, 0))
    body = header + chunk(b"IDAT", zlib.compress(bytes(rows), 9)) + chunk(b"IEND", b"")
    target.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
