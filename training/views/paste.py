# SPDX-License-Identifier: GPL-3.0-or-later
"""Put pictures into pictures: batches of parallelograms filled from sources, by bilinear sampling.

Places are shares of the picture's side, x from the left and y from the TOP.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def columns(rows: list[list[float]], device: torch.device) -> tuple[Tensor, ...]:
    """The columns of a table of B rows, each (B,) float32: one transfer for all."""
    return torch.tensor(rows, device=device).unbind(1)


def picture_axes(size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """x (1, size) and y (size, 1) of the pixels' middles in shares of the picture's side."""
    steps = (torch.arange(size, device=device) + 0.5) / size
    return steps[None], steps[:, None]


def box_of(mask: Tensor) -> Tensor:
    """(B, 4) left, top, right, bottom of what covers more than 2 % of a pixel of (B, 1, S, S), in shares; of
    an empty mask 0, 0, 1, 1.
    """
    size = mask.shape[-1]
    edges = []
    for axis in (1, 2):
        hit = (mask[:, 0].amax(axis) > 0.02).to(torch.uint8)
        edges.append((hit.argmax(1), size - hit.flip(1).argmax(1)))
    (left, right), (top, bottom) = edges
    return torch.stack([left, top, right, bottom], 1) / size


def touched_edges(mask: Tensor) -> Tensor:
    """(B, 4) bool: whether what (B, 1, S, S) covers reaches the left, top, right and bottom edge."""
    box = box_of(mask)
    margin = 1.5 / mask.shape[-1]
    return torch.cat([box[:, :2] < margin, box[:, 2:] > 1 - margin], 1)


def sampled(source: Tensor, x: Tensor, y: Tensor, border: str = "zeros") -> Tensor:
    """(B, C, S, S) of a source (B, C, h, w) at x, y (B, S, S) in shares of its sides; border: what lies
    outside, "zeros" or "border".
    """
    grid = torch.stack([x, y], -1) * 2 - 1
    return functional.grid_sample(source, grid, mode="bilinear", padding_mode=border, align_corners=False)


def pasted(sprites: Tensor, centre: Tensor, side: Tensor, flip: Tensor, turn: Tensor, size: int) -> Tensor:
    """Sprites (B, 4, s, s), colours times alpha, each in its place on an empty picture: (B, 4, size, size).

    centre (B, 2) of the square, side (B,), in shares; flip (B,) bool mirrors the sprite, turn (B,) radians
    anticlockwise, about the centre.
    """
    x, y = picture_axes(size, sprites.device)
    dx = (x - centre[:, 0, None, None]).expand(-1, size, size) / side[:, None, None]
    dy = (y - centre[:, 1, None, None]).expand(-1, size, size) / side[:, None, None]
    cos, sin = torch.cos(turn)[:, None, None], torch.sin(turn)[:, None, None]
    u, v = cos * dx - sin * dy, sin * dx + cos * dy
    u = torch.where(flip[:, None, None], -u, u)
    return sampled(sprites, u + 0.5, v + 0.5)


def premultiplied(sprites: Tensor) -> Tensor:
    """(N, s, s, 4) uint8 with straight alpha -> (N, 4, s, s) float32 in [0, 1], colours times alpha."""
    rgba = sprites.permute(0, 3, 1, 2).float() / 255
    return torch.cat([rgba[:, :3] * rgba[:, 3:], rgba[:, 3:]], 1)


def over(layer: Tensor, below: Tensor) -> Tensor:
    """A layer (B, 4, S, S), colours times alpha, over pictures (B, 3, S, S)."""
    return layer[:, :3] + below * (1 - layer[:, 3:])
