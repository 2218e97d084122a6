# SPDX-License-Identifier: GPL-3.0-or-later
"""What is round the person: a background, other people and things beside or behind, something in a hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..subjects import Subjects
from .paste import box_of, columns, over, pasted, picture_axes, premultiplied, sampled
from .plan import Background, Held, Plan, Standing, Stock
from .subject import within

LARGEST = 0.75
"""Of the subject's area: whoever and whatever else would be larger is left out, so the subject is the
largest."""
NEAREST = 0.25
"""Metres from the middle of a sprite to where it meets the subject's side, about half a person's width."""
FOOTING = 0.12
"""Share of a sprite, from below, that darkens the floor beneath it."""


@dataclass(frozen=True)
class Props:
    """Pictures to put round people, all on one device. backgrounds (N, H, W, 3) uint8 sRGB; people, standing,
    held (N, s, s, 4) uint8 sRGB with straight alpha: people (training/views/bystanders.py) and standing
    things with their lowest point on the lower edge, held ones with the grip in the middle; standing_metres,
    held_metres: what the sides of these sprites measure.
    """

    backgrounds: Tensor
    people: Tensor
    standing: Tensor
    held: Tensor
    standing_metres: tuple[float, ...]
    held_metres: tuple[float, ...]

    @property
    def stock(self) -> Stock:
        """What there is to choose from."""
        return Stock(len(self.backgrounds), len(self.people), self.standing_metres, self.held_metres)

    def sprites(self, kind: str, numbers: Sequence[int], size: int) -> Tensor:
        """(B, 4, s, s) float32, colours times alpha, not much finer than a picture of `size` shows them."""
        kept = {"people": self.people, "standing": self.standing, "held": self.held}[kind]
        chosen = premultiplied(kept[torch.tensor(numbers, device=kept.device)])
        factor = max(1, chosen.shape[-1] // size)
        return functional.avg_pool2d(chosen, factor) if factor > 1 else chosen


def drawn_background(props: Props, plans: Sequence[Background], size: int) -> Tensor:
    """(B, 3, size, size) float32 sRGB in [0, 1]."""
    device = props.backgrounds.device
    chosen = props.backgrounds[torch.tensor([one.number for one in plans], device=device)]
    rows = []
    for one in plans:
        red, green, blue = one.flat or (0.0, 0.0, 0.0)
        rows.append([one.side, one.x, one.y, one.flip, one.flat is not None, red, green, blue])
    side, left, top, flip, flat, *colour = (column[:, None, None] for column in columns(rows, device))
    x, y = picture_axes(size, device)
    x = torch.where(flip > 0, 1 - x, x)
    at = [(axis * side + (1 - side) * first).expand(-1, size, size) for axis, first in ((x, left), (y, top))]
    picture = sampled(chosen.permute(0, 3, 1, 2).float() / 255, at[0], at[1], "border")
    return torch.where(flat[:, None] > 0, torch.stack(colour, 1), picture)


def with_standing(
    pictures: Tensor, subjects: Subjects, frame: Tensor, plans: Sequence[Plan], props: Props
) -> Tensor:
    """Pictures (B, 3, S, S) with what stands beside or behind the subjects, farthest first, each with a dark
    patch of floor beneath. Something larger than LARGEST of the subject's area inside the frame is left out,
    unless nobody is shown.
    """
    for layer in range(max(len(plan.standing) for plan in plans)):
        for kind in ("people", "standing"):
            views = [
                i
                for i, plan in enumerate(plans)
                if len(plan.standing) > layer and plan.standing[layer].kind == kind
            ]
            if views:
                chosen = [plans[i].standing[layer] for i in views]
                at = torch.tensor(views, device=pictures.device)
                free = torch.tensor([plans[i].nobody for i in views], device=pictures.device)
                below = _stood(pictures[at], _chosen(subjects, at), frame[at], chosen, free, props)
                pictures = pictures.index_copy(0, at, below)
    return pictures


def _chosen(subjects: Subjects, at: Tensor) -> Subjects:
    return Subjects(**{name: values[at] for name, values in vars(subjects).items()})


def _stood(
    pictures: Tensor, subjects: Subjects, frame: Tensor, chosen: list[Standing], free: Tensor, props: Props
) -> Tensor:
    size, device = pictures.shape[-1], pictures.device
    sprites = props.sprites(chosen[0].kind, [one.number for one in chosen], size)
    rows = [[one.far, one.metres, one.aside, one.right, one.horizon, one.flip, one.gain] for one in chosen]
    far, metres, aside, right, horizon, flip, gain = columns(rows, device)
    metre, foot = subjects.metre / 2, (1 - subjects.floor) / 2
    eye = foot - horizon / subjects.span
    # the floor rises towards the eye's height with distance, as sizes shrink
    foot = eye + (foot - eye) * far
    side = metre * metres * far
    box = box_of(subjects.mask)
    beside = metre * (aside + NEAREST)
    x = torch.where(right > 0, box[:, 2] + beside, box[:, 0] - beside)
    centre = torch.stack([x, foot - side / 2], 1)
    layer = pasted(sprites, centre, side, flip > 0, torch.zeros_like(side), size)
    shown = within(frame, size)
    area, largest = ((alpha * shown).sum((1, 2, 3)) for alpha in (layer[:, 3:], subjects.mask))
    kept = ((area < LARGEST * largest) | free).float()[:, None, None, None]
    layer = torch.cat([(layer[:, :3] * gain[:, None, None, None]).clamp(max=1), layer[:, 3:]], 1) * kept
    below = pictures * (1 - 0.5 * kept * _footing(sprites, centre, side, flip, size))
    return over(layer, below).clamp(0, 1)


def _footing(sprites: Tensor, centre: Tensor, side: Tensor, flip: Tensor, size: int) -> Tensor:
    """(B, 1, size, size) in [0, 1]: the floor that feet or legs darken, soft, about as wide as they are."""
    rows = max(1, round(sprites.shape[-1] * FOOTING))
    profile = sprites[:, 3:, -rows:].amax(2, keepdim=True)
    profile = functional.avg_pool2d(profile, (1, 9), stride=1, padding=(0, 4))
    x, y = picture_axes(size, sprites.device)
    u = (x - centre[:, 0, None, None]) / side[:, None, None]
    u = torch.where(flip[:, None, None] > 0, -u, u) + 0.5
    u = u.expand(-1, size, size)
    across = sampled(profile, u, torch.full_like(u, 0.5))
    foot = (centre[:, 1] + side / 2)[:, None, None]
    along = torch.exp(-0.5 * ((y - foot) / (0.02 * side[:, None, None])) ** 2)
    return across * along[:, None]


def with_held(pictures: Tensor, subjects: Subjects, plans: Sequence[Plan], props: Props) -> Tensor:
    """Pictures (B, 3, S, S) of people with things in their hands, where the hands are known and in the
    picture. What is nearer to the viewer than the thing, fingers or the body, hides it.
    """
    held: list[tuple[int, Held]] = [(i, plan.held) for i, plan in enumerate(plans) if plan.held is not None]
    if not held:
        return pictures
    size, device = pictures.shape[-1], pictures.device
    at = torch.tensor([i for i, _ in held], device=device)
    sprites = props.sprites("held", [one.number for _, one in held], size)
    rows = [[one.metres, one.turn, one.lift, one.flip] for _, one in held]
    metres, turn, lift, flip = columns(rows, device)
    which = torch.tensor([one.hand for _, one in held], device=device)
    palm = subjects.hands[at, which]
    known = ~palm.isnan().any(1)
    # far outside of the picture, where nothing is drawn
    palm = torch.where(known[:, None], palm, -9.0)
    metre = subjects.metre[at]
    centre = torch.stack([(palm[:, 0] + 1) / 2, (1 - palm[:, 1]) / 2], 1)
    layer = pasted(sprites, centre, metre * metres / 2, flip > 0, turn, size)
    nearer = (palm[:, 2] + lift * metre)[:, None, None, None] - subjects.depth[at, :1]
    visible = (nearer / (0.02 * metre)[:, None, None, None] + 0.5).clamp(0, 1)
    visible = torch.where(subjects.solid[at] > 0, visible, 1.0)
    visible = functional.interpolate(visible, size=(size, size), mode="bilinear")
    return pictures.index_copy(0, at, over(layer * visible, pictures[at]))
