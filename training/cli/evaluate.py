# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m training evaluate`: reconstructions of unseen people against the truth."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.settings import DEVICES
from engine.weights import find_weights, load_weights

from ..evaluate import Measuring, quick_figures
from ..evaluation.cases import People, scanned_people, synthetic_people
from ..evaluation.entries import COARSE
from ..evaluation.error_maps import ErrorMaps
from ..evaluation.measured import measure
from ..evaluation.outcomes import Score
from ..evaluation.report import About, read_report, write_report
from ..evaluation.tables import spread_table, table, target_table, trait_table
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
    add_made_people(parser)
    parser.add_argument("--yaws", default="0,120,240", help="degrees that each is seen from, 0 the front")
    add_scan_options(parser)
    parser.add_argument("--all-scans", action="store_true", help="not only those kept for testing")
    parser.add_argument("--noise", action="store_true", help="pictures with the faults of cameras")
    add_running(parser)
    parser.add_argument("--by", metavar="TRAIT", action="append", default=[],
                        help="a table of each pose, yaw or condition too; may be given again")  # fmt: skip
    parser.add_argument("--targets", action="store_true", help="what is aimed at beside what is measured")
    parser.add_argument("--maps", type=Path, metavar="DIR", help="write error maps, a picture a case")
    parser.add_argument("--worst", type=int, metavar="K", help="maps of the K worst, middle and best alone")


def add_made_people(parser: argparse.ArgumentParser) -> None:
    """Add which people of the generator."""
    parser.add_argument("--people", type=int, default=12)
    parser.add_argument("--seed-from", type=int, default=TEST_SEEDS, help="seed of the first person")


def add_running(parser: argparse.ArgumentParser) -> None:
    """Add how reconstructions are run and where their figures are kept."""
    parser.add_argument("--resolution", type=int, default=256)
    parser.add_argument("--device", choices=DEVICES, default="auto")
    parser.add_argument("--workers", type=int, default=1, help="processes to work in, beside this one")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep every case's figures, as they come")
    parser.add_argument("--resume", action="store_true", help="go on where the file of --json ends")


def check_options(options: argparse.Namespace) -> None:
    """Raise ValueError for options of `add_options` that contradict each other or mean nothing."""
    _yaws(options.yaws)
    if options.worst is not None and (options.maps is None or options.worst < 1):
        raise ValueError("--worst chooses among error maps: give it 1 or more, and --maps a folder.")
    check_running(options)


def check_running(options: argparse.Namespace) -> None:
    """Raise ValueError for options of `add_made_people` and `add_running` that mean nothing."""
    if options.people < 1 or options.seed_from < 0:
        raise ValueError("Evaluation needs at least one person, and a first seed of 0 or more.")
    if options.workers < 0:
        raise ValueError("Evaluation needs --workers 0 or more.")
    if options.resume and options.json is None:
        raise ValueError("--resume goes on where a file ends: name it with --json.")
    if options.json is not None and (options.json.suffix != ".json" or options.json.is_dir()):
        raise ValueError(f"{options.json} cannot hold the figures: name a file that ends in .json.")


def choose_people(options: argparse.Namespace) -> People:
    """Those that the options name. Raises ValueError where there are none."""
    yaws = _yaws(options.yaws)
    if options.scans is None:
        return synthetic_people(chosen_seeds(options), yaws, options.noise)
    scans = chosen_scans(options)
    seeds = sorted(scans.files) if options.all_scans else scans.test_seeds()
    if not seeds:
        raise ValueError(
            f"None of the {len(scans.files)} scans in {options.scans} is kept for testing: add --all-scans."
        )
    if options.all_scans:
        print("Some of these scans may have been trained on: these people may not be unseen.")
    kind = "all" if options.all_scans else "those kept for testing"
    return scanned_people(scans, seeds, f"Scans of {options.scans}, {kind}", yaws, options.noise)


def chosen_seeds(options: argparse.Namespace) -> range:
    """Of the made people that the options name."""
    if options.seed_from < TEST_SEEDS:
        print(f"Seeds below {TEST_SEEDS} may have been trained on: these people may not be unseen.")
    return range(options.seed_from, options.seed_from + options.people)


def measured(names: list[str], people: People, options: argparse.Namespace) -> tuple[About, list[Score]]:
    """Evaluate with the settings that the options name; files are written on the way."""
    maps = None if options.maps is None else ErrorMaps(options.maps, options.worst)
    about = About(
        people.text, _yaws(options.yaws), options.noise, options.resolution, people.unusable, given_command()
    )
    measuring = Measuring(tuple(names), options.resolution, options.device, maps)
    return about, measure(measuring, people, about, options.json, options.resume, options.workers)


def given_command() -> str:
    """This process's command, with the names of files alone: folders are of the machine it ran on."""
    words = [Path(word).name if "/" in word or "\\" in word else word for word in sys.argv[1:]]
    return shlex.join(["python", "-m", "training", *words])


def report(about: About, scores: list[Score], options: argparse.Namespace) -> None:
    """Print the tables that the options name, and write the file that they name."""
    print(f"\n{about}\n{table(scores)}\n\n{spread_table(scores)}")
    for trait in options.by:
        print(f"\n{trait_table(scores, trait)}")
    if options.targets:
        print(f"\n{target_table(scores)}")
    if options.json is not None:
        write_report(options.json, about, scores)
        print(f"wrote {options.json}")


def _evaluate(options: argparse.Namespace) -> None:
    if options.quick is not None:
        for path in map(find_weights, options.weights):
            figures = quick_figures(load_weights(path).network, options.quick / "test")
            print(f"{path.name}: {json.dumps(figures, indent=1)}")
        return
    check_options(options)
    earlier = [read_report(Path(name)) for name in options.weights if name.endswith(".json")]
    names = [name for name in options.weights if not name.endswith(".json")]
    reports = [*earlier, measured(names, choose_people(options), options)] if names else earlier
    about = reports[0][0]
    if any(other != about for other, _ in reports):
        raise ValueError("These figures are of other people, pictures or resolutions: make a table of each.")
    report(about, [score for _, scores in reports for score in scores], options)


def _yaws(text: str) -> list[float]:
    try:
        return [float(yaw) for yaw in text.split(",")]
    except ValueError:
        raise ValueError(f"The yaws {text!r} are no degrees: give them as 0,120,240.") from None
