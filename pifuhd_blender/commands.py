# SPDX-License-Identifier: GPL-3.0-or-later
"""`blender -b --command pifuhd PHOTO... -o DIR`: many photos, one engine."""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Callable
from pathlib import Path

import addon_utils
import bpy

from . import api, jobs
from .engine.errors import Cancelled, EngineError

FORMATS = ("glb", "obj", "blend")
_command: object | None = None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="blender -b --command pifuhd",
        description="Make a coloured 3D model of the person in each photo. Older files are replaced.",
        epilog="Exit code: 0 when every photo was done, 1 when one failed, 2 for a wrong command line.",
    )
    parser.add_argument(
        "photos", nargs="+", type=Path, metavar="PHOTO", help="PNG, JPEG, WebP, TIFF or BMP file"
    )
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="DIR", help="folder for the models"
    )
    parser.add_argument(
        "--format",
        type=_formats,
        default=["glb"],
        metavar="F[,F]",
        help=f"one or more of {', '.join(FORMATS)} (default glb)",
    )
    parser.add_argument(
        "--resolution",
        type=_resolution,
        default=256,
        metavar="N",
        help="detail of the surface, 64 to 1024 in steps of 32 (default 256)",
    )
    parser.add_argument(
        "--height",
        type=_height,
        default=1.75,
        metavar="M",
        help="the person's height in metres (default 1.75)",
    )
    return parser


def _formats(text: str) -> list[str]:
    chosen = list(dict.fromkeys(text.split(",")))
    unknown = [name for name in chosen if name not in FORMATS]
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown format {unknown[0]!r}; choose from {', '.join(FORMATS)}")
    return chosen


def _resolution(text: str) -> int:
    if not text.isdecimal() or not 64 <= int(text) <= 1024 or int(text) % 32:
        raise argparse.ArgumentTypeError(f"{text!r} is not one of 64, 96, 128, ... 1024")
    return int(text)


def _height(text: str) -> float:
    try:
        height = float(text)
    except ValueError:
        height = 0.0
    if not 0.1 <= height <= 10.0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a height from 0.1 to 10 metres")
    return height


def main(arguments: list[str]) -> int:
    """The command. Returns the exit code."""
    try:
        options = _parser().parse_args(arguments)
    except SystemExit as ended:  # argparse has printed the help, or what is wrong
        return ended.code if isinstance(ended.code, int) else 2
    try:
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(
            f"PIFuHD: the folder {options.output} cannot be made: {error.strerror or error}. "
            "Choose another folder."
        )
        return 1
    # Blender's own answer to Ctrl-C is a note, then a kill; as an exception it reaches the running job.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # The start-up file's cube would otherwise be in every .blend.
    bpy.data.batch_remove(list(bpy.data.objects))
    failures = _reconstruct_all(options)
    jobs.stop_engine()
    for line in failures:
        print(f"PIFuHD: failed: {line}", flush=True)
    print(f"PIFuHD: {len(options.photos) - len(failures)} of {len(options.photos)} done.", flush=True)
    return 1 if failures else 0


def _reconstruct_all(options: argparse.Namespace) -> list[str]:
    failures: list[str] = []
    stems: set[str] = set()
    for number, photo in enumerate(options.photos, 1):
        head = f"[{number}/{len(options.photos)}] {photo.name}"

        def say(line: str, head: str = head) -> None:
            print(f"PIFuHD: {head}: {line}", flush=True)

        try:
            person = api.reconstruct(photo, on_line=say, height=options.height, resolution=options.resolution)
            stem = _unused(photo.stem, stems)
            try:
                for name in options.format:
                    say(f"wrote {_write(options.output / f'{stem}.{name}')}")
            finally:
                _remove(person)
        except EngineError as error:
            failures.append(f"{photo.name}: {error}")
            say(str(error))
            if error.code == "engine_start":  # the other photos would meet the same
                failures += [f"{left.name}: not tried." for left in options.photos[number:]]
                break
        except (Cancelled, KeyboardInterrupt):
            failures += [f"{left.name}: cancelled." for left in options.photos[number - 1 :]]
            break
    return failures


def _unused(stem: str, used: set[str]) -> str:
    """a/photo.jpg and b/photo.png become photo and photo_2."""
    name, count = stem, 1
    while name in used:
        count += 1
        name = f"{stem}_{count}"
    used.add(name)
    return name


def _write(target: Path) -> Path:
    """Write the scene, which holds one person, by the target's ending. Raises EngineError "io"."""
    partial = target.with_name(f".{target.stem}.partial{target.suffix}")
    write: dict[str, Callable[[str], object]] = {
        ".glb": _write_glb,
        ".obj": _write_obj,
        ".blend": _write_blend,
    }
    try:
        write[target.suffix](str(partial))
        os.replace(partial, target)
    except (OSError, RuntimeError) as error:  # operators raise RuntimeError with Blender's message
        reason = str(error).strip().removeprefix("Error: ").rstrip(".")
        raise EngineError(
            "io",
            f"{target.name} cannot be written: {reason}.",
            "Check the folder's permissions and the free disk space.",
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return target


def _write_glb(path: str) -> None:
    if not hasattr(bpy.types, "EXPORT_SCENE_OT_gltf"):
        addon_utils.enable("io_scene_gltf2")  # the user may have switched it off
    bpy.ops.export_scene.gltf(filepath=path, export_format='GLB')


def _write_obj(path: str) -> None:
    bpy.ops.wm.obj_export(filepath=path, export_colors=True, export_materials=False, export_uv=False)


def _write_blend(path: str) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=path, copy=True, compress=True, check_existing=False)


def _remove(person: bpy.types.Object) -> None:
    mesh = person.data
    materials = list(mesh.materials)
    bpy.data.objects.remove(person)
    bpy.data.meshes.remove(mesh)
    for material in materials:
        bpy.data.materials.remove(material)


def register() -> None:
    global _command
    _command = bpy.utils.register_cli_command("pifuhd", main)


def unregister() -> None:
    global _command
    bpy.utils.unregister_cli_command(_command)
    _command = None
