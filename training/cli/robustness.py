# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m training robustness`: the same people under conditions that make reconstructing harder."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.weights import DEFAULT_WEIGHTS, load_weights

from ..evaluate import Measuring
from ..evaluation.condition_sheet import condition_sheet
from ..evaluation.conditions import people_in_conditions
from ..evaluation.drawing import check_picture, write_picture
from ..evaluation.entries import load_entries
from ..evaluation.measured import measure
from ..evaluation.report import About
from ..evaluation.tables import table, trait_table
from .evaluate import add_made_people, add_running, check_running, chosen_seeds, given_command

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[Any]


def add_commands(commands: Commands) -> None:
    """Add `robustness` to the command line."""
    test = commands.add_parser("robustness", help="the same people under harder and harder conditions")
    test.add_argument("weights", nargs="+", help="as for `evaluate`, without .json files")
    add_made_people(test)
    add_running(test)
    test.add_argument("--picture", type=Path, metavar="FILE", help="the first person in all conditions")
    test.set_defaults(command=_robustness)


def _robustness(options: argparse.Namespace) -> None:
    check_running(options)
    if options.picture is not None:
        check_picture(options.picture)
    people = people_in_conditions(chosen_seeds(options))
    about = About(people.text, [0.0], False, options.resolution, people.unusable, given_command())
    measuring = Measuring(tuple(options.weights), options.resolution, options.device)
    scores = measure(measuring, people, about, options.json, options.resume, options.workers)
    print(f"\n{about}\n{table(scores)}\n\n{trait_table(scores, 'condition')}")
    if options.picture is not None:
        first = load_entries(options.weights)[0].weights
        guide = first if first.preset.has_mask else load_weights(DEFAULT_WEIGHTS)
        write_picture(options.picture, condition_sheet(first, guide, people, options.resolution))
        print(f"wrote {options.picture}")
