# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to one view: every number that is drawn at random, before any pixel is touched.

Drawn a view at a time from the view's own rng, so that a view is the same in whichever batch it stands, and
without looking at the picture, so that the GPU need not answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..camera_noise import Faults, draw_faults

Generator = np.random.Generator
NOBODY = 0.04
"""Share of the normal nets' pictures without a person, from which the silhouette learns that there may be
none."""
SMALL = 0.3
"""Share of the normal nets' pictures that show the person small, as in a whole photograph."""
FRAMED, CUTTING = 0.5, 0.35
"""Share of pictures whose frame lies inside the square crop, and of those, whose frame cuts the person."""
OTHERS, THINGS, HELD = 0.22, 0.2, 0.25
"""Share of pictures with other people, with things that stand about, and with something in a hand."""
SHADED = 0.35
"""Share of pictures in which the person throws a shadow on what is behind and below."""


@dataclass(frozen=True)
class Small:
    """The person at `scale` of their size; x, y: where in the room that is left, shares from left and top."""

    scale: float
    x: float
    y: float


@dataclass(frozen=True)
class Cut:
    """Where the photograph ends in the square crop. loss: shares of the person's box that are cut off above,
    below, left and right, 0 for none; room: shares, on the same four sides, of the way from the box out to
    the crop's edge, 1 to reach it.
    """

    loss: tuple[float, float, float, float]
    room: tuple[float, float, float, float]


@dataclass(frozen=True)
class Recolour:
    """The person's colours alone: factors of R, G, B, saturation and gamma."""

    gain: tuple[float, float, float]
    saturation: float
    gamma: float


@dataclass(frozen=True)
class Background:
    """number: of the picture; side: share of it that is shown; x, y: place of that part in the room left;
    flip; flat: one colour in its place, sRGB."""

    number: int
    side: float
    x: float
    y: float
    flip: bool
    flat: tuple[float, float, float] | None


@dataclass(frozen=True)
class Standing:
    """Somebody or something beside or behind the subject. number: of the sprite of this kind; far: size of a
    metre there over a metre at the subject, below 1; metres: height of the sprite at its own place; aside:
    metres at the subject's distance from the side of the subject's box to the sprite's middle, negative over
    it; right: on which side; horizon: height of the eye over the subject's stature, which tells where the
    floor is; flip; gain: brightness.
    """

    kind: Literal["people", "standing"]
    number: int
    far: float
    metres: float
    aside: float
    right: bool
    horizon: float
    flip: bool
    gain: float


@dataclass(frozen=True)
class Held:
    """A thing over a hand. hand: 0 left, 1 right; metres: side of its sprite; turn: radians; lift: metres
    that it is nearer to the viewer than the palm's middle; flip."""

    number: int
    hand: int
    metres: float
    turn: float
    lift: float
    flip: bool


@dataclass(frozen=True)
class Shadow:
    """Of the subject. contact: darkness of the patch under the feet, 0..1, and reach its softness in heights
    of the person; kind: thrown on the floor, a wall or neither; strength 0..1; softness in picture sides;
    floor: squash (height over the person's, negative: towards the viewer) and lean; wall: shift x, y in
    picture sides."""

    contact: float
    reach: float
    kind: Literal["none", "floor", "wall"]
    strength: float
    softness: float
    squash: float
    lean: float
    shift: tuple[float, float]


@dataclass(frozen=True)
class Plan:
    """All of it, in the order in which it is done. first: 0..1, where the labelled points begin."""

    nobody: bool
    small: Small | None
    cut: Cut | None
    recolour: Recolour
    background: Background
    standing: tuple[Standing, ...]
    shadow: Shadow | None
    held: Held | None
    flip: bool
    faults: Faults
    first: float


@dataclass(frozen=True)
class Stock:
    """What there is to choose from: how many backgrounds and sprites of people, and of each standing and held
    thing the metres that its sprite's side measures.
    """

    backgrounds: int
    people: int
    standing: tuple[float, ...]
    held: tuple[float, ...]


def draw_plan(rng: Generator, stock: Stock, for_normals: bool) -> Plan:
    """A view's plan; for_normals: see ViewSettings. Deterministic from rng."""
    nobody = bool(rng.random() < NOBODY) and for_normals
    small = None
    if rng.random() < SMALL and for_normals:
        small = Small(float(rng.uniform(0.35, 0.9)), float(rng.random()), float(rng.random()))
    return Plan(
        nobody=nobody,
        small=small,
        cut=_draw_cut(rng) if rng.random() < FRAMED else None,
        recolour=_draw_recolour(rng),
        background=_draw_background(rng, stock.backgrounds),
        standing=_draw_standing(rng, stock, nobody),
        shadow=_draw_shadow(rng) if rng.random() < SHADED and not nobody else None,
        held=_draw_held(rng, stock.held) if rng.random() < HELD and not nobody else None,
        flip=bool(rng.random() < 0.5),
        faults=draw_faults(rng),
        first=float(rng.random()),
    )


