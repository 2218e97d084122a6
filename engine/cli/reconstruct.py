# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m engine reconstruct PHOTO -o OUT`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..errors import EngineError
from ..worker import Worker, load_part
from .progress import shown_progress

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[Any]

SUFFIXES: Final = (".obj", ".ply", ".glb", ".stl")


def add_command(commands: Commands) -> None:
    """Add `reconstruct` to the command line."""
    one = commands.add_parser("reconstruct", help="reconstruct the person in a photo")
    one.add_argument("photo", type=Path, metavar="PHOTO")
    one.add_argument(
        "-o", "--output", type=_mesh_path, required=True, metavar="OUT", help="OUT.obj, .ply, .glb or .stl"
    )
    one.add_argument(
        "--resolution", type=int, metavar="N", help="nodes a side of the occupancy grid: 64, 96 ... 512"
    )
    one.add_argument(
        "--height", type=float, metavar="M", help="the person's height in metres (default 1.75)"
    )
    one.add_argument("--box", type=_box, metavar="X0,Y0,X1,Y1", help="where the person is, in pixels")
    one.add_argument("--weights", metavar="FILE", help="weights to use instead of those that come along")
    one.add_argument("--device", metavar="D", help="auto (default), cpu, cuda or mps")
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
    names = ("resolution", "height", "box", "weights", "device")
    settings: dict[str, Any] = {
        name: getattr(chosen, name) for name in names if getattr(chosen, name) is not None
    }
    with shown_progress() as progress:
        result = Worker().reconstruct(load_part(".photo").load_photo(chosen.photo), settings, progress)
        progress("transfer", 0, 1, "file")
        load_part(".mesh_io").write_mesh(result, output)
        progress("transfer", 1, 1, "file")
    for warning in result.info.get("warnings", []):
        print(f"Note: {warning}", file=sys.stderr)
    print(f"{output}: {len(result.vertices)} vertices, {len(result.faces)} faces")
    return 0


def _check_writable(output: Path) -> None:
    folder = output.parent
    if not folder.is_dir():
        raise EngineError(
            "io", f"The folder {folder} does not exist.", "Make it first, or choose another with -o."
        )
    if output.is_dir() or not os.access(folder, os.W_OK):
        raise EngineError("io", f"{output} cannot be written to.", "Choose another file with -o.")
