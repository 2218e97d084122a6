# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m training ablate`: presets trained alike and measured on the same unseen people."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..evaluation.ablations import COARSE_ROWS, plan_ablation, train_all
from .evaluate import add_options, check_options, choose_people, measured, report

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[Any]

PRESETS = f"pifu,pifuhd-no-normals,{COARSE_ROWS},compact,pifuhd"


def add_commands(commands: Commands) -> None:
    """Add `ablate` to the command line."""
    table = commands.add_parser("ablate", help="train presets with the same budget and compare them")
    table.add_argument("folder", type=Path, help="the pool")
    table.add_argument("--run", type=Path, required=True, help="folder of a run and a weights file a preset")
    table.add_argument("--minutes", type=float, required=True, help="of training, for each preset")
    table.add_argument(
        "--presets",
        default=PRESETS,
        help=f"rows of the table ({PRESETS}); {COARSE_ROWS}: the coarse level alone of each of two levels",
    )
    add_options(table)
    table.set_defaults(command=_ablate)


def _ablate(options: argparse.Namespace) -> None:
    # everything that can be refused is refused before hours of training
    check_options(options)
    ablation = plan_ablation(options.presets.split(","), options.folder, options.run, options.minutes)
    people = choose_people(options)
    print(f"{ablation}\n{people.text}.", flush=True)
    train_all(ablation, options.workers, options.device)
    about, scores = measured(ablation.names(), people, options)
    report(about, scores, options)
