# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast the engine is, beside the published procedure: `python build.py bench`.

    python -m benchmarks [--presets compact pifuhd] [--resolutions 256 512 1024] [--runs 3] ...

Prints tables, and writes NAME.json, NAME-seconds.png and NAME-memory.png into benchmarks/results. Give the
machine nothing else to do: with the defaults it takes 21 minutes on two cores, and 16 GB. What was measured
before an interruption is kept.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import torch

from engine.errors import EngineError
from engine.mesh_io import write_whole
from engine.settings import Settings
from engine.spawn import SPINS
from engine.weights import PRESETS

from . import engine_start, machine, plots, throughput
from .child import Case, ChildEnded
from .floor import floors, measure_rates
from .growth import growth
from .report import RESULTS, ROOT, tables
from .sweep import compare


def main(arguments: Sequence[str]) -> None:
    """Measure what the arguments ask for."""
    devices = ["cpu"] + (["cuda"] if torch.cuda.is_available() else [])
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure how fast the engine is."
    )
    parser.add_argument(
        "--presets", nargs="+", choices=PRESETS, default=["compact", "pifuhd"], metavar="PRESET"
    )
    parser.add_argument("--resolutions", nargs="+", type=_nodes, default=[256, 512, 1024], metavar="NODES")
    parser.add_argument(
        "--devices", nargs="+", choices=devices, default=devices, help="default: all there are"
    )
    parser.add_argument("--runs", type=int, default=3, help="of everything; what is told is their median")
    parser.add_argument("--photo", type=Path, default=ROOT / "samples" / "person_1.jpg")
    parser.add_argument("--name", help="of the results; default: the GPU's, or cpu")
    parser.add_argument("--folder", type=Path, default=RESULTS, help="for the results")
    options = parser.parse_args(arguments)
    if options.runs < 1:
        parser.error(f"--runs {options.runs} measures nothing; give 1 or more")
    if not options.photo.is_file():
        parser.error(f"there is no picture {options.photo}; name one that shows a person")
    cases = [
        Case(preset, resolution, device, str(options.photo.resolve()))
        for device in options.devices for preset in options.presets for resolution in options.resolutions
    ]  # fmt: skip
    options.folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault(*SPINS)  # as the engine has it; for the processes that are measured

    def keep(results: dict[str, Any]) -> None:
        text = f"{json.dumps(results, indent=1)}\n"
        write_whole(options.folder / f"{results['name']}.json", text.encode())

    try:
        results = measure(cases, options.runs, options.name, keep)
    except ChildEnded as error:
        sys.exit(f"error: {error}")
    draw_plots(results, options.folder)
    print(tables(results), end="")


def _nodes(text: str) -> int:
    """A resolution that the engine takes."""
    try:
        return Settings(resolution=int(text)).resolution
    except (ValueError, EngineError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def measure(
    cases: Sequence[Case], runs: int, name: str | None, keep: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """All results, JSON-able: {name, date, machine, runs, rates, engine, comparisons, floors, growth,
    throughput}; see `machine.describe`, `floor.measure_rates` and `engine_start.measure` for each device,
    `sweep.compare`, `floor.floors`, `growth.growth`, `throughput.measure` for each device and number of
    processes. keep: given the results so far after each case, for a run is long."""
    devices = list(dict.fromkeys(case.device for case in cases))
    about = machine.describe()
    _tell("the engine's start")
    results: dict[str, Any] = {
        "name": re.sub(r"\W+", "-", name or about["gpu"] or "cpu").lower(),
        "date": date.today().isoformat(),
        "machine": about,
        "runs": runs,
        "rates": {device: measure_rates(torch.device(device)) for device in devices},
        "engine": [engine_start.measure(ROOT, Path(cases[0].photo), device, runs) for device in devices],
        "comparisons": [],
        "throughput": [],
    }
    for case in cases:
        results["comparisons"].append(compare(case, runs, _tell))
        results["floors"] = floors(results["comparisons"], results["rates"])
        results["growth"] = growth(results["comparisons"])
        keep(results)
    # last, for so many processes may find too little memory where the rest did not
    for device in devices:
        for processes in throughput.process_counts(about["cores"] or 1):
            jobs = processes * throughput.JOBS[device]
            one = throughput.measure(throughput.PHOTOS, device, processes, jobs)
            results["throughput"].append(one)
            rate = one["people_per_second"]
            _tell(f"a batch on {device}, processes: {processes}, people a second: {rate:.2f}")
            keep(results)
    return results


def draw_plots(results: dict[str, Any], folder: Path) -> None:
    """NAME-seconds.png and NAME-memory.png of the surface stage, where there is more than one resolution."""
    for kind, unit, divisor in (("seconds", "s", 1), ("memory", "MiB", 2**20)):
        lines = []
        for one in results["growth"]:
            label = f"{one['preset']}, {one['device']}"
            points = [(r, value / divisor) for r, value in zip(one["resolutions"], one[kind])]
            lines.append(plots.Line(label, points))
            lines.append(plots.square(label, one["resolutions"], one[f"{kind}_fit"]["c"] / divisor))
        if lines:
            title = f"{kind.capitalize()} of the surface stage, {unit}"
            plots.draw(title, lines, folder / f"{results['name']}-{kind}.png")


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
