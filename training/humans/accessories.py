# SPDX-License-Identifier: GPL-3.0-or-later
"""Hair, beard, hat, glasses and bag of one dressed person, as coloured parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .bags import BAGS, HANGING, Carrier, make_bag
from .complexion import Complexion, hair_colours
from .garments import Garment
from .hair import draw_style, grow_beard, grow_hair
from .hats import HATS, Worn, make_glasses, make_hat
from .head import skull_of
from .kit import kit
from .locks import Flesh, Locks
from .looks import cloth_colour
from .noise import fractal
from .person import BAG, GLASSES, HAIR, HAT, Part
from .physique import Physique
from .topology import FloatArray, vertex_normals

HAT_SHARE, BAG_SHARE, GLASSES_SHARE, SUNGLASSES = 0.1, 0.15, 0.14, 0.35
"""About what is seen in a street; the last is the share of glasses that are dark."""
ADULT = 1.7
"""Metres of stature that bags are made for; a child's are smaller."""
HIP = 0.49
"""Height of a hand that hangs over stature, at most: an arm that is bent to the waist carries no tote."""
BEARD_LENGTH = {
    "full": (0.005, 0.022),
    "short": (0.001, 0.004),
    "moustache": (0.002, 0.005),
    "goatee": (0.002, 0.012),
}
"""Metres."""


@dataclass(frozen=True)
class Dressed:
    """A posed person in clothes: the body at rest (19158, 3), the bones' transforms (J, 3, 4), the palms
    (2, 3) and the skin."""

    physique: Physique
    looks: Complexion
    pose: str
    rest: FloatArray
    transforms: FloatArray
    palms: FloatArray
    flesh: Flesh


def accessories(
    rng: np.random.Generator, person: Dressed, garments: list[Garment]
) -> tuple[list[Part], dict[str, Any]]:
    """All parts beside skin, eyes and garments, and what was chosen: "hair", "hat", "glasses", "bag"."""
    looks, physique = person.looks, person.physique
    skull = skull_of(person.rest)
    locks = Locks(skull, person.rest, person.transforms, person.flesh)
    hat = str(rng.choice(list(HATS), p=list(HATS.values()))) if rng.random() < HAT_SHARE else "none"
    style = draw_style(rng, physique.female, physique.child, looks.age)
    parts = []
    for lock in grow_hair(rng, style, skull, person.rest, person.transforms, person.flesh, hat != "none"):
        parts.append(_part(lock.solid, hair_colours(rng, lock.strand, looks.hair), HAIR, 0.12))
    if looks.beard:
        low, high = BEARD_LENGTH[looks.beard]
        beard = grow_beard(rng, looks.beard, rng.uniform(low, high), person.rest, person.transforms)
        parts.append(_part(beard.solid, hair_colours(rng, beard.strand, looks.hair * 0.9), HAIR, 0.05))
    if hat != "none":
        base = cloth_colour(rng)
        for worn in make_hat(rng, hat, locks):
            parts.append(_part(worn.solid, _hat_colours(rng, hat, worn, base), HAT, 0.02))
    glasses = "none"
    if rng.random() < GLASSES_SHARE:
        dark = rng.random() < SUNGLASSES
        glasses = "dark" if dark else "clear"
        eyes = np.stack([person.rest[np.unique(kit().body.quads[e])].mean(0) for e in ("l-eye", "r-eye")])
        frame = np.array([(0.05, 0.05, 0.05), (0.25, 0.15, 0.09), (0.5, 0.48, 0.45)][rng.integers(3)])
        for solid, lens in make_glasses(rng, locks, eyes, dark):
            colour = (
                np.full((len(solid.vertices), 3), 0.06) if lens else np.tile(frame, (len(solid.vertices), 1))
            )
            parts.append(_part(solid, colour, GLASSES, 0.4))
    bag = _drawn_bag(rng, person) if rng.random() < BAG_SHARE else "none"
    if bag != "none":
        size = person.physique.stature / ADULT
        carrier = Carrier(
            person.rest, person.transforms, _clothed(person.flesh, garments), person.palms, size
        )
        base = cloth_colour(rng)
        for number, solid in enumerate(make_bag(rng, bag, carrier)):
            grain = 1 + 0.08 * fractal(solid.vertices * 120, 2, number)
            parts.append(_part(solid, base * grain[:, None] * (1 if number == 0 else 0.75), BAG, 0.1))
    return parts, {
        "bag": bag,
        "hair": style.name,
        "beard": looks.beard or "none",
        "hat": hat,
        "glasses": glasses,
    }


def _clothed(flesh: Flesh, garments: list[Garment]) -> Flesh:
    """Skin and garments as one surface: straps lie on loose cloth, which is up to 6 cm off the skin."""
    cloth, normals = [flesh.points[~flesh.dressed]], [flesh.normals[~flesh.dressed]]
    for garment in garments:
        # the hem's inner ring and its cap have level 0, and look inward
        outside = garment.edge > 0.001
        cloth.append(garment.vertices[outside])
        normals.append(vertex_normals(garment.vertices, garment.faces)[outside])
    points = np.concatenate(cloth)
    return Flesh(points, np.concatenate(normals), np.zeros(len(points), bool))


def _drawn_bag(rng: np.random.Generator, person: Dressed) -> str:
    """A tote needs a hand that hangs; in other poses a bag is worn."""
    height = float(person.palms[:, 2].min() - person.flesh.points[:, 2].min())
    hangs = person.pose in HANGING and height < HIP * person.physique.stature
    shares = {kind: share for kind, share in BAGS.items() if kind != "tote" or hangs}
    weights = np.array(list(shares.values()))
    return str(rng.choice(list(shares), p=weights / weights.sum()))


def _part(solid: Any, colour: FloatArray, kind: int, gloss: float) -> Part:
    return Part(solid.vertices, solid.faces, colour, kind, gloss)


def _hat_colours(rng: np.random.Generator, hat: str, worn: Worn, base: FloatArray) -> FloatArray:
    """Wool with ribs, a cap whose peak may differ, felt with a band."""
    seed = int(rng.integers(1 << 20))
    grain = 1 + 0.06 * fractal(worn.solid.vertices * 350, 2, seed)
    colour = np.tile(base, (len(worn.along), 1)) * grain[:, None]
    if hat == "knitted cap":
        colour *= (1 + 0.12 * np.sin(worn.around * 30) * (worn.along > 0.05))[:, None]
    elif hat == "baseball cap":
        if rng.random() < 0.3:
            colour = np.where((worn.along > 1.1)[:, None], cloth_colour(rng), colour)
    else:
        band = (worn.along > 0.78) & (worn.along < 0.99)
        colour[band] = colour[band] * 0.35
    return colour
