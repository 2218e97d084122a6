#!/usr/bin/env python3
"""The one front door: python build.py demo | test | bench | package | develop | guide. Stdlib only."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - said before the imports below, which an older Python cannot read
    sys.exit(
        "error: build.py needs Python 3.11 or newer, and this is Python "
        + sys.version.split()[0]
        + ". Run it with a newer one, for example: python3.11 build.py demo"
    )

import argparse
from pathlib import Path

from buildtools import bench, blenders, checks, demo, guide, package, venv
from buildtools.shell import BuildError, ask, say


def develop(named: str | None) -> None:
    """Link the checkout into the extension folder of the real Blender `named`, or of the one on PATH."""
    blender = blenders.find_real(named)
    if blender is None:
        raise BuildError(
            "There is no Blender on PATH to link the extension into.",
            "Name one: python build.py develop --blender PATH.",
        )
    mark = "EXTENSIONS="
    expression = f"import bpy; print('{mark}' + bpy.utils.user_resource('EXTENSIONS', path='user_default'))"
    output = ask([blender.program, "-b", "--python-expr", expression]) or ""
    folder = next((line[len(mark) :] for line in output.splitlines() if line.startswith(mark)), "")
    if not folder:
        raise BuildError(
            f"{blender.program} does not say where its extensions are.",
            "Start it once and run the command again.",
        )
    say(f"Linked into {package.link(Path(folder))}")
    say("Enable it in Blender: Edit > Preferences > Add-ons > PIFuHD. After an edit, restart Blender.")
    if not venv.python_of(venv.MAIN).exists():
        say("The engine still needs its packages: press Set Up Engine there, or run: python build.py demo")


def main(arguments: list[str]) -> int:
    """Run the command in `arguments` and return the exit code: 0, 1 after an error, or pytest's own."""
    parser = argparse.ArgumentParser(prog="build.py", description="Build, try and test PIFuHD for Blender.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    explained = {
        "demo": "reconstruct the sample picture in Blender; writes demo/person.blend, .glb and preview.png",
        "test": "install what the tests need and run them (further arguments go to pytest)",
        "bench": "measure how fast the engine is (further arguments go to python -m benchmarks)",
        "package": "make dist/pifuhd_blender-VERSION.zip",
        "guide": "take the pictures of docs/guide.md in a real Blender anew",
        "develop": "link the checkout into Blender's extension folder for live work",
    }
    for name, text in explained.items():
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--blender", metavar="PATH", help="Blender to use (default: the one on PATH)")
    options, rest = parser.parse_known_args(arguments)
    if rest and options.command not in ("test", "bench"):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        if options.command == "demo":
            demo.demo(options.blender)
        elif options.command == "test":
            return checks.test(options.blender, rest)
        elif options.command == "bench":
            bench.bench(rest)
        elif options.command == "package":
            package.build(blenders.choose(options.blender))
        elif options.command == "guide":
            guide.guide(options.blender)
        else:
            develop(options.blender)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
