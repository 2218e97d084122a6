# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m training evaluate`: reconstructions of unseen people against the truth."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.settings import DEVICES
from engine.weights import find_weights, load_weights

from ..evaluate import COARSE, Entry, Score, evaluate, load_entries, quick_figures
from ..evaluation.cases import Case, scan_cases, synthetic_cases
from ..evaluation.error_maps import ErrorMaps
from ..evaluation.report import About, read_report, table, write_report
from ..pool import TEST_SEEDS
from .scans import add_scan_options, chosen_scans

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[Any]


def add_commands(commands: Commands) -> None:
    """Add `evaluate` to the command line."""
    test = commands.add_parser("evaluate", help="compare reconstructions with the truth of unseen people")
    test.add_argument(
        "weights",
        nargs="+",
        help="files, or names of `python -m engine weights list`; "
        f"{COARSE} behind one for its coarse level alone; a .json of --json joins its rows",
    )
    add_options(test)
    test.add_argument("--quick", type=Path, metavar="POOL", help="the networks alone, on a pool's people")
    test.set_defaults(command=_evaluate)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what is the same for every command that evaluates: on whom, how, and what to write."""
    parser.add_argument("--people", type=int, default=12)
    parser.add_argument("--yaws", default="0,120,240", help="degrees that each is seen from, 0 the front")
    parser.add_argument("--seed-from", type=int, default=TEST_SEEDS, help="seed of the first person")
    add_scan_options(parser)
    parser.add_argument("--all-scans", action="store_true", help="not only those kept for testing")
    parser.add_argument("--noise", action="store_true", help="pictures with the faults of cameras")
    parser.add_argument("--resolution", type=int, default=256)
    parser.add_argument("--device", choices=DEVICES, default="auto")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every case's figures too")
    parser.add_argument("--maps", type=Path, metavar="DIR", help="write error maps, a picture a case")
    parser.add_argument("--worst", type=int, metavar="K", help="maps of the K worst, middle and best alone")


def check_options(options: argparse.Namespace) -> None:
    """Raise ValueError for options of `add_options` that contradict each other or mean nothing."""
    _yaws(options.yaws)
    if options.people < 1 or options.seed_from < 0:
        raise ValueError("Evaluation needs at least one person, and a first seed of 0 or more.")
    if options.worst is not None and (options.maps is None or options.worst < 1):
        raise ValueError("--worst chooses among error maps: give it 1 or more, and --maps a folder.")
    if options.json is not None and (options.json.suffix != ".json" or options.json.is_dir()):
        raise ValueError(f"{options.json} cannot hold the figures: name a file that ends in .json.")


@dataclass(frozen=True)
class People:
    """Who is photographed: in words; the photographs; scans that were passed over, which come to be known as
    the photographs are taken."""

    text: str
    cases: Iterator[Case]
    unusable: dict[str, str]


def choose_people(options: argparse.Namespace) -> People:
    """Those that the options name. Raises ValueError where there are none."""
    yaws = _yaws(options.yaws)
    if options.scans is None:
        if options.seed_from < TEST_SEEDS:
            print(f"Seeds below {TEST_SEEDS} may have been trained on: these people may not be unseen.")
        people = range(options.seed_from, options.seed_from + options.people)
        cases = synthetic_cases(people, yaws, options.noise)
        return People(f"Synthetic people, seeds {people[0]} to {people[-1]}", cases, {})
    scans = chosen_scans(options)
    seeds = sorted(scans.files) if options.all_scans else scans.test_seeds()
    if not seeds:
        raise ValueError(
            f"None of the {len(scans.files)} scans in {options.scans} is kept for testing: add --all-scans."
        )
    if options.all_scans:
        print("Some of these scans may have been trained on: these people may not be unseen.")
    unusable = dict(scans.unusable)
    kind = "all" if options.all_scans else "those kept for testing"
    cases = scan_cases(scans, seeds, yaws, options.noise, unusable)
    return People(f"Scans of {options.scans}, {kind}", cases, unusable)


def measure(entries: list[Entry], people: People, options: argparse.Namespace) -> tuple[About, list[Score]]:
    """Evaluate with the settings that the options name; error maps are written on the way."""
    maps = None if options.maps is None else ErrorMaps(options.maps, options.worst)
    observe = None if maps is None else maps.add
    scores = evaluate(entries, people.cases, options.resolution, options.device, observe)
    if maps is not None:
        maps.finish()
    about = About(people.text, _yaws(options.yaws), options.noise, options.resolution, people.unusable)
    return about, scores


def report(about: About, scores: list[Score], path: Path | None) -> None:
    """Print the table, and write `path` where it is given."""
    print(f"\n{about}\n{table(scores)}")
    if path is not None:
        write_report(path, about, scores)
        print(f"wrote {path}")


def _evaluate(options: argparse.Namespace) -> None:
    if options.quick is not None:
        for path in map(find_weights, options.weights):
            figures = quick_figures(load_weights(path).network, options.quick / "test")
            print(f"{path.name}: {json.dumps(figures, indent=1)}")
        return
    check_options(options)
    earlier = [read_report(Path(name)) for name in options.weights if name.endswith(".json")]
    entries = load_entries([name for name in options.weights if not name.endswith(".json")])
    reports = [*earlier, measure(entries, choose_people(options), options)] if entries else earlier
    about = reports[0][0]
    if any(other != about for other, _ in reports):
        raise ValueError("These figures are of other people, pictures or resolutions: make a table of each.")
    report(about, [score for _, scores in reports for score in scores], options.json)


def _yaws(text: str) -> list[float]:
    try:
        return [float(yaw) for yaw in text.split(",")]
    except ValueError:
        raise ValueError(f"The yaws {text!r} are no degrees: give them as 0,120,240.") from None
