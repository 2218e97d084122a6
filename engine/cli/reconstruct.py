# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m engine reconstruct PHOTO -o OUT`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..errors import EngineError
from ..parts import load_part
from .progress import Progress, shown_progress

if TYPE_CHECKING:
    from ..photo import Photo
    from ..pipeline import Reconstruction
    from ..worker import Worker

    Commands = argparse._SubParsersAction[Any]

SUFFIXES: Final = (".obj", ".ply", ".glb", ".stl")
PASSED_ON: Final = (
    "resolution", "height", "span", "box", "person", "topology", "faces", "clean", "smooth", "colour",
    "weights", "device", "precision",
)  # fmt: skip
"""Options that are settings of the same name; those that were not given keep the engine's own values."""


def add_command(commands: Commands) -> None:
    """Add `reconstruct` to the command line."""
    one = commands.add_parser("reconstruct", help="reconstruct the person in a photo")
    one.add_argument("photo", type=Path, metavar="PHOTO")
    one.add_argument("-o", "--output", type=_mesh_path, required=True, metavar="OUT",
                     help="OUT.obj, .ply, .glb or .stl")
    one.add_argument("--resolution", type=int, metavar="N",
                     help="nodes a side of the occupancy grid: 64, 96 ... 1024 (default 256)")
    one.add_argument("--height", type=float, metavar="M",
                     help="the person's stature in metres, whatever the pose (default 1.75)")
    one.add_argument("--span", type=float, metavar="M",
                     help="metres that the crop's side measures, in place of a scale from the height")
    who = one.add_mutually_exclusive_group()
    who.add_argument("--box", type=_box, metavar="X0,Y0,X1,Y1", help="where the person is, in pixels")
    who.add_argument("--person", type=int, metavar="N", help="the Nth largest person (default 1)")
    who.add_argument("--all", action="store_true", help="everybody: OUT-1, OUT-2 ..., the largest first")
    one.add_argument("--topology", metavar="T", help="triangles (default) or quads")
    one.add_argument("--faces", type=int, metavar="N", help="reduce the mesh to at most N triangles")
    one.add_argument("--smooth", type=int, metavar="N", help="iterations of smoothing, 0 to 50 (default 0)")
    one.add_argument("--keep-floaters", action="store_const", const=False, dest="clean",
                     help="keep parts that do not belong to the person")
    one.add_argument("--colour", metavar="C", help="photograph (default), normals or none")
    one.add_argument("--weights", metavar="W",
                     help="a file, or a name of `weights list`, instead of those that come along")
    one.add_argument("--device", metavar="D", help="auto (default), cpu, cuda or mps")
    one.add_argument("--precision", metavar="P",
                     help="of the networks: auto (default: what is fastest), float32 or bfloat16")
    one.add_argument("--space", choices=("metres", "camera"), default="metres",
                     help="metres (default: upright, on the floor), or camera: the cube [-1, 1] of the crop")
    one.add_argument("--json", action="store_true", help="write crop, camera and so on to OUT.json")
    one.set_defaults(run=_reconstruct)


def _mesh_path(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() not in SUFFIXES:
        raise argparse.ArgumentTypeError(f"{text!r} does not end in one of {', '.join(SUFFIXES)}")
    return path


def _box(text: str) -> tuple[float, ...]:
    try:
        box = tuple(float(part) for part in text.split(","))
    except ValueError:
        box = ()
    if len(box) != 4:
        raise argparse.ArgumentTypeError(f"{text!r} is not four numbers like 10,20,300,400")
    return box


def _reconstruct(chosen: argparse.Namespace) -> int:
    output: Path = chosen.output
    _check_writable(output)  # before the minutes of work
    settings = {name: getattr(chosen, name) for name in PASSED_ON if getattr(chosen, name) is not None}
    worker: Worker = load_part(".worker").Worker()
    with shown_progress() as progress:
        photo = load_part(".photo").load_photo(chosen.photo)
        if not chosen.all:
            _one(worker, photo, settings, progress, chosen, output)
            return 0
        count = len(worker.people(photo, settings))
        if not count:
            raise EngineError("no_person", "No person was found in the picture.",
                              "Draw a box around the person with --box.")
        for number in range(1, count + 1):
            target = output.with_stem(f"{output.stem}-{number}")
            _one(worker, photo, {**settings, "person": number}, progress, chosen, target)
    return 0


def _one(
    worker: Worker, photo: Photo, settings: dict[str, Any], progress: Progress, chosen: argparse.Namespace,
    output: Path,
) -> None:
    result = worker.reconstruct(photo, settings, progress)
    progress("transfer", 0, 1, "file")
    _write(result, output, chosen.space)
    if chosen.json:
        record = {**result.info, "space": chosen.space, "photo": str(chosen.photo)}
        text = json.dumps(record, indent=1, sort_keys=True) + "\n"
        load_part(".mesh_io").write_whole(output.with_suffix(".json"), text.encode())
    progress("transfer", 1, 1, "file")
    progress.finish()
    for warning in result.info["warnings"]:
        print(f"Note: {warning}", file=sys.stderr)
    print(f"{output}: {len(result.vertices)} vertices, {len(result.faces)} faces")


def _write(result: Reconstruction, output: Path, space: str) -> None:
    part = load_part(".mesh_io")
    if space == "camera":
        part.write_mesh(load_part(".pipeline").in_camera_space(result), output, axes="camera")
    else:
        part.write_mesh(result, output)


def _check_writable(output: Path) -> None:
    folder = output.parent
    if not folder.is_dir():
        raise EngineError(
            "io", f"The folder {folder} does not exist.", "Make it first, or choose another with -o."
        )
    if output.is_dir() or not os.access(folder, os.W_OK):
        raise EngineError("io", f"{output} cannot be written to.", "Choose another file with -o.")
