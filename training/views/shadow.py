# SPDX-License-Identifier: GPL-3.0-or-later
"""The shadow of the person on what stands behind and below, so that people neither float nor glow.

The same shadows as training.backgrounds.cast_shadow draws on single pictures, from numbers drawn before.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from ..filters import blurred
from .paste import box_of, columns, picture_axes, sampled
from .plan import SOFTEST, SOFTEST_CONTACT, Shadow

SOLES = 1 / 14
"""Share of the person's height, from below, that darkens the floor beneath."""
SKY = (1.0, 0.98, 0.94)
"""Shadows keep a little of the sky's blue."""


def shaded(pictures: Tensor, mask: Tensor, shadows: Sequence[Shadow]) -> Tensor:
    """Pictures (B, 3, S, S) sRGB in [0, 1] darkened where people with this mask (B, 1, S, S) shade them.

    A soft dark patch under the feet (where the feet are in the picture), and mostly a shadow lying on the
    floor or thrown on a wall close behind.
    """
    size = pictures.shape[-1]
    half = size // 2
    low = functional.avg_pool2d(mask, 2)
    x, y = (steps[None] for steps in picture_axes(half, mask.device))
    top, foot = box_of(mask)[:, 1::2, None, None].unbind(1)
    stands = foot < 1 - 2 / size
    table = columns([_row(shadow) for shadow in shadows], mask.device)
    contact, reach, floor, wall, soft, squash, lean, aside, down = (column[:, None, None] for column in table)

    def thrown(source: Tensor, x: Tensor, y: Tensor, sigma: Tensor, largest: float) -> Tensor:
        """(B, half, half): what is at x, y, blurred by sigma in picture sides."""
        x, y = (at.expand(len(source), half, half) for at in (x, y))
        return blurred(sampled(source, x, y), sigma.flatten() * half, largest * half)[:, 0]

    sigma = reach * (foot - top)
    soles = low * (y >= foot - (foot - top) * SOLES)[:, None]
    patch = thrown(soles, x, (y - 0.65 * foot + 0.2 * sigma) / 0.35, sigma, SOFTEST_CONTACT)
    patch = patch / patch.amax((1, 2), keepdim=True).clamp(min=1e-3) * contact
    # the foot line stays where it is; height above it is squashed (behind or before the feet) and leans
    height = (y - foot) / squash
    lying = thrown(low, x - lean * squash.abs() * height, foot + height, soft, SOFTEST) * floor
    hung = thrown(low, x - aside, y - down, soft, SOFTEST) * wall
    dark = torch.maximum(torch.maximum(patch, lying) * stands, hung)
    dark = functional.interpolate(dark[:, None], size=(size, size), mode="bilinear")
    return pictures * (1 - dark * pictures.new_tensor(SKY)[:, None, None])


def _row(shadow: Shadow) -> list[float]:
    floor = shadow.strength if shadow.kind == "floor" else 0.0
    wall = shadow.strength if shadow.kind == "wall" else 0.0
    return [
        shadow.contact, shadow.reach, floor, wall,
        shadow.softness, shadow.squash, shadow.lean, *shadow.shift,
    ]  # fmt: skip
