# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: `python -m engine reconstruct PHOTO -o OUT`, `weights show FILE`, and `serve`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn

from .errors import Cancelled, EngineError
from .server import as_engine_error, serve
from .version import VERSION
from .worker import Worker, check_installed, load_part

SUFFIXES: Final = (".obj", ".ply", ".glb", ".stl")
EXIT_ERROR: Final = 1
EXIT_USAGE: Final = 2
EXIT_CANCELLED: Final = 130


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(
            EXIT_USAGE,
            f"{message[:1].upper()}{message[1:]}. Run `{self.prog} --help` to see what it takes.\n",
        )


class _Progress:
    """Shows progress: one bar that is redrawn on a terminal, one line a stage elsewhere. Raises Cancelled."""

    def __init__(self) -> None:
        self.cancelled = False
        self._bar = sys.stderr.isatty()
        self._stage = ""

    def __call__(self, stage: str, done: int, total: int, unit: str) -> None:
        if self.cancelled:
            raise Cancelled
        if self._bar:
            filled = 30 * done // max(total, 1)
            bar = "#" * filled + "-" * (30 - filled)
            sys.stderr.write(f"\r{stage:<9}[{bar}] {done} of {total} {unit}\x1b[K")
            sys.stderr.flush()
        elif stage != self._stage:
            print(f"{stage}: {total} {unit}", file=sys.stderr, flush=True)
        self._stage = stage

    def finish(self) -> None:
        """Leave the terminal's cursor on a line of its own."""
        if self._bar and self._stage:
            sys.stderr.write("\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code: 0, 1 after an error, 130 where cancelled. Usage errors exit
    with 2.
    """
    chosen = _parser().parse_args(arguments)
    try:
        check_installed()
        code: int = chosen.run(chosen)
        return code
    except (Cancelled, KeyboardInterrupt):
        print("Cancelled; nothing was written.", file=sys.stderr)
        return EXIT_CANCELLED
    except Exception as error:
        print(as_engine_error(error), file=sys.stderr)
        return EXIT_ERROR


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m engine", description="Turn a photo of a person into a coloured mesh.")
    parser.add_argument("--version", action="version", version=VERSION)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

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

    weights = commands.add_parser("weights", help="look at weights").add_subparsers(
        required=True, metavar="COMMAND"
    )
    show = weights.add_parser("show", help="print the preset and the card of a weights file")
    show.add_argument("file", type=Path, metavar="FILE")
    show.set_defaults(run=_show_weights)

    server = commands.add_parser("serve", help="serve the add-on, which starts this itself")
    server.add_argument(
        "--address", required=True, help="a socket in a private folder, or a named pipe on Windows"
    )
    server.add_argument(
        "--idle-seconds", type=float, default=600.0, metavar="S", help="exit after S seconds of no work"
    )
    server.set_defaults(
        run=lambda chosen: serve(chosen.address, Worker(), idle_seconds=chosen.idle_seconds)
    )
    return parser


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
    progress = _Progress()

    def interrupted(number: int, frame: FrameType | None) -> None:
        if progress.cancelled:
            raise KeyboardInterrupt  # the second Ctrl-C: the user does not want to wait for the batch to end
        progress.cancelled = True

    before = signal.signal(signal.SIGINT, interrupted)
    try:
        result = Worker().reconstruct(load_part(".photo").load_photo(chosen.photo), settings, progress)
        progress("transfer", 0, 1, "file")
        load_part(".mesh_io").write_mesh(result, output)
        progress("transfer", 1, 1, "file")
    finally:
        signal.signal(signal.SIGINT, before)
        progress.finish()
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


def _show_weights(chosen: argparse.Namespace) -> int:
    weights = load_part(".weights").load_weights(chosen.file, device="cpu")
    print(f"preset: {weights.preset.name}")
    print(f"sha256: {weights.sha256}")
    for name, value in weights.card.items():
        print(f"{name}: {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
