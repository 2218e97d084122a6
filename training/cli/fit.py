# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m training fit | join`: all stages within a number of minutes, and the weights file."""

from __future__ import annotations

import argparse
import json
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.weights import PRESETS

from ..calibrate import calibrate
from ..evaluate import quick_figures
from ..export import export
from ..fit import Run, fit
from ..fitting.distributed import team
from ..fitting.making import ENOUGH, people_made, pool_command
from ..fitting.plan import Plan
from ..parts import join, split

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[Any]

MEASURED_VIEWS = 40
"""Views of unseen people for the card's figures; `evaluate` takes more, and measures whole surfaces."""


def add_commands(commands: Commands) -> None:
    """Add `fit` and `join` to the command line."""
    train = commands.add_parser(
        "fit",
        help="train all stages and export the weights; resumes a run folder",
        epilog="On several processes or hosts that share the folders (the two dashes keep torchrun from "
        "reading --run as its own): torchrun --nproc-per-node 2 --max-restarts 3 -m -- training fit ...",
    )
    train.add_argument("folder", type=Path, help="the pool")
    train.add_argument("--run", type=Path, required=True, help="folder of checkpoints, logs and pictures")
    train.add_argument("--out", type=Path, required=True, help="weights file to write")
    length = train.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float, help="of all stages together")
    length.add_argument("--steps", type=int, help="of each stage, in place of minutes")
    train.add_argument("--preset", choices=PRESETS, default="compact")
    train.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    train.add_argument(
        "--batch", type=float, default=1.0, help="factor on the batch sizes; lower it to save memory"
    )
    train.add_argument("--workers", type=int, default=1, help="processes that prepare batches")
    train.add_argument("--end-to-end", type=float, default=0.0, metavar="SHARE",
                       help="of the time, at its end, in which both levels learn together")  # fmt: skip
    train.add_argument("--start", type=Path, metavar="WEIGHTS", help="begin with the parameters of this file")
    train.add_argument("--seed", type=int, default=0, help="of the views: another round wants another")
    train.add_argument("--pictures", type=Path, metavar="DIR",
                       help="pictures with normals (rgb_*.png, normal_*.npy) for the normals")  # fmt: skip
    train.add_argument("--people", type=int, help="make a pool of so many people in the background")
    train.add_argument("--makers", type=int, default=2, help="processes that make people")
    train.add_argument("--parts", action="store_true", help="also write the weights in parts of 15 MiB")
    train.set_defaults(command=_fit)

    whole = commands.add_parser("join", help="put a weights file together from its parts")
    whole.add_argument("file", type=Path, help="the whole file, whose parts lie beside it")
    whole.set_defaults(command=_join)


def _fit(options: argparse.Namespace) -> None:
    plan = Plan(options.minutes, options.steps, options.batch, options.workers, options.end_to_end,
                options.start, options.pictures, options.seed)  # fmt: skip
    preset = PRESETS[options.preset]
    with team(options.device) as workers:
        train, began = options.folder / "train", time.monotonic()
        making: AbstractContextManager[None] = nullcontext()
        if options.people is not None and workers.first:
            # a GPU renders as it trains; a CPU reads what was rendered into the pool
            views, made = (0, train) if workers.device.type == "cuda" else (4, train / "views")
            size = max(preset.coarse_size, preset.fine_size)
            command = pool_command(options.folder, options.people, options.makers, views, size)
            making = people_made(command, options.run / "people.log", made, min(ENOUGH, options.people))
        with making:
            waited = workers.decided((time.monotonic() - began) / 60)
            if plan.minutes is not None:
                # the minutes are those of the command
                if plan.minutes <= waited:
                    raise ValueError("The minutes went by until there were people. Give the command again.")
                plan = replace(plan, minutes=plan.minutes - waited)
            run = Run(preset, train, options.run, plan, workers)
            network = fit(run)
        if workers.first:
            moved = calibrate(network.to(workers.device), train)
            metrics = quick_figures(network, options.folder / "test", MEASURED_VIEWS)
            export(network, run, options.out, metrics | moved)
            print(f"wrote {options.out}: {json.dumps(metrics)}")
            if options.parts:
                print(f"and {len(split(options.out))} parts; `python -m training join` puts them together")


def _join(options: argparse.Namespace) -> None:
    join(options.file)
    print(f"wrote {options.file}")
