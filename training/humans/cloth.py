# SPDX-License-Identifier: GPL-3.0-or-later
"""Colours of garments as people combine them: muted ones dominate, tops go with bottoms."""

from __future__ import annotations

import numpy as np

from .creases import inside_pocket
from .fabric import SIDE_SEAM, Fabric
from .garments import Garment
from .noise import bump
from .outfit import Bottom, Outfit, Top
from .topology import FloatArray

COLOURS = {
    "black": (0.07, 0.07, 0.08), "charcoal": (0.2, 0.2, 0.22), "grey": (0.46, 0.46, 0.48),
    "pale grey": (0.68, 0.68, 0.69), "white": (0.89, 0.89, 0.88), "cream": (0.85, 0.8, 0.71),
    "beige": (0.7, 0.61, 0.49), "camel": (0.58, 0.43, 0.28), "brown": (0.28, 0.19, 0.14),
    "navy": (0.1, 0.13, 0.23), "blue": (0.2, 0.33, 0.54), "pale blue": (0.6, 0.7, 0.82),
    "denim": (0.17, 0.23, 0.36), "olive": (0.29, 0.3, 0.2), "green": (0.15, 0.31, 0.23),
    "burgundy": (0.34, 0.09, 0.13), "red": (0.62, 0.13, 0.13), "pink": (0.81, 0.6, 0.6),
    "mustard": (0.7, 0.51, 0.18), "rust": (0.56, 0.28, 0.16), "purple": (0.37, 0.26, 0.42),
    "teal": (0.14, 0.37, 0.39),
}  # fmt: skip
SHARES = {
    "trousers": {"denim": 42, "black": 17, "charcoal": 10, "navy": 9, "beige": 8, "olive": 5, "grey": 4,
                 "brown": 2, "white": 2, "burgundy": 1},
    "shorts": {"denim": 28, "black": 20, "navy": 13, "beige": 16, "olive": 10, "grey": 13},
    "skirt": {"black": 26, "navy": 11, "grey": 9, "denim": 12, "beige": 9, "burgundy": 6, "camel": 6,
              "white": 5, "green": 5, "blue": 5, "red": 3, "pink": 3},
    "top": {"white": 20, "black": 17, "grey": 10, "pale grey": 8, "navy": 11, "charcoal": 7, "cream": 6,
            "pale blue": 5, "blue": 3, "olive": 3, "burgundy": 2, "red": 2, "pink": 2, "green": 1,
            "mustard": 1, "teal": 1, "purple": 1},
    "shirt": {"white": 32, "pale blue": 20, "navy": 9, "blue": 8, "black": 8, "denim": 7, "pale grey": 5,
              "cream": 4, "olive": 3, "burgundy": 2, "pink": 2},
    "dress": {"black": 20, "navy": 13, "grey": 6, "burgundy": 7, "red": 5, "green": 6, "blue": 7, "white": 8,
              "pink": 6, "cream": 6, "olive": 5, "mustard": 3, "teal": 4, "rust": 4},
    "outer": {"black": 23, "navy": 16, "charcoal": 11, "grey": 8, "camel": 8, "beige": 8, "olive": 10,
              "brown": 6, "denim": 6, "burgundy": 2, "blue": 2},
    "shoes": {"black": 42, "brown": 18, "white": 21, "camel": 5, "grey": 7, "navy": 5, "red": 2},
    "boots": {"black": 55, "brown": 27, "camel": 10, "grey": 4, "burgundy": 4},
}  # fmt: skip
"""Relative frequencies of a garment's colour."""
PATTERNS = {
    "tank": {"plain": 82, "across": 8, "print": 10},
    "tee": {"plain": 66, "across": 10, "print": 18, "melange": 6},
    "shirt": {"plain": 63, "along": 13, "check": 20, "dots": 4},
    "jumper": {"plain": 74, "across": 11, "melange": 15},
    "hoodie": {"plain": 70, "print": 18, "melange": 12},
    "dress": {"plain": 56, "floral": 24, "dots": 10, "across": 5, "check": 5},
    "skirt": {"plain": 70, "check": 12, "floral": 10, "along": 8},
    "trousers": {"plain": 95, "check": 3, "along": 2},
    "shorts": {"plain": 92, "check": 4, "floral": 4},
    "jacket": {"plain": 87, "check": 7, "melange": 6},
    "coat": {"plain": 86, "check": 6, "melange": 8},
    "shoes": {"plain": 1},
    "boots": {"plain": 1},
}
CONTRAST = 0.1
"""Top and bottom are seldom nearer than this in sRGB, unless both are black."""


