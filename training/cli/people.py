# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m training people | photograph`: the generator's people, to look at and to measure."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..humans.audit import audit
from ..pool import TEST_SEEDS
from ..sheet import write_photograph, write_sheet

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[Any]


def add_commands(commands: Commands) -> None:
    """Add `people` and `photograph` to the command line."""
    people = commands.add_parser("people", help="look at people of the generator")
    people.add_argument("--seed", type=int, default=0)
    people.add_argument("--count", type=int, default=24)
    people.add_argument("--sheet", type=Path, help="picture to write (.png)")
    people.add_argument(
        "--check", type=int, metavar="N", help="make N people and measure whether they are whole"
    )
    people.add_argument("--workers", type=int, default=2, help="processes that --check makes people in")
    people.set_defaults(command=_people)

    photograph = commands.add_parser("photograph", help="one person of the generator as a photograph")
    photograph.add_argument(
        "--seed", type=int, default=TEST_SEEDS, help=f"test people have seeds from {TEST_SEEDS} on"
    )
    photograph.add_argument("--out", type=Path, required=True, help="picture to write (.jpg)")
    photograph.set_defaults(command=_photograph)


def _people(options: argparse.Namespace) -> None:
    if options.sheet is None and options.check is None:
        raise ValueError("Nothing to do with people: give --sheet people.png to see some, or --check 2000.")
    if options.check is not None:
        _check(range(options.seed, options.seed + options.check), options.workers)
    if options.sheet is not None:
        _sheet(options)


def _check(seeds: range, workers: int) -> None:
    """Print the figures of the people of `seeds`. Raises ValueError where one of them is not whole."""

    def progress(done: int, total: int) -> None:
        if done % 100 == 0:
            print(f"{done} of {total} people", flush=True)

    report = audit(seeds, workers, progress)
    print(report.text())
    if report.exploded:
        raise ValueError(f"{len(report.exploded)} of {len(seeds)} people are not whole: see the seeds above.")


def _sheet(options: argparse.Namespace) -> None:
    write_sheet(range(options.seed, options.seed + options.count), options.sheet)
    print(f"wrote {options.sheet}")


def _photograph(options: argparse.Namespace) -> None:
    write_photograph(options.seed, options.out)
    print(f"wrote {options.out}")
