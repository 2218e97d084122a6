# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m training pool`: people or scans on disk, for training and for testing."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..pool import TEST_SEEDS, PoolFormat, build_pool
from .scans import add_scan_options, chosen_scans

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[Any]


def add_commands(commands: Commands) -> None:
    """Add `pool` to the command line."""
    pool = commands.add_parser("pool", help="make people and render them, for training and for testing")
    pool.add_argument("folder", type=Path)
    pool.add_argument("--people", type=int, default=400)
    pool.add_argument("--test-people", type=int, default=12)
    pool.add_argument("--workers", type=int, default=2)
    pool.add_argument("--minutes", type=float, help="stop after this time; what is made stays")
    add_scan_options(pool)
    pool.set_defaults(command=_pool)


def _pool(options: argparse.Namespace) -> None:
    if options.scans is not None:
        _pool_of_scans(options)
        return
    form = PoolFormat()
    test_seeds = range(TEST_SEEDS, TEST_SEEDS + options.test_people)
    build_pool(options.folder / "test", test_seeds, form, options.workers)
    train = options.folder / "train"
    made = build_pool(train, range(options.people), form, options.workers, options.minutes)
    print(f"{made} people to train on in {train}")


def _pool_of_scans(options: argparse.Namespace) -> None:
    scans = chosen_scans(options)
    print(f"{len(scans.train_seeds())} scans to train on, {len(scans.test_seeds())} kept for testing")
    for name, seeds in (("test", scans.test_seeds()), ("train", scans.train_seeds())):
        if seeds:
            folder = options.folder / name
            made = build_pool(folder, seeds, PoolFormat(), options.workers, options.minutes, scans.person)
            print(f"{made} people in {folder}")
