# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m engine weights ...`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..worker import load_part

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[Any]


def add_commands(commands: Commands) -> None:
    """Add `weights` and its sub-commands to the command line."""
    weights = commands.add_parser("weights", help="look at weights").add_subparsers(
        required=True, metavar="COMMAND"
    )
    show = weights.add_parser("show", help="print the preset and the card of a weights file")
    show.add_argument("file", type=Path, metavar="FILE")
    show.set_defaults(run=_show_weights)


def _show_weights(chosen: argparse.Namespace) -> int:
    weights = load_part(".weights").load_weights(chosen.file, device="cpu")
    print(f"preset: {weights.preset.name}")
    print(f"sha256: {weights.sha256}")
    for name, value in weights.card.items():
        print(f"{name}: {value}")
    return 0
