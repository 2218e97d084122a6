# SPDX-License-Identifier: GPL-3.0-or-later
"""Reconstructions to files: whole or not at all, a metre long where the person is, upright, with colours.

What a format carries: blend everything; glb shape, vertex colours, and the photograph as the texture of the
faces that it shows, see plain_textures; fbx shape and vertex colours, without the photograph, because its
materials cannot show colours and the other side would be white; obj shape and vertex colours as three more
numbers of each vertex, which Blender, MeshLab and ZBrush read and others pass over.
"""

from __future__ import annotations

import io
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

import addon_utils
import bpy
import mathutils

from . import plain_textures, results
from .engine.errors import EngineError
from .engine.sentences import Sentence

Objects = Sequence[bpy.types.Object]

OBJ_BYTES = 256  # of a vertex with its colour and normal, and of its share of the faces, at the most
PARTLY = "the disk took only a part of it"
ZSTD_END = (0x8F92EAB1).to_bytes(4, "little")
"""Last bytes of a compressed blend: the magic number of Zstandard's seek table."""


def write(target: Path, people: Objects) -> None:
    """Write the objects alone, or the whole file for a blend, in the format of the target's ending.

    It is written under another name in the same folder, then renamed; Ctrl-C waits for that.
    Raises EngineError "io"; KeyboardInterrupt once the file is there.
    """
    partial = target.with_name(f".{target.stem}.partial{target.suffix}")
    try:
        # What exporters print of their progress would break the bar; what fails they raise.
        with _undisturbed(), redirect_stdout(io.StringIO()):
            _WRITERS[target.suffix[1:]](str(partial), people)
            os.replace(partial, target)
    except (OSError, RuntimeError) as error:  # operators raise RuntimeError with Blender's message
        raise EngineError(
            "io",
            Sentence("{file} cannot be written: {reason}.", file=target.name, reason=reason(error)),
            "Check the folder's permissions and the free disk space.",
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def reason(error: OSError | RuntimeError) -> str:
    """Why an operator failed, without a full stop. Those written in Python give a whole traceback, whose last
    line tells."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith("Location: ")] or [type(error).__name__]
    return told[-1].removeprefix("Error: ").rstrip(".")


@contextmanager
def at_origin(people: Objects, metre: float) -> Iterator[None]:
    """For a while the first stands upright on the world's origin in its own size, the others beside it.

    metre: Blender units of a metre, which become 1.
    """
    older = [person.matrix_world.copy() for person in people]
    move = mathutils.Matrix.Scale(1.0 / metre, 4) @ older[0].inverted()
    for person, matrix in zip(people, older):
        person.matrix_world = move @ matrix
    try:
        yield
    finally:
        for person, matrix in zip(people, older):
            person.matrix_world = matrix


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep Ctrl-C until the end. Inside an exporter it would become a RuntimeError like any other."""
    waiting: list[int] = []
    older = signal.signal(signal.SIGINT, lambda number, _frame: waiting.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, older)
    if waiting:
        raise KeyboardInterrupt


def _select(people: Objects) -> None:
    for item in bpy.context.view_layer.objects:
        item.select_set(item in people)


def _write_glb(path: str, people: Objects) -> None:
    _enable("io_scene_gltf2", "EXPORT_SCENE_OT_gltf")
    _select(people)
    with plain_textures.given(people):
        bpy.ops.export_scene.gltf(
            filepath=path, export_format='GLB', use_selection=True, export_vertex_color='ACTIVE'
        )


def _write_fbx(path: str, people: Objects) -> None:
    _enable("io_scene_fbx", "EXPORT_SCENE_OT_fbx")
    _select(people)
    # A Blender unit is a metre here; the scene's own unit would be counted twice, see at_origin.
    bpy.ops.export_scene.fbx(
        filepath=path,
        use_selection=True,
        apply_unit_scale=False,
        colors_type='SRGB',
        prioritize_active_color=True,
    )


def _write_obj(path: str, people: Objects) -> None:
    vertices = sum(len(person.data.vertices) for person in people)
    if shutil.disk_usage(Path(path).parent).free < OBJ_BYTES * vertices:
        raise OSError("the disk is full")  # met in the middle, it ends Blender 5.0 with a C++ exception
    _select(people)
    bpy.ops.wm.obj_export(
        filepath=path,
        export_selected_objects=True,
        export_colors=True,
        export_materials=False,
        export_uv=False,
    )
    _check_obj(path, people)


def _check_obj(path: str, people: Objects) -> None:
    """Raise OSError where faces are missing: the exporter of Blender 4.2 does not tell of a full disk."""
    with open(path, "rb") as file:
        faces = sum(line.startswith(b"f ") and line.endswith(b"\n") for line in file)
    if faces != sum(len(person.data.polygons) for person in people):
        raise OSError(PARTLY)


def _write_blend(path: str, people: Objects) -> None:
    for image in filter(None, map(results.image_of, people)):
        if image.packed_file is None:
            image.pack()  # so that the texture goes where the file goes
    bpy.ops.wm.save_as_mainfile(filepath=path, copy=True, compress=True, check_existing=False)
    # Blender 5.0 does not always tell of a full disk.
    with open(path, "rb") as file:
        file.seek(-min(os.path.getsize(path), len(ZSTD_END)), os.SEEK_END)
        if file.read() != ZSTD_END:
            raise OSError(PARTLY)


def _enable(addon: str, operator: str) -> None:
    """Exporters that are add-ons, which the user may have switched off."""
    if not hasattr(bpy.types, operator):
        addon_utils.enable(addon)


_WRITERS: dict[str, Callable[[str, Objects], None]] = {
    "glb": _write_glb,
    "obj": _write_obj,
    "blend": _write_blend,
    "fbx": _write_fbx,
}
FORMATS = tuple(_WRITERS)
