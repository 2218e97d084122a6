# SPDX-License-Identifier: GPL-3.0-or-later
"""Other people for the pictures: people of the pool, seen whole, with their feet on the sprite's edge."""

from __future__ import annotations

import torch
from torch import Tensor

from ..subjects import Subjects
from .paste import box_of, picture_axes, sampled, touched_edges
from .plan import SPRITE_METRES

BYSTANDERS = 64
"""How many of a pool's first people stand in others' pictures."""


def seen_whole(subjects: Subjects) -> Tensor:
    """(B,) bool: whose silhouette touches no edge of the picture."""
    return ~touched_edges(subjects.mask).any(1)


def person_sprites(subjects: Subjects, size: int) -> Tensor:
    """(B, size, size, 4) uint8 sRGB with straight alpha; the side is SPRITE_METRES of the person, whose
    lowest point lies in the middle of the lower edge.
    """
    left, _, right, _ = box_of(subjects.mask).unbind(1)
    side = subjects.metre / 2 * SPRITE_METRES
    x, y = picture_axes(size, side.device)
    across = ((left + right) / 2)[:, None, None] + (x - 0.5) * side[:, None, None]
    down = ((1 - subjects.floor) / 2)[:, None, None] + (y - 1) * side[:, None, None]
    both = torch.cat([subjects.colour * subjects.mask, subjects.mask], 1)
    seen = sampled(both, across.expand(-1, size, size), down.expand(-1, size, size))
    straight = torch.cat([seen[:, :3] / seen[:, 3:].clamp(min=1e-3), seen[:, 3:]], 1)
    return (straight.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1)
