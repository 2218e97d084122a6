# SPDX-License-Identifier: GPL-3.0-or-later
"""`blender -b --command pifuhd PHOTO... -o DIR`: many photos, one engine."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

from . import batch, batch_inputs, batch_report, exporting, finish, jobs, presets, weights
from .engine.errors import EngineError
from .engine.sentences import Sentence

ABOUT = """\
Make a coloured 3D model of the person in each photo. Older files are replaced, unless --resume is given.

PHOTO is a PNG, JPEG, WebP, TIFF or BMP file, a folder of them, or a pattern in quotes such as "*.png".
The models stand upright on the origin, one unit a metre, and carry their colours in every format; obj as
three more numbers of each vertex, which not every program reads.

With --scene the pictures are those that visible image empties (reference images) show in the active scene
of a .blend, each once. blend then is one copy of that file, with each person laid over their picture; the
other formats are one file for each person, on the origin."""
EPILOG = """\
With --jsonl each line is an object whose "event" is one of these, with these keys:
  start     file, number, count
  progress  file, stage, fraction (0 to 1), remaining (seconds)
  done      file, outputs, seconds
  skipped   file, outputs
  failed    file, code, text, hint
  end       done, failed, skipped (counts), outputs (the copy of the scene), seconds

Exit code: 0 when every photo was done, 1 when one failed, 2 for a wrong command line. Ctrl-C stops the
engine and leaves no half-written file."""
_command: object | None = None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="blender -b --command pifuhd",
        description=ABOUT,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("photos", nargs="*", metavar="PHOTO", help="file, folder or pattern")
    add("--scene", type=Path, metavar="BLEND", help="take the reference images of this .blend")
    add("-o", "--output", type=Path, required=True, metavar="DIR", help="folder for the models")
    add(
        "--format",
        type=_formats,
        default=["glb"],
        metavar="F[,F]",
        help=f"one or more of {', '.join(exporting.FORMATS)} (default glb)",
    )
    resume = "leave out photos whose files are all there, whatever settings made them"
    add("--resume", action="store_true", help=resume)
    add("--jsonl", action="store_true", help="report in lines of JSON, and print nothing else there")
    detail = parser.add_argument_group("the model")
    _add_settings(detail)
    return parser


def _add_settings(group: argparse._ArgumentGroup) -> None:
    """Options that are settings of the panel; those that are not given keep the panel's defaults."""
    add = group.add_argument
    names = [name.lower() for name in presets.PRESETS]
    costs = "resolution 128, 256 (default), or 512 and --texture"
    add("--preset", choices=names, default="standard", help=costs)
    add(
        "--resolution",
        type=_number(64, 1024, 32),
        metavar="N",
        help="detail of the surface, 64 to 1024 in steps of 32 (default 256)",
    )
    add("--height", type=_height, metavar="M", help="the person's height in metres (default 1.75)")
    add("--weights", metavar="W", help="compact (default), pifuhd once it is downloaded, or a file")
    add("--device", choices=("auto", "cpu", "cuda", "mps"), help="what computes (default auto)")
    who = group.add_mutually_exclusive_group()
    who.add_argument("--person", type=_number(1, 100), metavar="N", help="the Nth largest person (default 1)")
    who.add_argument("--box", type=_box, metavar="X0,Y0,X1,Y1", help="where the person is, pixels")
    who.add_argument(
        "--people",
        choices=[way.lower() for way in finish.EVERY_WAY],
        default=finish.ONE.lower(),
        help="one person (default), or everybody as separate objects or joined in one",
    )
    add("--topology", choices=("triangles", "quads"), help="what the faces are (default triangles)")
    add("--faces", type=_number(100, 10_000_000), metavar="N", help="reduce to at most N triangles")
    add("--smooth", type=_number(0, 50), metavar="N", help="rounds of smoothing, 0 to 50 (default 0)")
    add("--colour", choices=("photograph", "normals", "none"), help="of the vertices (default photograph)")
    add(
        "--texture",
        action=argparse.BooleanOptionalAction,
        help="in blend and glb also project the photo through a UV map; the whole photo goes into the file",
    )
    add("--keep-normals", action="store_true", help="in a blend also keep the normal maps, as images")
    add("--flat", action="store_true", help="shade each face for itself")