def garment_colours(rng: np.random.Generator, garments: list[Garment], outfit: Outfit) -> list[FloatArray]:
    """Colours (V, 3) of each garment of an outfit; a garment's pieces are of its own cloth."""
    fabrics = fabrics_of(rng, outfit)
    buttons = np.array((0.82, 0.8, 0.74) if rng.random() < 0.4 else (0.12, 0.1, 0.1))
    belt = np.array((0.12, 0.08, 0.06) if rng.random() < 0.5 else (0.06, 0.06, 0.06))
    belted, pale_sole = rng.random() < 0.35, rng.random() < 0.4
    painted = []
    for garment in garments:
        colour = fabrics[garment.worn](garment.at)
        if garment.worn == "shoes":
            z = garment.at.position[:, 2]
            colour[z < z.min() + 0.006] = (0.84, 0.83, 0.8) if pale_sole else (0.09, 0.09, 0.09)
        elif garment.worn == "bottom":
            _bottom_details(colour, garment, outfit.bottom, belt if belted else None)
        elif not garment.piece:
            top = outfit.outer if garment.worn == "outer" else outfit.top
            assert top is not None
            dark = 0.5 * fabrics[garment.worn].base
            _top_details(colour, garment, top, dark if garment.worn == "outer" else buttons)
        if garment.worn != "shoes":
            colour *= (1 - 0.2 * bump(garment.edge, 0.013, 0.005))[:, None]
        painted.append(np.clip(colour, 0.02, 0.97))
    return painted


def fabrics_of(rng: np.random.Generator, outfit: Outfit) -> dict[str, Fabric]:
    """The cloth of "shoes", "bottom", "top" and, where there is one, "outer"."""
    top, bottom = outfit.top, outfit.bottom
    kinds = {
        "shoes": "shoes" if outfit.shoes.kind == "shoes" else "boots",
        "bottom": bottom.kind,
        "top": top.kind,
    }
    if outfit.outer is not None:
        kinds["outer"] = outfit.outer.kind
    colours: dict[str, tuple[str, FloatArray]] = {}
    for worn, kind in kinds.items():
        shares = SHARES.get("outer" if worn == "outer" else kind, SHARES["top"])
        name, colour = _colour(rng, shares)
        for _ in range(3):
            near = worn == "top" and np.abs(colour - colours["bottom"][1]).max() < CONTRAST
            if not near or name == "black":
                break
            name, colour = _colour(rng, shares)
        colours[worn] = name, colour
    return {
        worn: Fabric(rng, colour, "denim" if name == "denim" else _drawn(rng, PATTERNS[kinds[worn]]))
        for worn, (name, colour) in colours.items()
    }


def _colour(rng: np.random.Generator, shares: dict[str, int]) -> tuple[str, FloatArray]:
    name = _drawn(rng, shares)
    brightness = rng.uniform(0.5, 1.6) if name == "denim" else rng.uniform(0.82, 1.12)
    return name, np.clip(np.array(COLOURS[name]) * brightness + rng.normal(0, 0.012, 3), 0.03, 0.94)


def _drawn(rng: np.random.Generator, shares: dict[str, int]) -> str:
    share = np.array(list(shares.values()))
    return str(rng.choice(list(shares), p=share / share.sum()))


def _top_details(colour: FloatArray, garment: Garment, top: Top, buttons: FloatArray) -> None:
    """Buttons or a zip down the front, the edge of pockets, darker ribs."""
    x, y, z = garment.at.position.T
    front = (y < SIDE_SEAM) & (garment.at.arm < 0.3)
    if top.closure == "zip" and not top.open:
        colour[front & (np.abs(x) < 0.005)] *= 0.45
    if top.closure == "buttons" and not top.open:
        colour[front & (np.hypot(x, (z + 0.02) % 0.09 - 0.045) < 0.008)] = buttons
    if top.pocket:
        edge = np.abs(inside_pocket(top, garment.at))
        colour *= (1 - 0.28 * bump(edge, 0.0, 0.005) * front)[:, None]


def _bottom_details(colour: FloatArray, garment: Garment, bottom: Bottom, belt: FloatArray | None) -> None:
    """Waistband or belt, and on trousers the fly and slanting pockets."""
    x, y, z = garment.at.position.T
    band = z > bottom.waist - 0.035
    colour[band] = belt if belt is not None else colour[band] * 0.88
    if bottom.kind == "skirt":
        return
    front = y < SIDE_SEAM
    below = bottom.waist - 0.035 - z
    pocket = bump(np.abs(x) - 0.095 - 0.5 * below, 0.0, 0.006) * (below > 0) * (below < 0.1) * front
    fly = bump(x - 0.012, 0.0, 0.006) * (below > 0) * (z > 0.1) * front
    colour *= (1 - 0.3 * np.maximum(pocket, fly))[:, None]
