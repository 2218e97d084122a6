# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m training evaluate`: reconstructions of unseen people against the truth."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.settings import DEVICES
from engine.weights import find_weights, load_weights

from ..evaluate import evaluate, quick_figures, synthetic_cases, table
from ..pool import TEST_SEEDS

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[Any]


def add_commands(commands: Commands) -> None:
    """Add `evaluate` to the command line."""
    test = commands.add_parser("evaluate", help="compare reconstructions with the truth of unseen people")
    test.add_argument("weights", nargs="+", help="files, or names of `python -m engine weights list`")
    test.add_argument("--people", type=int, default=12)
    test.add_argument("--yaws", default="0,120,240", help="degrees that each is seen from, 0 the front")
    test.add_argument("--seed-from", type=int, default=TEST_SEEDS, help="seed of the first person")
    test.add_argument("--noise", action="store_true", help="pictures with the faults of cameras")
    test.add_argument("--resolution", type=int, default=256)
    test.add_argument("--device", choices=DEVICES, default="auto")
    test.add_argument("--quick", type=Path, metavar="POOL", help="the networks alone, on a pool's people")
    test.set_defaults(command=_evaluate)


def _evaluate(options: argparse.Namespace) -> None:
    paths = [find_weights(name) for name in options.weights]
    if options.quick is not None:
        for path in paths:
            figures = quick_figures(load_weights(path).network, options.quick / "test")
            print(f"{path.name}: {json.dumps(figures, indent=1)}")
        return
    try:
        yaws = [float(yaw) for yaw in options.yaws.split(",")]
    except ValueError:
        raise ValueError(f"The yaws {options.yaws!r} are no degrees: give them as 0,120,240.") from None
    if options.people < 1 or options.seed_from < 0:
        raise ValueError("Evaluation needs at least one person, and a first seed of 0 or more.")
    if options.seed_from < TEST_SEEDS:
        print(f"Seeds below {TEST_SEEDS} may have been trained on: these figures are not of unseen people.")
    seeds = range(options.seed_from, options.seed_from + options.people)
    cases = synthetic_cases(seeds, yaws, options.noise)
    scores = evaluate(paths, cases, options.resolution, options.device)
    noise = "with camera noise" if options.noise else "without camera noise"
    print(f"\nSynthetic people, seeds {seeds[0]} to {seeds[-1]}, seen from {options.yaws} degrees, {noise};")
    print(f"resolution {options.resolution}.")
    print(table(scores))
