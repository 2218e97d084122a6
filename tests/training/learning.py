"""What the tests of learning share: a made batch, one process, a short run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import torch

from tests.tiny import TINY
from training.fit import Run
from training.fitting.distributed import Team
from training.fitting.plan import SETTINGS, Plan, StageSettings
from training.fitting.source import stage_batches
from training.views import Batch

ALONE = Team(0, 1, torch.device("cpu"))
QUARTER = 0.25
"""Factor on the usual batches: two views of normals, two of the coarse level, one of the fine."""


def small_settings(views: int) -> dict[str, StageSettings]:
    """The usual settings with so many views a batch and process, and few points."""
    return {name: replace(value, batch=views, points=300) for name, value in SETTINGS.items()}


def single_precision(device: torch.device) -> torch.autocast:
    """In place of mixed precision: rounded to bfloat16, two views are summed otherwise than twice one."""
    return torch.autocast(device.type, enabled=False)


def run_of(pool: Path, folder: Path, steps: int, **more: object) -> Run:
    return Run(TINY, pool, folder, Plan(steps=steps, batch=QUARTER, workers=0, **more), ALONE)  # type: ignore[arg-type]


def source_of(pool: Path, stage: str, plan: Plan, step: int = 0) -> Iterator[Batch]:
    settings = replace(SETTINGS[stage], batch=2, points=500)
    return stage_batches(stage, TINY, pool, plan, settings, step, ALONE)


def made_batch(count: int, side: int, points: int = 60, size: int | None = None) -> Batch:
    """Views of a ball each, off the middle and of its own size, with everything that is known of it."""
    rng = torch.Generator().manual_seed(3)
    y, x = torch.meshgrid(*[(torch.arange(side) + 0.5) * (2 / side) - 1] * 2, indexing="ij")
    radius = 0.4 + 0.2 * torch.rand(count, 1, 1, generator=rng)
    shift = 0.3 * torch.rand(count, 2, 1, 1, generator=rng) - 0.15
    nx, ny = (x - shift[:, 0]) / radius, (-y - shift[:, 1]) / radius
    inside = nx**2 + ny**2 < 1
    nz = (1 - nx**2 - ny**2).clamp(min=0).sqrt()
    mask = inside[:, None].float()
    front = torch.stack([nx, ny, nz], 1) * mask
    back = torch.stack([nx, ny, -nz], 1) * mask
    depth = torch.stack([nz * radius, -nz * radius], 1) * mask
    at = torch.rand(count, points, 3, generator=rng) * 1.2 - 0.6
    centre = torch.cat([shift[..., 0, 0], torch.zeros(count, 1)], 1)[:, None]
    labels = ((at - centre).norm(dim=2) < radius[..., 0]).float()
    size = size or side
    image = torch.nn.functional.interpolate(front, size=(size, size), mode="nearest")
    return Batch(
        image, front, back, mask, depth, torch.rand(count, generator=rng) + 1, at, labels, torch.ones(count),
        (back + 1) / 2 * mask, torch.ones(count), torch.arange(count) + 7, torch.arange(count) + 100,
    )  # fmt: skip


def rows(batch: Batch, chosen: slice) -> Batch:
    return Batch(**{field.name: getattr(batch, field.name)[chosen] for field in fields(Batch)})
