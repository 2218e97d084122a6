# SPDX-License-Identifier: GPL-3.0-or-later
"""Presets trained with the same budget, so that a table can tell what each part of the method is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.weights import PRESETS
from engine.weights.files import build_empty

from ..calibrate import calibrate
from ..evaluate import quick_figures
from ..export import export
from ..fit import Run, fit
from ..fitting.distributed import team
from ..fitting.plan import Plan
from ..pool import list_pool
from .entries import COARSE

COARSE_ROWS = "coarse"
"""In a list of presets: the coarse level alone of every preset of two levels in it."""


@dataclass(frozen=True)
class Ablation:
    """presets: what is trained, each once; rows: what is measured, presets with or without COARSE after them;
    pool: with people to train on and to test on; run: folder of a run folder and a weights file each;
    minutes: of each preset.
    """

    presets: tuple[str, ...]
    rows: tuple[str, ...]
    pool: Path
    run: Path
    minutes: float

    def file(self, preset: str) -> Path:
        """Where a preset's weights go."""
        return self.run / f"{preset}.safetensors"

    def names(self) -> list[str]:
        """The rows as entries.load_entries takes them."""
        return [
            f"{self.file(row.removesuffix(COARSE))}{COARSE if row.endswith(COARSE) else ''}"
            for row in self.rows
        ]

    def __str__(self) -> str:
        people = len(list_pool(self.pool / "train"))
        lines = [
            f"Trained on {people} people, {self.minutes:g} minutes each, "
            f"{self.minutes * len(self.presets):g} in all:"
        ]
        for preset in self.presets:
            network = build_empty(PRESETS[preset])
            size = sum(parameter.numel() for parameter in network.parameters()) / 1e6
            lines.append(f"  {preset}: {size:.2f} million parameters, {self.file(preset)}")
        return "\n".join([*lines, f"Then measured: {', '.join(self.rows)}."])


def plan_ablation(names: Sequence[str], pool: Path, run: Path, minutes: float) -> Ablation:
    """What has to be trained for rows of `names`: presets, presets with COARSE behind them, COARSE_ROWS.

    Raises ValueError for other names, for a coarse level of a preset that has no other, and for a pool
    without people to train or to test on.
    """
    if not minutes > 0:
        raise ValueError("Give each preset more than 0 minutes.")
    known = [name.removesuffix(COARSE) for name in names if name != COARSE_ROWS]
    for name in known:
        if name not in PRESETS:
            raise ValueError(
                f"There is no preset {name!r}: choose among {', '.join([*PRESETS, COARSE_ROWS])}."
            )
    two = [name for name in dict.fromkeys(known) if PRESETS[name].fine is not None]
    if COARSE_ROWS in names and not two:
        raise ValueError(
            f"No preset among {', '.join(names)} has two levels, so {COARSE_ROWS!r} names no row."
        )
    rows: list[str] = []
    for name in names:
        if name.endswith(COARSE) and name.removesuffix(COARSE) not in two:
            raise ValueError(f"The preset of {name} is a coarse level alone: leave {COARSE} out.")
        rows += [preset + COARSE for preset in two] if name == COARSE_ROWS else [name]
    for folder in (pool / "train", pool / "test"):
        list_pool(folder)
    return Ablation(tuple(dict.fromkeys(known)), tuple(dict.fromkeys(rows)), pool, run, minutes)


def train_all(ablation: Ablation, workers: int, device: str) -> None:
    """Train every preset in a run folder of its own and write its weights file.

    Called again it resumes: what has had its minutes is written anew without further training. workers,
    device: as for `fit`. Raises as fit.fit does, and ValueError under torchrun; what was trained before
    stays.
    """
    plan = Plan(minutes=ablation.minutes, workers=workers)
    with team(device) as alone:
        if alone.world > 1:
            raise ValueError("An ablation trains and measures in one process: give it without torchrun.")
        for preset in ablation.presets:
            run = Run(PRESETS[preset], ablation.pool / "train", ablation.run / preset, plan, alone)
            print(f"\npreset {preset}, {ablation.minutes:g} minutes", flush=True)
            network = fit(run)
            moved = calibrate(network.to(alone.device), run.pool)
            metrics = quick_figures(network, ablation.pool / "test")
            export(network, run, ablation.file(preset), metrics | moved)
