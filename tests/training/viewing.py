# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of views share: sizes, a plan that changes nothing, and what must hold for a batch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from training.subjects import Subjects
from training.views import Batch, ViewSettings
from training.views.photograph import photograph
from training.views.plan import Plan, draw_plan
from training.views.scene import Props

CPU = torch.device("cpu")
COARSE = ViewSettings(64, 64, 0, 300, False)
NORMALS = ViewSettings(64, 64, 0, 300, True)


def plain(props: Props, **changes: object) -> Plan:
    """A plan that changes nothing but what is named, with a clean camera."""
    for seed in range(1000):
        drawn = draw_plan(np.random.default_rng(seed), props.stock, False)
        if drawn.faults.grain is None and drawn.faults.quality is None:
            break
    bare = {"small": None, "cut": None, "standing": (), "shadow": None, "held": None, "flip": False}
    return replace(drawn, **{**bare, **changes})  # type: ignore[arg-type]


def shot(subjects: Subjects, props: Props, settings: ViewSettings = COARSE, **changes: object) -> Batch:
    plans = [plain(props, **changes)] * len(subjects.span)
    return photograph(subjects, plans, props, settings, range(len(plans)))


def held_together(batch: Batch) -> None:
    """Points that are inside lie on the mask, between front and back; normals face where they should."""
    size = batch.mask.shape[-1]
    for view in range(len(batch.image)):
        points, labels = batch.points[view], batch.labels[view] > 0.5
        column = ((points[:, 0] + 1) / 2 * size).long().clamp(0, size - 1)
        row = ((1 - points[:, 1]) / 2 * size).long().clamp(0, size - 1)
        front, back = batch.depth[view, :, row, column]
        solid = batch.mask[view, 0, row, column] > 0.5
        assert labels.any()
        assert solid[labels].float().mean() > 0.93
        between = (points[:, 2] < front + 0.03) & (points[:, 2] > back - 0.03)
        assert between[labels & solid].float().mean() > 0.97
    outside = (batch.mask == 0).expand_as(batch.front)
    assert not batch.front[outside].any()
    assert not batch.back[outside].any()
    assert not batch.depth[outside[:, :2]].any()
    lengths = torch.cat([batch.front, batch.back]).norm(dim=1)[batch.mask.repeat(2, 1, 1, 1)[:, 0] > 0]
    torch.testing.assert_close(lengths, torch.ones_like(lengths), atol=1e-3, rtol=0)
    assert (batch.front[:, 2:][batch.mask > 0] > 0).float().mean() > 0.9