def _draw_cut(rng: Generator) -> Cut:
    """A photograph that is not square: it ends beside the person, or goes through them, mostly below."""
    loss = [0.0] * 4
    if rng.random() < CUTTING:
        side = int(rng.choice(4, p=[0.1, 0.6, 0.15, 0.15]))
        loss[side] = float(rng.uniform(0.05, 0.6) if side == 1 else rng.uniform(0.03, 0.3))
        room = rng.random(4)
    else:
        room = rng.random(4)
        room[:2] = np.where(rng.random(2) < 0.7, 1.0, room[:2])
    above, below, left, right = (float(share) for share in room)
    return Cut((loss[0], loss[1], loss[2], loss[3]), (above, below, left, right))


def _draw_recolour(rng: Generator) -> Recolour:
    """The generator's wardrobe is narrower than the world's."""
    red, green, blue = (1 + rng.normal(0, 0.06, 3)) * np.exp(rng.normal(0.05, 0.2))
    gamma = float(np.exp(rng.normal(-0.08, 0.2)))
    return Recolour((float(red), float(green), float(blue)), float(rng.uniform(0.6, 1.4)), gamma)


def _draw_background(rng: Generator, count: int) -> Background:
    flat = None
    if rng.random() < 0.12:
        colour = np.full(3, 1 - rng.random() ** 3) if rng.random() < 0.5 else rng.random(3)
        flat = (float(colour[0]), float(colour[1]), float(colour[2]))
    x, y = rng.random(2)
    side, flip = float(rng.uniform(0.55, 1)), bool(rng.random() < 0.5)
    return Background(int(rng.integers(count)), side, float(x), float(y), flip, flat)


def _draw_standing(rng: Generator, stock: Stock, nobody: bool) -> tuple[Standing, ...]:
    """Farthest first. Half of the pictures of nobody show things."""
    horizon = float(rng.uniform(0.5, 1.0))
    people = int(rng.choice([1, 2, 3], p=[0.55, 0.3, 0.15])) if rng.random() < OTHERS else 0
    things = int(rng.choice([1, 2], p=[0.7, 0.3])) if rng.random() < (0.5 if nobody else THINGS) else 0
    sizes: dict[Literal["people", "standing"], tuple[float, ...]] = {
        "people": (SPRITE_METRES,) * stock.people,
        "standing": stock.standing,
    }
    kinds: list[Literal["people", "standing"]] = ["standing"] * things
    if not nobody and stock.people:
        kinds += ["people"] * people
    numbers = [int(rng.integers(len(sizes[kind]))) for kind in kinds]
    drawn = [
        Standing(
            kind=kind,
            number=number,
            far=float(rng.uniform(0.35, 0.97)),
            metres=sizes[kind][number],
            aside=float(rng.uniform(-0.25, 1.0)),
            right=bool(rng.random() < 0.5),
            horizon=horizon,
            flip=bool(rng.random() < 0.5),
            gain=float(np.exp(rng.normal(-0.05, 0.2))),
        )
        for kind, number in zip(kinds, numbers, strict=True)
    ]
    return tuple(sorted(drawn, key=lambda one: one.far))


SPRITE_METRES = 2.2
"""Metres that the side of a sprite of a person measures: arms raised overhead fit in."""


def _draw_held(rng: Generator, metres: tuple[float, ...]) -> Held:
    number = int(rng.integers(len(metres)))
    return Held(
        number=number,
        hand=int(rng.integers(2)),
        metres=metres[number],
        turn=float(rng.normal(0, 0.35)),
        lift=float(rng.uniform(-0.02, 0.06)),
        flip=bool(rng.random() < 0.5),
    )


SOFTEST, SOFTEST_CONTACT = 0.05, 0.03
"""The widest blurs of shadows, in picture sides, and of the patches under feet, in heights of the person."""
_SHADOWS: tuple[tuple[Literal["none", "floor", "wall"], tuple[float, float], tuple[float, float]], ...] = (
    ("none", (0.0, 0.0), (0.01, 0.01)),
    ("floor", (0.1, 0.6), (0.003, 0.03)),
    ("wall", (0.08, 0.45), (0.005, SOFTEST)),
)
"""Kinds, with ranges of strength and softness."""


def _draw_shadow(rng: Generator) -> Shadow:
    kind, (low, high), (crisp, soft) = _SHADOWS[int(rng.choice(3, p=[0.35, 0.4, 0.25]))]
    x, y = rng.normal(0, 0.06, 2)
    return Shadow(
        contact=float(rng.uniform(0.35, 0.8)),
        reach=float(rng.uniform(0.008, SOFTEST_CONTACT)),
        kind=kind,
        strength=float(rng.uniform(low, high)),
        softness=float(rng.uniform(crisp, soft)),
        squash=float(rng.uniform(0.08, 0.45) * rng.choice([-1, 1], p=[0.35, 0.65])),
        lean=float(rng.normal(0, 0.6)),
        shift=(float(x), float(y) / 2),
    )
