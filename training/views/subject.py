# SPDX-License-Identifier: GPL-3.0-or-later
"""Vary the person themselves: smaller, cut by the frame, mirrored, in other colours; the truth goes along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from ..subjects import Subjects
from .paste import box_of, columns, picture_axes, touched_edges
from .plan import Plan, Recolour, Small

SIDEWAYS = (-1.0, 1.0, 1.0)


def resized(subjects: Subjects, size: int) -> Subjects:
    """The same with pictures of size x size; colours stay whole at the silhouette."""
    if subjects.colour.shape[-1] == size:
        return subjects
    both = torch.cat([subjects.colour * subjects.mask, subjects.mask], 1)
    small = functional.interpolate(both, size=(size, size), mode="area")
    mask = small[:, 3:]
    return replace(subjects, colour=small[:, :3] / mask.clamp(min=1e-3), mask=mask)


def shrunk(subjects: Subjects, plans: Sequence[Plan]) -> Subjects:
    """Those whose plan says so at a smaller size elsewhere in the picture, with all of their truth."""
    if not any(plan.small for plan in plans):
        return subjects
    touched = touched_edges(subjects.mask).tolist()
    smalls = [
        None if plan.small is None else _at_edge(plan.small, edges)
        for plan, edges in zip(plans, touched, strict=True)
    ]
    views = [(i, small) for i, small in enumerate(smalls) if small is not None]
    colour = subjects.colour * subjects.mask
    named = ("mask", "front", "back", "depth", "solid", "back_colour")
    pictures = {name: getattr(subjects, name) for name in named}
    changed = {name: values.clone() for name, values in {"colour": colour, **pictures}.items()}
    for i, small in views:
        for values in changed.values():
            values[i : i + 1] = _smaller(values[i : i + 1], small)
    table = torch.tensor([_moved(small) for small in smalls], device=colour.device)
    scale, middle = table[:, 0], table[:, 1:]
    mask, solid = changed["mask"], (changed["solid"] >= 0.5).float()
    depth, back_colour = (
        changed[name] / changed["solid"].clamp(min=0.5) * solid for name in ("depth", "back_colour")
    )
    three = torch.cat([middle, torch.zeros_like(scale)[:, None]], 1)[:, None]
    # those that stay as they are keep the colours beneath the edges of their silhouettes
    same = (scale == 1)[:, None, None, None]
    return replace(
        subjects,
        colour=torch.where(same, subjects.colour, changed["colour"] / mask.clamp(min=1e-3)),
        mask=mask,
        front=functional.normalize(changed["front"], dim=1) * solid,
        back=functional.normalize(changed["back"], dim=1) * solid,
        depth=depth * scale[:, None, None, None],
        solid=solid,
        back_colour=back_colour,
        points=subjects.points * scale[:, None, None] + three,
        span=subjects.span / scale,
        metre=subjects.metre * scale,
        floor=subjects.floor * scale + middle[:, 1],
        hands=subjects.hands * scale[:, None, None] + three,
    )


def _at_edge(small: Small, touched: Sequence[bool]) -> Small | None:
    """Somebody whom the picture's edge cuts stays at that edge: legs would end in mid-air. None where two
    opposite edges cut them."""
    left, top, right, bottom = touched
    if (left and right) or (top and bottom):
        return None
    x = 0.0 if left else 1.0 if right else small.x
    return Small(small.scale, x, 0.0 if top else 1.0 if bottom else small.y)


def _cells(small: Small, size: int) -> tuple[int, int, int]:
    """Left, top and side in pixels of a picture of `size`, on multiples of a 64th: colours and maps, of other
    sizes, agree.
    """
    unit = max(1, size // 64)
    side = max(1, round(small.scale * size / unit))
    room = size // unit - side
    return round(small.x * room) * unit, round(small.y * room) * unit, side * unit


def _smaller(picture: Tensor, small: Small) -> Tensor:
    size = picture.shape[-1]
    left, top, side = _cells(small, size)
    placed = torch.zeros_like(picture)
    placed[..., top : top + side, left : left + side] = functional.interpolate(
        picture, size=(side, side), mode="area"
    )
    return placed


def _moved(small: Small | None) -> tuple[float, float, float]:
    """Scale, and where the middle of the picture goes in camera x and y."""
    if small is None:
        return 1.0, 0.0, 0.0
    left, top, side = (cell / 64 for cell in _cells(small, 64))
    return side, 2 * left + side - 1, 1 - 2 * top - side


def recoloured(colour: Tensor, recolours: Sequence[Recolour]) -> Tensor:
    """Colours (B, 3, S, S) sRGB in [0, 1] of people, varied."""
    rows = [[*one.gain, one.saturation, one.gamma] for one in recolours]
    red, green, blue, saturation, gamma = (
        column[:, None, None, None] for column in columns(rows, colour.device)
    )
    grey = colour.mean(1, keepdim=True)
    colour = (grey + (colour - grey) * saturation) * torch.cat([red, green, blue], 1)
    return colour.clamp(0, 1) ** gamma


def frames(mask: Tensor, plans: Sequence[Plan]) -> Tensor:
    """(B, 4) left, top, right, bottom where each photograph ends, in shares of the crop from left and top."""
    whole = [0.0] * 4 + [1.0] * 4
    rows = [whole if plan.cut is None else [*plan.cut.loss, *plan.cut.room] for plan in plans]
    table = torch.tensor(rows, device=mask.device)
    loss, room = table[:, [2, 0, 3, 1]], table[:, [6, 4, 7, 5]]
    box = box_of(mask)
    inwards = (box[:, 2:] - box[:, :2]).repeat(1, 2) * torch.tensor(
        [1.0, 1.0, -1.0, -1.0], device=mask.device
    )
    outer = torch.tensor([0.0, 0.0, 1.0, 1.0], device=mask.device)
    return torch.where(loss > 0, box + loss * inwards, box + (outer - box) * room)


def within(frame: Tensor, size: int) -> Tensor:
    """(B, 1, size, size) bool: which pixels' middles lie inside the frames (B, 4)."""
    x, y = picture_axes(size, frame.device)
    left, top, right, bottom = frame[:, :, None, None].unbind(1)
    return ((x >= left) & (x <= right) & (y >= top) & (y <= bottom))[:, None]