def _formats(text: str) -> list[str]:
    chosen = list(dict.fromkeys(text.split(",")))
    unknown = [name for name in chosen if name not in exporting.FORMATS]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"unknown format {unknown[0]!r}; choose from {', '.join(exporting.FORMATS)}"
        )
    return chosen


def _number(low: int, high: int, step: int = 1) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high or int(text) % step:
            steps = f" in steps of {step}" if step > 1 else ""
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}{steps}")
        return int(text)

    return number


def _height(text: str) -> float:
    try:
        height = float(text)
    except ValueError:
        height = 0.0
    if not 0.1 <= height <= 10.0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a height from 0.1 to 10 metres")
    return height


def _box(text: str) -> list[float]:
    try:
        box = [float(part) for part in text.split(",")]
        x0, y0, x1, y1 = box
    except ValueError:
        x0, y0, x1, y1 = box = [0.0] * 4
    if not (x0 < x1 and y0 < y1):
        raise argparse.ArgumentTypeError(f"{text!r} is not four numbers like 10,20,300,400")
    return box


ENGINES = ("resolution", "height", "device", "person", "box", "topology", "faces", "smooth", "colour")
"""Options that the engine takes under the same name."""


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    """What api.reconstruct is given for every picture."""
    preset = presets.PRESETS[options.preset.upper()]
    given = {name: getattr(options, name) for name in ENGINES if getattr(options, name) is not None}
    texture = preset["texture"] if options.texture is None else options.texture
    if options.weights not in (None, weights.NAMES[weights.EMBEDDED]):
        known = options.weights == weights.NAMES[weights.DOWNLOADED]
        given["weights"] = options.weights if known else str(Path(options.weights).absolute())
    return {
        "resolution": preset["resolution"],
        **given,
        "shade_smooth": not options.flat,
        "texture": texture and options.colour != "none",
        "keep_normals": options.keep_normals,
        "people": options.people.upper(),
    }


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """End with exit code 2 where options do not go together."""
    if bool(options.photos) == bool(options.scene):
        parser.error("name photos, or a .blend with --scene")
    if options.scene and options.resume:
        parser.error("--resume does not go with --scene, whose people go into one file")
    if options.scene and (options.output / options.scene.name).resolve() == options.scene.resolve():
        parser.error("the .blend lies in the output folder and would be replaced; choose another with -o")
    if options.faces and options.topology == "quads":
        parser.error("--faces makes triangles, so it does not go with --topology quads")


def main(arguments: list[str]) -> int:
    """The command. Returns the exit code."""
    parser = _parser()
    try:
        options = parser.parse_args(arguments)
        _check(parser, options)
    except SystemExit as ended:  # argparse has printed the help, or what is wrong
        return ended.code if isinstance(ended.code, int) else 2
    # Blender's own answer to Ctrl-C is a note, then a kill; as an exception it reaches the running job.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with batch_report.opened(options.jsonl) as report:
        try:
            return 0 if _run(options, report) else 1
        except EngineError as error:  # before the first picture
            name = str(options.scene or options.output)
            report.failed(batch_report.Failure(name, name, error.code, error.text, error.hint))
            report.end((), 0.0)
            return 1
        finally:
            jobs.stop_engine()


def _run(options: argparse.Namespace, report: batch_report.Report) -> bool:
    try:
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EngineError(
            "io",
            Sentence(
                "The folder {folder} cannot be made: {reason}.",
                folder=options.output,
                reason=error.strerror or error,
            ),
            "Choose another folder.",
        ) from error
    # Absolute, because opening a file may change the folder that Blender works in.
    plan = batch.Plan(
        options.output.absolute(), options.format, _settings(options), options.resume, options.scene
    )
    if options.scene is None:
        batch.clear_scene()
        return batch.run(batch_inputs.photos(options.photos), plan, report)
    batch.open_scene(options.scene)
    items = batch_inputs.references()
    if not items:
        raise EngineError(
            "bad_image",
            Sentence("No visible image empty in {scene} shows a picture.", scene=options.scene.name),
            "Add the photo with Add > Image > Reference, or name photos instead.",
        )
    return batch.run(items, plan, report)


def register() -> None:
    global _command
    _command = bpy.utils.register_cli_command("pifuhd", main)


def unregister() -> None:
    global _command
    bpy.utils.unregister_cli_command(_command)
    _command = None
