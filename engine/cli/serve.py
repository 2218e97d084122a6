# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m engine serve`: what the add-on starts."""

from __future__ import annotations

import argparse
import math
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import logs
from ..parts import load_part

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[Any]


def add_command(commands: Commands) -> None:
    """Add `serve` to the command line."""
    server = commands.add_parser("serve", help="serve the add-on, which starts this itself")
    server.add_argument("--address", required=True,
                        help="a socket in a private folder, or a named pipe on Windows")
    server.add_argument("--idle", type=_seconds, default=600.0, metavar="SECONDS",
                        help="free weights after so long without work, exit after as long again; 0: never "
                             "(default 600)")
    server.add_argument("--log", type=Path, metavar="FILE",
                        help="the file that standard error was sent to, to keep it short")
    server.set_defaults(run=_serve)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not math.isfinite(seconds) or seconds < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, 0 or more")
    return seconds


def _serve(chosen: argparse.Namespace) -> int:
    if chosen.log is not None:
        threading.Thread(target=logs.keep_short, args=(chosen.log,), name="log", daemon=True).start()
    worker = load_part(".worker").Worker()
    code: int = load_part(".server").serve(chosen.address, worker, idle_seconds=chosen.idle)
    return code
