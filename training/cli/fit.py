# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m training fit`: all stages within a number of minutes, and the weights file."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.weights import PRESETS

from ..evaluate import quick_figures
from ..export import export
from ..fit import fit

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[Any]


def add_commands(commands: Commands) -> None:
    """Add `fit` to the command line."""
    train = commands.add_parser("fit", help="train all stages and export the weights; resumes a run folder")
    train.add_argument("folder", type=Path, help="the pool")
    train.add_argument("--run", type=Path, required=True, help="folder of checkpoints and logs")
    train.add_argument("--out", type=Path, required=True, help="weights file to write")
    train.add_argument("--minutes", type=float, required=True)
    train.add_argument("--preset", choices=PRESETS, default="compact")
    train.add_argument("--workers", type=int, default=1, help="processes that prepare batches")
    train.add_argument("--start", type=Path, metavar="WEIGHTS", help="begin with the parameters of this file")
    train.set_defaults(command=_fit)


def _fit(options: argparse.Namespace) -> None:
    pool, run = options.folder, options.run
    preset = PRESETS[options.preset]
    network = fit(preset, pool / "train", run, options.minutes, options.workers, options.start)
    metrics = quick_figures(network, pool / "test")
    export(network, pool / "train", run, options.out, options.minutes, metrics)
    print(f"wrote {options.out}: {json.dumps(metrics)}")