def edged(pictures: Tensor, frame: Tensor) -> Tensor:
    """Pictures (B, 3, S, S) with the pixels at the frame's edges repeated outside, as the engine pads."""
    size = pictures.shape[-1]
    steps = torch.arange(size, device=frame.device)
    low = (frame[:, :2] * size).round().long().clamp(0, size - 1)
    high = ((frame[:, 2:] * size).round().long() - 1).clamp(0, size - 1).maximum(low)
    columns_, rows = (
        torch.minimum(torch.maximum(steps, low[:, axis, None]), high[:, axis, None]) for axis in (0, 1)
    )
    across = pictures.gather(3, columns_[:, None, None].expand_as(pictures))
    return across.gather(2, rows[:, None, :, None].expand_as(pictures))


def seen_points(points: Tensor, frame: Tensor) -> Tensor:
    """(B, P) bool: which points (B, P, 3) the frame shows. Beyond it the engine cuts the person off."""
    x, y = (points[..., 0] + 1) / 2, (1 - points[..., 1]) / 2
    left, top, right, bottom = frame[:, :, None].unbind(1)
    return (x >= left) & (x <= right) & (y >= top) & (y <= bottom)


def flipped(values: Tensor, flip: Tensor, signs: Sequence[float] | None = None) -> Tensor:
    """Pictures (B, C, S, S) mirrored left to right where flip (B,); signs: factors on their channels then."""
    mirrored = values.flip(3)
    if signs is not None:
        mirrored = mirrored * values.new_tensor(signs)[:, None, None]
    return torch.where(flip[:, None, None, None], mirrored, values)
