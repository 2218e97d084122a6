# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests inside Blender share: the installed extension, an empty scene, a fake engine, pictures."""

from __future__ import annotations

import importlib
import os
import shutil
import struct
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

PACKAGE = "bl_ext.user_default.pifuhd_blender"
ROOMS = (
    "api",
    "batch",
    "batch_inputs",
    "batch_report",
    "box_geometry",
    "box_overlay",
    "commands",
    "devices",
    "engine_setup",
    "engine_status",
    "environment",
    "estimate",
    "exporting",
    "finish",
    "image_operators",
    "images",
    "installation",
    "job",
    "jobs",
    "labels",
    "materials",
    "meshes",
    "normal_images",
    "operators",
    "orientation",
    "panels",
    "people",
    "placement",
    "plain_textures",
    "preview",
    "projection",
    "rebuilding",
    "request",
    "results",
    "settings_panels",
    "setup_operators",
    "setup_panel",
    "weights",
    "weights_download",
)


@pytest.fixture(scope="session")
def ext() -> SimpleNamespace:
    """The modules of the installed extension by their names, and `errors` of its engine."""
    rooms = {room: importlib.import_module(f"{PACKAGE}.{room}") for room in ROOMS}
    return SimpleNamespace(
        **rooms, errors=importlib.import_module(f"{PACKAGE}.engine.errors"), package=PACKAGE
    )


@pytest.fixture(autouse=True)
def empty_scene(ext: SimpleNamespace) -> Iterator[bpy.types.Scene]:
    """No objects, meshes, materials, images, collections; no job, notice or engine afterwards."""
    bpy.ops.wm.read_homefile(use_empty=True)
    yield bpy.context.scene
    if ext.jobs.current() is not None:
        ext.jobs.current().abandon()
        ext.jobs._tick()
    ext.jobs.stop_engine()
    ext.people.forget()
    ext.estimate.forget()
    ext.jobs.set_notice(None)
    for room in (ext.jobs, ext.engine_setup, ext.engine_status, ext.weights_download):
        tick = room._tick
        if bpy.app.timers.is_registered(tick):
            bpy.app.timers.unregister(tick)


class FakeEngine:
    """A folder that holds the installed link and the fake engine; see fake_engine.py for the modes."""

    def __init__(self, folder: Path, installed: Path) -> None:
        self.folder = folder
        (folder / "engine").mkdir(parents=True)
        for name in ("__init__", "errors", "protocol", "sentences", "version"):
            shutil.copyfile(installed / "engine" / f"{name}.py", folder / "engine" / f"{name}.py")
        shutil.copyfile(installed / "blender_manifest.toml", folder / "blender_manifest.toml")
        fake = Path(__file__).resolve().parent.parent / "fake_engine.py"
        shutil.copyfile(fake, folder / "engine" / "__main__.py")
        self.mode = "ok"

    @property
    def mode(self) -> str:
        return (self.folder / "mode.txt").read_text(encoding="utf-8")

    @mode.setter
    def mode(self, mode: str) -> None:
        (self.folder / "mode.txt").write_text(mode, encoding="utf-8")

    def processes(self) -> list[int]:
        """Process ids of the fake engines of this folder that run (Linux)."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                try:
                    command = (entry / "cmdline").read_bytes()
                    here = os.readlink(entry / "cwd")
                except OSError:
                    continue  # it ended meanwhile, or is another user's
                if b"engine\0serve" in command and Path(here) == self.folder:
                    found.append(int(entry.name))
        return found


@pytest.fixture
def fake(ext: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    """The extension set up with a fake engine."""
    engine = FakeEngine(tmp_path / "package", Path(ext.jobs.__file__).parent)
    monkeypatch.setattr(ext.jobs, "engine_folder", lambda: engine.folder)
    monkeypatch.setenv(ext.engine_setup.PYTHON_VARIABLE, sys.executable)
    ext.engine_setup.refresh()
    yield engine
    ext.jobs.stop_engine()
    monkeypatch.undo()
    ext.engine_setup.refresh()


def png(width: int, height: int, rows: bytes, text: bytes = b"") -> bytes:
    """An RGB PNG, 8 bit. rows: width * height * 3 bytes, top row first. text: goes into a comment."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    lines = b"".join(b"\0" + rows[y * width * 3 : (y + 1) * width * 3] for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    comment = chunk(b"tEXt", b"Comment\0" + text) if text else b""
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + comment
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )


TINY = bytes([255, 0, 0, 0, 255, 0, 0, 0, 255, 128, 128, 128])
"""2 x 2: red, green / blue, grey."""


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "ada.png"
    path.write_bytes(png(2, 2, TINY))
    return path


def choose(path: Path) -> None:
    """Open a picture and choose it on the panel."""
    bpy.context.scene.pifuhd.image = bpy.data.images.load(str(path))


def jpeg_turned() -> bytes:
    """A JPEG of 40 x 20 pixels whose orientation says that it was taken upright (6)."""
    scene = bpy.context.scene
    image = bpy.data.images.new("phone", 40, 20)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "phone.jpg"
        scene.render.image_settings.file_format = 'JPEG'
        image.save_render(str(path), scene=scene)
        data = path.read_bytes()
    bpy.data.images.remove(image)
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0)
    block = b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 1) + entry + bytes(4)
    return data[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(block)) + block + data[2:]


def wait_for(condition: Callable[[], bool], seconds: float = 90.0) -> None:
    """Poll until the condition holds; fail after so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
