# SPDX-License-Identifier: GPL-3.0-or-later
"""Where each level puts the surface: the bias at which what it takes for inside agrees best with people.

Cross entropy makes occupancy a probability, and where a network is unsure of the depth that is low along the
whole depth column: cut at 0.5, limbs and skirts vanish. What overlaps best with the truth is cut lower, the
lower the more is unsure. Moving the bias of the last layer in place of the level keeps 0.5 the surface of
every weights file. On 12 pictures of people from seed 1000200 on, occupancy raised by 0.1 took the eighth
round's silhouette IoU from 0.85 to 0.89, one component from 50 to 92 % and Chamfer from 4.08 to 3.98 cm.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from engine.networks import PIFuHD

from .losses import column_points, view_draws
from .stages import frozen_maps
from .views import ViewSettings, open_views

BIASES = torch.linspace(-1, 2, 31)
SEED = 1_000_003
"""Of the views: none that a stage learnt from."""
POINTS = 4000
"""Of a view, along the depth of the person's pixels."""


@torch.inference_mode()
def calibrate(network: PIFuHD, pool: Path, views: int = 40) -> dict[str, float]:
    """Move the last bias of each implicit function by what agrees best on `views` views of the people in
    `pool`; returns by how much, {"coarse_bias": .., "fine_bias": ..}.

    The people may be those that were learnt from: no test person is to be fitted to, not even in one number.
    Raises ValueError where the pool cannot be used.
    """
    preset, device = network.preset, next(network.parameters()).device
    asked = ViewSettings(preset.fine_size or preset.coarse_size, preset.coarse_size, 0, 1, False)
    levels = {"coarse": network.netG.mlp} | ({} if preset.fine is None else {"fine": network.mlp})
    scores = {name: torch.zeros(len(BIASES), dtype=torch.float64) for name in levels}
    for batch in itertools.islice(open_views(pool, asked, SEED, device).batches(1, 0), views):
        draws = view_draws(SEED, 0, batch.index.tolist(), (POINTS, 2)).to(device)
        points, inside, known = column_points(batch, draws)
        image = functional.interpolate(batch.image, size=(preset.coarse_size,) * 2, mode="area")
        fine = None if preset.fine is None else batch.image
        features = network.encode(image, fine, frozen_maps(network, image))
        logits, omega = network.netG.query(features.coarse, points)
        answers = {"coarse": logits}
        if features.fine is not None:
            answers["fine"] = network.query_fine(features.fine, points, omega)
        for name, answer in answers.items():
            scores[name] += agreement(answer[known].float().cpu(), inside[known].cpu())
    moved = {name: round(float(BIASES[score.argmax()]), 1) for name, score in scores.items()}
    for name, function in levels.items():
        bias = function.filters[-1].bias
        assert isinstance(bias, Tensor)
        bias += moved[name]
    return {f"{name}_bias": by for name, by in moved.items()}


def agreement(logits: Tensor, inside: Tensor) -> Tensor:
    """(len(BIASES),): intersection over union of the points (N,) whose logit with each bias is above 0 and
    those that are inside (N,) bool; 0 where there are neither."""
    taken = logits[None] + BIASES[:, None] > 0
    both, either = (taken & inside).sum(1), (taken | inside).sum(1)
    return both.double() / either.clamp(min=1)
