# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m training pool`: people or scans on disk, for training and for testing."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..crew import end_with_input
from ..humans import Person, make_person
from ..pool import TEST_SEEDS, PoolFormat, build_pool
from ..views import StockFormat, build_stock
from .scans import add_scan_options, chosen_scans

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[Any]


def add_commands(commands: Commands) -> None:
    """Add `pool` to the command line."""
    pool = commands.add_parser("pool", help="make people, for training and for testing")
    pool.add_argument("folder", type=Path)
    pool.add_argument("--people", type=int, default=400)
    pool.add_argument("--seed-from", type=int, default=0, help="seed of the first person to train on")
    pool.add_argument("--test-people", type=int, default=12)
    pool.add_argument("--workers", type=int, default=2)
    pool.add_argument(
        "--views", type=int, default=4, help="rendered of each person; 0 where a GPU renders as it trains"
    )
    pool.add_argument(
        "--size", type=int, default=512, help="pixels a side of the views: the finest a preset asks for"
    )
    pool.add_argument(
        "--backgrounds", type=Path, metavar="DIR", help="photographs without people to put people in front of"
    )
    pool.add_argument("--minutes", type=float, help="stop after this time; what is made stays")
    pool.add_argument("--attended", action="store_true", help="end when standard input does")
    add_scan_options(pool)
    pool.set_defaults(command=_pool)


def _pool(options: argparse.Namespace) -> None:
    if options.views < 0 or options.size < 64 or options.size % 64:
        raise ValueError("A pool needs 0 or more views a person, and a size that is a multiple of 64.")
    if options.seed_from < 0 or options.seed_from + options.people > TEST_SEEDS:
        raise ValueError(f"People to train on have seeds from 0 to {TEST_SEEDS - 1}.")
    if options.attended:
        end_with_input()
    form = PoolFormat(options.size, options.views)
    test, train, make = _seeds(options)
    # first, so that training may begin while the pool fills
    for seed, name in enumerate(("train", "test")):
        build_stock(options.folder / name, StockFormat(), options.backgrounds, seed)
    for name, seeds, minutes in (("test", test, None), ("train", train, options.minutes)):
        if seeds:
            folder = options.folder / name
            made = build_pool(folder, seeds, form, options.workers, minutes, make)
            print(f"{made} people in {folder}")


def _seeds(options: argparse.Namespace) -> tuple[Sequence[int], Sequence[int], Callable[[int], Person]]:
    """Seeds of the people to test and to train on, and what makes them."""
    if options.scans is None:
        test = range(TEST_SEEDS, TEST_SEEDS + options.test_people)
        return test, range(options.seed_from, options.seed_from + options.people), make_person
    scans = chosen_scans(options)
    print(f"{len(scans.train_seeds())} scans to train on, {len(scans.test_seeds())} kept for testing")
    return scans.test_seeds(), scans.train_seeds(), scans.person
