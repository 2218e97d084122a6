# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: `reconstruct PHOTO -o OUT`, `weights ...`, `doctor`, and `serve`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

from ..errors import Cancelled, EngineError
from ..parts import check_installed
from ..version import VERSION
from . import doctor, reconstruct, serve, weights

EXIT_ERROR: Final = 1
EXIT_USAGE: Final = 2
EXIT_CANCELLED: Final = 130


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(
            EXIT_USAGE,
            f"{message[:1].upper()}{message[1:]}. Run `{self.prog} --help` to see what it takes.\n",
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code: 0, 1 after an error, 130 where cancelled. Usage errors exit
    with 2.
    """
    chosen = _parser().parse_args(arguments)
    try:
        chosen.check()
        code: int = chosen.run(chosen)
        return code
    except (Cancelled, KeyboardInterrupt):
        print("Cancelled; nothing was written.", file=sys.stderr)
        return EXIT_CANCELLED
    except EngineError as error:
        print(error, file=sys.stderr)
    except Exception as error:
        from ..server import as_engine_error  # needs NumPy, which is known to be there by now

        print(as_engine_error(error), file=sys.stderr)
    return EXIT_ERROR


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m engine", description="Turn a photo of a person into a coloured mesh.")
    parser.add_argument("--version", action="version", version=VERSION)
    parser.set_defaults(check=check_installed)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    reconstruct.add_command(commands)
    weights.add_commands(commands)
    doctor.add_command(commands)
    serve.add_command(commands)
    return parser
