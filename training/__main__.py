"""`python -m training pool | fit | evaluate | people | photograph`: from nothing to weights."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from engine.errors import EngineError
from engine.settings import DEVICES
from engine.weights import PRESETS, find_weights, load_weights

from .evaluate import evaluate, quick_figures, synthetic_cases, table
from .export import export
from .fit import fit
from .pool import TEST_SEEDS, PoolFormat, build_pool
from .scans import ScanFrame, find_scans
from .scans.frame import UNITS
from .sheet import write_photograph, write_sheet


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m training", description="Build weights from synthetic people."
    )
    commands = parser.add_subparsers(dest="command", required=True)

    pool = commands.add_parser("pool", help="make people and render them, for training and for testing")
    pool.add_argument("folder", type=Path)
    pool.add_argument("--people", type=int, default=400)
    pool.add_argument("--test-people", type=int, default=12)
    pool.add_argument("--workers", type=int, default=2)
    pool.add_argument("--minutes", type=float, help="stop after this time; what is made stays")
    pool.add_argument("--scans", type=Path, metavar="DIR", help="scans in place of made people")
    pool.add_argument("--unit", choices=["auto", *UNITS], default="auto", help="of the scans")
    pool.add_argument("--up", choices=["auto", "y", "z"], default="auto", help="axis of the scans")
    pool.add_argument("--yaw", type=float, default=0, help="degrees that turn the scans to face the viewer")

    train = commands.add_parser("fit", help="train all stages and export the weights; resumes a run folder")
    train.add_argument("folder", type=Path, help="the pool")
    train.add_argument("--run", type=Path, required=True, help="folder of checkpoints and logs")
    train.add_argument("--out", type=Path, required=True, help="weights file to write")
    train.add_argument("--minutes", type=float, required=True)
    train.add_argument("--preset", choices=PRESETS, default="compact")
    train.add_argument("--workers", type=int, default=1, help="processes that prepare batches")
    train.add_argument("--start", type=Path, metavar="WEIGHTS", help="begin with the parameters of this file")

    test = commands.add_parser("evaluate", help="compare reconstructions with the truth of unseen people")
    test.add_argument("weights", nargs="+", help="files, or names of `python -m engine weights list`")
    test.add_argument("--people", type=int, default=12)
    test.add_argument("--yaws", default="0,120,240", help="degrees that each is seen from, 0 the front")
    test.add_argument("--seed-from", type=int, default=TEST_SEEDS, help="seed of the first person")
    test.add_argument("--noise", action="store_true", help="pictures with the faults of cameras")
    test.add_argument("--resolution", type=int, default=256)
    test.add_argument("--device", choices=DEVICES, default="auto")
    test.add_argument("--quick", type=Path, metavar="POOL", help="the networks alone, on a pool's people")

    people = commands.add_parser("people", help="look at people of the generator")
    people.add_argument("--seed", type=int, default=0)
    people.add_argument("--count", type=int, default=24)
    people.add_argument("--sheet", type=Path, required=True, help="picture to write (.png)")

    photograph = commands.add_parser("photograph", help="one person of the generator as a photograph")
    photograph.add_argument(
        "--seed", type=int, default=TEST_SEEDS, help="test people have seeds from 1000000 on"
    )
    photograph.add_argument("--out", type=Path, required=True, help="picture to write (.jpg)")

    options = parser.parse_args(arguments)
    try:
        return _run(options)
    except (ValueError, OSError, FloatingPointError, EngineError) as error:
        print(f"training: {error}", file=sys.stderr)
        return 1


def _run(options: argparse.Namespace) -> int:
    if options.command == "pool" and options.scans is not None:
        _pool_of_scans(options)
    elif options.command == "pool":
        form = PoolFormat()
        build_pool(
            options.folder / "test",
            range(TEST_SEEDS, TEST_SEEDS + options.test_people),
            form,
            options.workers,
        )
        made = build_pool(
            options.folder / "train", range(options.people), form, options.workers, options.minutes
        )
        print(f"{made} people to train on in {options.folder / 'train'}")
    elif options.command == "fit":
        network = fit(
            PRESETS[options.preset],
            options.folder / "train",
            options.run,
            options.minutes,
            options.workers,
            options.start,
        )
        metrics = quick_figures(network, options.folder / "test")
        export(network, options.folder / "train", options.run, options.out, options.minutes, metrics)
        print(f"wrote {options.out}: {json.dumps(metrics)}")
    elif options.command == "evaluate":
        _evaluate(options, [find_weights(name) for name in options.weights])
    elif options.command == "photograph":
        write_photograph(options.seed, options.out)
        print(f"wrote {options.out}")
    else:
        write_sheet(range(options.seed, options.seed + options.count), options.sheet)
        print(f"wrote {options.sheet}")
    return 0


def _evaluate(options: argparse.Namespace, paths: list[Path]) -> None:
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


def _pool_of_scans(options: argparse.Namespace) -> None:
    scans = find_scans(options.scans, ScanFrame(options.unit, options.up, options.yaw))
    for name, reason in scans.unusable.items():
        print(f"skipped {name}: {reason}")
    print(f"{len(scans.train_seeds())} scans to train on, {len(scans.test_seeds())} kept for testing")
    for name, seeds in (("test", scans.test_seeds()), ("train", scans.train_seeds())):
        if seeds:
            folder = options.folder / name
            made = build_pool(folder, seeds, PoolFormat(), options.workers, options.minutes, scans.person)
            print(f"{made} people in {folder}")


if __name__ == "__main__":
    sys.exit(main())
