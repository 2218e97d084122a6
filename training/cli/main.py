# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: `people`, `photograph`, `pool`, `fit`, `join`, `evaluate`, `ablate`, `robustness`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from engine.errors import EngineError

from . import ablate, evaluate, fit, people, pool, robustness


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code: 0, 1 after an error, 130 when stopped. Usage errors exit with
    2.
    """
    parser = argparse.ArgumentParser(
        prog="python -m training", description="Build weights from synthetic people, or from scans."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in (people, pool, fit, evaluate, ablate, robustness):
        module.add_commands(commands)
    options = parser.parse_args(arguments)
    try:
        options.command(options)
    except (ValueError, OSError, FloatingPointError, EngineError) as error:
        print(f"training: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as stop:
        print(f"training: {stop or 'Stopped.'}", file=sys.stderr)
        return 130
    return 0
