# SPDX-License-Identifier: GPL-3.0-or-later
"""The colour of the side that the viewer does not see, in even light.

A picture of a front tells the colours of a back at best, never where the light falls there: what is learnt is
the cloth and the hair in light as bright and of the same tint as the mean of that on the front. Darkening the
nooks of the back, as of the front, could not be told from leaving them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from .camera import Camera, place
from .light import from_srgb, rolled_off, to_srgb
from .rasterise import rasterise_views, resolved, to_pixels

if TYPE_CHECKING:
    from training.humans.person import Person


@torch.no_grad()
def back_colours(
    people: Sequence[Person], cameras: Sequence[Camera], colour: Tensor, mask: Tensor, solid: Tensor
) -> Tensor:
    """(B, 3, s, s) float32 sRGB in [0, 1]: the surface farthest from the viewer along each pixel's ray, 0
    where solid is; on the device of the people's tensors.

    Person i by camera i as `render_batch` showed them: colour (B, 3, R, R) sRGB in [0, 1], meaningful where
    mask (B, 1, R, R) in [0, 1] is above 0; solid (B, 1, s, s), 1 where the surface is wanted, else 0.
    """
    size, packed = solid.shape[-1], place(people, cameras)
    pixels = to_pixels(packed.vertices, size)
    # one sample a pixel: finer ones take half as long again, and the networks see no finer colours
    winners = rasterise_views(pixels, packed.faces, packed.face_view, len(people), size, size)
    albedo = from_srgb(torch.cat([person.albedo for person in people]))
    front, back = (
        _filled(resolved(pixels, packed.faces, winner, albedo).permute(0, 3, 1, 2), winner >= 0)
        for winner in winners
    )
    light = _mean(from_srgb(colour), mask) / _mean(front, solid).clamp(min=1e-3)
    return to_srgb(rolled_off(back * light)).clamp(0, 1) * solid


def _filled(pictures: Tensor, hit: Tensor) -> Tensor:
    """Pictures (B, C, H, W), where hit (B, H, W) is false the mean of the hit neighbours: at the silhouette
    the middle of a pixel can miss a surface that covers most of it."""
    known = hit[:, None].to(pictures.dtype)
    near = functional.avg_pool2d(torch.cat([pictures * known, known], 1), 3, stride=1, padding=1)
    return torch.where(hit[:, None], pictures, near[:, :-1] / near[:, -1:].clamp(min=1e-6))


def _mean(pictures: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean (B, C, 1, 1) of pictures (B, C, H, W), weight (B, 1, H, W); 0 where all weights are."""
    return (pictures * weight).sum((2, 3), keepdim=True) / weight.sum((2, 3), keepdim=True).clamp(min=1)
