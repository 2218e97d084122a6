# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run is to do: for how long, with which stages, in batches of which size."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from engine.weights import Preset

from .checkpoints import Progress


@dataclass(frozen=True)
class Plan:
    """minutes: of all stages together; or steps: of each stage, exactly. batch: factor on the usual batch
    sizes; workers: processes that prepare batches, for each that trains; end_to_end: share of the time at
    the end in which both levels learn together; start: a weights file to begin with; pictures: a folder of
    pictures with known normals (training.pictures); seed: of the first parameters and of every view.

    Raises ValueError for what cannot be done.
    """

    minutes: float | None = None
    steps: int | None = None
    batch: float = 1.0
    workers: int = 1
    end_to_end: float = 0.0
    start: Path | None = None
    pictures: Path | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        amount = self.minutes if self.steps is None else self.steps
        if (
            amount is None
            or (self.minutes is not None and self.steps is not None)
            or not 0 < amount < math.inf
        ):
            raise ValueError("Give the minutes of the whole run or the steps of each stage, above 0.")
        if self.workers < 0 or not 0 < self.batch < math.inf or not 0 <= self.end_to_end < 1:
            raise ValueError(
                "Workers and batch sizes cannot be negative, and --end-to-end is a share below 1."
            )


@dataclass(frozen=True)
class StageSettings:
    """share of the whole time; views a batch and process; points a view; peak learning rate."""

    share: float
    batch: int
    points: int
    rate: float


SETTINGS = {
    "normals": StageSettings(0.35, 8, 1, 1.2e-3),
    "coarse": StageSettings(0.45, 6, 4000, 1.2e-3),
    "fine": StageSettings(0.2, 4, 8000, 1.2e-3),
    "end-to-end": StageSettings(0.0, 4, 8000, 4e-4),
}
"""In the order of training. The batches are a CPU's."""
CUDA_BATCHES = {
    "compact": {"normals": 96, "coarse": 64, "fine": 64, "end-to-end": 40},
    "published": {"normals": 16, "coarse": 12, "fine": 10, "end-to-end": 6},
}
"""Views a batch that 80 GB hold, reckoned from the sizes of the activations, not measured."""
WARM = 0.7
"""Share of the learning rate for parameters that were trained before. Of three rounds on one pool the one at
0.7 gained more than those at 0.4."""
WARM_SHARES = {"normals": 0.2, "coarse": 0.55, "fine": 0.25}
"""Shares of the time for parameters that were trained before: the normal nets are ahead by then."""


def stages_of(preset: Preset, plan: Plan, device: torch.device) -> dict[str, StageSettings]:
    """The stages that `preset` has, in their order, with shares that sum to 1 and batches for `device`."""
    left_out = {
        "normals": preset.normals is None,
        "fine": preset.fine is None,
        "end-to-end": preset.fine is None or plan.end_to_end == 0,
    }
    chosen = {name: value for name, value in SETTINGS.items() if not left_out.get(name, False)}
    if plan.start is not None:
        chosen = {n: replace(value, share=WARM_SHARES.get(n, value.share)) for n, value in chosen.items()}
    together = plan.end_to_end if "end-to-end" in chosen else 0.0
    whole = sum(value.share for value in chosen.values())
    warm = 1.0 if plan.start is None else WARM
    return {
        name: replace(
            value,
            share=together if name == "end-to-end" else (1 - together) * value.share / whole,
            batch=max(1, round(plan.batch * _fitting(name, value.batch, preset, device))),
            rate=value.rate * warm,
        )
        for name, value in chosen.items()
    }


def _fitting(name: str, usual: int, preset: Preset, device: torch.device) -> float:
    if device.type == "cpu":
        return usual
    kind = "compact" if preset.coarse_size <= 256 else "published"
    memory = torch.cuda.get_device_properties(device).total_memory
    return CUDA_BATCHES[kind][name] * memory / 80e9


def share_done(plan: Plan, settings: StageSettings, progress: Progress) -> float:
    """How much of a stage is done: of its steps, or of its time; 1 or more at its end."""
    if plan.steps is not None:
        return progress.step / plan.steps
    assert plan.minutes is not None
    return progress.seconds / (plan.minutes * 60 * settings.share)


def learning_rate(peak: float, step: int, done: float) -> float:
    """Warm up over 100 steps, then a cosine down to a hundredth at the end."""
    return peak * min(1.0, (step + 1) / 100) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))
