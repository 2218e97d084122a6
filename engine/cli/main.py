# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: `reconstruct PHOTO -o OUT`, `weights ...`, and `serve`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

from ..errors import Cancelled
from ..server import as_engine_error, serve
from ..version import VERSION
from ..worker import Worker, check_installed
from . import reconstruct, weights

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
    reconstruct.add_command(commands)
    weights.add_commands(commands)

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
