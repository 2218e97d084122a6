# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the batches of a stage come from."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Iterator
from pathlib import Path

from engine.weights import Preset

from ..crew import ENDING
from ..pictures import Pictures, usual_format
from ..views import Batch, ViewSettings, open_views
from .distributed import Team
from .plan import Plan, StageSettings

PICTURES_EVERY = 4
"""One batch in so many of the normal stage is of pictures with known normals, where there are some."""


def stage_batches(
    name: str, preset: Preset, pool: Path, plan: Plan, settings: StageSettings, step: int, team: Team
) -> Iterator[Batch]:
    """The batches of stage `name` from `step` on, this process's part of them, without end.

    They depend on the pool, the plan's seed and the step alone. Raises ValueError for an unusable pool.
    """
    normals = name == "normals"
    fine = name in ("fine", "end-to-end")
    size = preset.fine_size if fine else preset.coarse_size
    asked = ViewSettings(size, preset.coarse_size, int(fine), settings.points, normals)
    views = open_views(pool, asked, plan.seed, team.device)
    before = 0
    if normals and plan.pictures is not None:
        before = -(-step // PICTURES_EVERY)
    share = (team.rank, team.world)
    source = _started(views.batches(settings.batch, plan.workers, step - before, *share))
    if not normals or plan.pictures is None:
        return source
    pictures = Pictures(plan.pictures, usual_format(plan.pictures), size, plan.seed)
    for left_out, reason in pictures.skipped.items():
        print(f"skipped {left_out}: {reason}", flush=True)
    shown = _started(pictures.batches(settings.batch, min(plan.workers, 1), before, *share))
    return (next(source if at % PICTURES_EVERY else shown) for at in itertools.count(step))


def _started(source: Iterator[Batch]) -> Iterator[Batch]:
    """The source with its worker processes running: they inherit that signals to end are ignored, since the
    loop, which gets the same ones where a whole group is asked to end, has to finish its step. They end with
    it.
    """
    usual = {number: signal.signal(number, signal.SIG_IGN) for number in ENDING}
    try:
        first = next(source)
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
    return itertools.chain([first], source)
