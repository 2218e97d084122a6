# SPDX-License-Identifier: GPL-3.0-or-later
"""What things are made of, with random colours: muted ones are likelier, as in homes and streets."""

from __future__ import annotations

import colorsys

import numpy as np

from ..humans.topology import FloatArray
from .solids import Material


def _shade(hue: float, saturation: float, value: float) -> FloatArray:
    return np.array(colorsys.hsv_to_rgb(hue % 1, min(max(saturation, 0), 1), min(max(value, 0.02), 0.97)))


def _made(
    rng: np.random.Generator,
    first: FloatArray,
    second: FloatArray,
    cells: tuple[float, float, float],
    contrast: float,
    gloss: float,
    share: float = 0.0,
) -> Material:
    return Material(first, second, cells, contrast, share, gloss, int(rng.integers(1 << 20)))


def wood(rng: np.random.Generator) -> Material:
    """Grain along one axis, from birch to ebony."""
    hue, saturation, value = rng.normal(0.075, 0.015), rng.uniform(0.25, 0.7), rng.uniform(0.15, 0.85)
    cells = np.full(3, rng.uniform(25, 60))
    cells[rng.integers(3)] = 3
    dark = _shade(hue - 0.01, saturation + 0.1, value * 0.7)
    grain = (float(cells[0]), float(cells[1]), float(cells[2]))
    return _made(rng, _shade(hue, saturation, value), dark, grain, 0.6, rng.uniform(0.05, 0.4))


def plain(rng: np.random.Generator, gloss: tuple[float, float]) -> Material:
    """Paint or plastic: white, black and greys as often as colours."""
    saturation = rng.uniform(0.4, 0.95) ** 1.5 if rng.random() < 0.4 else rng.uniform(0, 0.12)
    colour = _shade(rng.random(), saturation, rng.choice([0.08, 0.3, 0.6, 0.9]) + rng.uniform(-0.06, 0.06))
    return _made(rng, colour, colour * 0.88, (5, 5, 5), 0.4, float(rng.uniform(*gloss)))


def metal(rng: np.random.Generator) -> Material:
    """Steel, brass or black iron."""
    hue, saturation, value = ((0.6, 0.04, 0.55), (0.11, 0.5, 0.6), (0, 0, 0.06))[rng.integers(3)]
    colour = _shade(hue, saturation, value + rng.uniform(-0.04, 0.15))
    return _made(rng, colour, colour * 0.8, (4, 9, 4), 0.4, float(rng.uniform(0.5, 0.9)))


def cloth(rng: np.random.Generator) -> Material:
    """Upholstery, canvas or linen: plain, woven, or with stripes or flecks."""
    colour = _shade(rng.random(), rng.uniform(0, 0.6) ** 1.3, rng.uniform(0.12, 0.9))
    kind = rng.choice(["plain", "stripes", "flecks"], p=[0.6, 0.2, 0.2])
    if kind == "plain":
        return _made(rng, colour, colour * 0.8, (90, 90, 90), 0.5, 0.03)
    other = _shade(rng.random(), rng.uniform(0, 0.7), rng.uniform(0.1, 0.95))
    cells = (float(rng.uniform(10, 30)), 0.2, 0.2) if kind == "stripes" else (25.0, 25.0, 25.0)
    return _made(rng, colour, other, cells, 4.0, 0.03, float(rng.uniform(-0.8, 0.2)))


def skin_like(rng: np.random.Generator) -> Material:
    """The linen, plaster or beige plastic of dress forms and shop dummies."""
    colour = _shade(rng.normal(0.08, 0.02), rng.uniform(0, 0.4), rng.choice([0.85, 0.7, 0.2]))
    return _made(rng, colour, colour * 0.9, (40, 40, 40), 0.4, float(rng.uniform(0.02, 0.4)))


def leaves(rng: np.random.Generator) -> Material:
    """Green, sometimes yellowish or dark red."""
    hue = rng.normal(0.3, 0.05) if rng.random() < 0.9 else rng.normal(0.0, 0.04)
    saturation, value = rng.uniform(0.35, 0.8), rng.uniform(0.2, 0.6)
    pale = _shade(hue - 0.05, saturation * 0.8, value * 1.4)
    return _made(rng, _shade(hue, saturation, value), pale, (9, 9, 9), 0.6, float(rng.uniform(0.1, 0.4)))


def petals(rng: np.random.Generator) -> Material:
    """Red, pink, white, yellow or violet."""
    hue, saturation = ((0.98, 0.85), (0.93, 0.45), (0.1, 0.06), (0.14, 0.85), (0.78, 0.5))[rng.integers(5)]
    colour = _shade(hue + rng.normal(0, 0.015), saturation, rng.uniform(0.7, 0.97))
    return _made(rng, colour, colour * 0.8, (60, 60, 60), 0.5, 0.05)


def fur(rng: np.random.Generator) -> Material:
    """White, black, grey, fawn or chestnut; half of them with patches or stripes of another."""
    tones = ((0.1, 0.03, 0.9), (0.08, 0.2, 0.06), (0.6, 0.04, 0.4), (0.09, 0.42, 0.72), (0.05, 0.65, 0.34))
    first, second = rng.permutation(5)[:2]
    colour = _shade(*tones[first]) * rng.uniform(0.8, 1.1)
    kind = rng.choice(["plain", "patches", "stripes"], p=[0.5, 0.35, 0.15])
    if kind == "plain":
        return _made(rng, colour, colour * 0.65, (7, 7, 7), 0.5, 0.04)
    cells = (4.0, 4.0, 4.0) if kind == "patches" else (24.0, 3.0, 3.0)
    contrast = 6.0 if kind == "patches" else 2.0
    return _made(rng, colour, _shade(*tones[second]), cells, contrast, 0.04, float(rng.uniform(-1.5, 0.5)))


def dark(rng: np.random.Generator) -> Material:
    """Noses, eyes, tyres, soil."""
    colour = _shade(0.08, rng.uniform(0, 0.3), rng.uniform(0.02, 0.1))
    return _made(rng, colour, colour * 0.6, (60, 60, 60), 0.5, float(rng.uniform(0.1, 0.5)))


def sturdy(rng: np.random.Generator) -> Material:
    """What legs and boards are made of."""
    kind = rng.random()
    return wood(rng) if kind < 0.6 else metal(rng) if kind < 0.8 else plain(rng, (0.1, 0.5))
