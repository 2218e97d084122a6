# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of every command that reads scans."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..scans import ScanFolder, ScanFrame, find_scans


def add_scan_options(parser: argparse.ArgumentParser) -> None:
    """Add the folder of scans, and how they stand and are measured in it."""
    parser.add_argument("--scans", type=Path, metavar="DIR", help="scans in place of made people")
    parser.add_argument("--unit", default="auto", help="of the scans: auto, m, cm, mm, or its metres as 1.8")
    parser.add_argument("--up", choices=["auto", "y", "z"], default="auto", help="axis of the scans")
    parser.add_argument("--yaw", type=float, default=0, help="degrees that turn the scans to face the viewer")


def chosen_scans(options: argparse.Namespace) -> ScanFolder:
    """The scans that the options name; subjects without any mesh are listed. Raises ValueError."""
    scans = find_scans(options.scans, ScanFrame(options.unit, options.up, options.yaw))
    for name, reason in scans.unusable.items():
        print(f"skipped {name}: {reason}")
    return scans
