"""Colours of cloth with patterns. All sRGB in [0, 1], one colour a vertex."""

from __future__ import annotations

import numpy as np

from .garments import Garment
from .noise import bump, fractal
from .outfit import Outfit
from .topology import FloatArray

MUTED = (
    (0.08, 0.08, 0.09), (0.1, 0.1, 0.12), (0.9, 0.9, 0.88), (0.82, 0.8, 0.76), (0.14, 0.18, 0.3),
    (0.45, 0.45, 0.47), (0.3, 0.31, 0.33), (0.62, 0.55, 0.45), (0.35, 0.28, 0.22), (0.28, 0.31, 0.22),
    (0.36, 0.45, 0.55),
)  # fmt: skip
STRONG = (
    (0.6, 0.12, 0.13), (0.15, 0.35, 0.25), (0.1, 0.35, 0.65), (0.8, 0.6, 0.15), (0.55, 0.3, 0.45),
    (0.85, 0.55, 0.55), (0.2, 0.5, 0.5), (0.8, 0.4, 0.15),
)  # fmt: skip
PATTERNS = {
    "plain": 0.66,
    "across": 0.09,
    "along": 0.07,
    "check": 0.06,
    "dots": 0.04,
    "print": 0.05,
    "mottled": 0.03,
}


def pick(
    rng: np.random.Generator, palette: tuple[tuple[float, float, float], ...], jitter: float
) -> FloatArray:
    """A colour of `palette`, brighter or darker by up to a quarter and with some jitter."""
    colour = np.array(palette[rng.integers(len(palette))]) * rng.uniform(0.78, 1.18)
    return np.clip(colour + rng.normal(0, jitter, 3), 0.02, 0.97)


def cloth_colour(rng: np.random.Generator) -> FloatArray:
    """Muted colours dominate, as in real wardrobes."""
    return pick(rng, MUTED if rng.random() < 0.72 else STRONG, 0.03)


def garment_colours(rng: np.random.Generator, garment: Garment, kind: str, outfit: Outfit) -> FloatArray:
    """Cloth of a "top", "bottom" or "shoes" with pattern, seam and, where it has them, zip, belt, sole."""
    at = garment.canonical
    x, y, z = at.T
    seed = int(rng.integers(1 << 20))
    base = cloth_colour(rng)
    if kind == "bottom" and outfit.bottom in ("trousers", "shorts") and rng.random() < 0.4:
        colour = _denim(rng, garment, seed)
    elif kind == "shoes":
        colour = np.tile(base * rng.uniform(0.4, 1), (len(at), 1))
    else:
        plain = 0.85 if kind == "bottom" and outfit.bottom != "skirt" else 0.0
        drawn = rng.random() >= plain
        pattern = str(rng.choice(list(PATTERNS), p=list(PATTERNS.values()))) if drawn else "plain"
        colour = _pattern(rng, pattern, garment, base, seed)
    grain = 0.05 * fractal(at * 9, 2, seed + 1) + 0.035 * fractal(at * 260, 1, seed + 2)
    colour = np.asarray(colour * (1 + grain)[:, None])
    colour[(garment.edge > 0.01) & (garment.edge < 0.016)] *= 0.78
    middle = (np.abs(x) < 0.005) & (y < 0)
    if kind == "top" and outfit.top in ("jacket", "coat"):
        colour[middle] *= 0.4
    if kind == "top" and outfit.top == "shirt" and rng.random() < 0.5:
        colour[middle & ((z / 0.085) % 1 < 0.13)] = [0.8, 0.8, 0.75]
    if kind == "bottom" and outfit.bottom in ("trousers", "shorts"):
        belt = (z > outfit.waist - 0.04) & (z < outfit.waist - 0.008)
        colour[belt] = [0.12, 0.08, 0.06] if rng.random() < 0.4 else colour[belt] * 0.8
        colour[middle & (z > 0.08)] *= 0.75
    if kind == "shoes":
        colour[z < z.min() + 0.018] = [0.85, 0.85, 0.82] if rng.random() < 0.5 else [0.1, 0.1, 0.1]
    return colour


def _denim(rng: np.random.Generator, garment: Garment, seed: int) -> FloatArray:
    base = np.array([0.18, 0.25, 0.42]) * rng.uniform(0.4, 1.5) + 0.03
    fade = 0.35 * rng.uniform() * bump(garment.along_leg, 0.6, 0.5)
    weave = 0.12 * fractal(garment.canonical * [500, 500, 60], 2, seed)
    colour: FloatArray = base * (1 + weave)[:, None] * (1 + fade)[:, None]
    return colour


def _pattern(
    rng: np.random.Generator, kind: str, garment: Garment, base: FloatArray, seed: int
) -> FloatArray:
    x, y, z = garment.canonical.T
    sleeve = garment.arm > 0.5
    u = np.where(sleeve, y * 1.2, np.where(y < 0.03, x, 0.35 - x))
    v = np.where(sleeve, 0.75 - garment.along_arm * 0.28, z)
    second, third = cloth_colour(rng), cloth_colour(rng)
    amount = np.zeros(len(u))
    if kind == "across":
        amount = (v / rng.uniform(0.025, 0.09) % 1 < rng.uniform(0.3, 0.6)).astype(float)
    elif kind == "along":
        amount = (u / rng.uniform(0.015, 0.05) % 1 < rng.uniform(0.1, 0.5)).astype(float)
    elif kind == "check":
        period = rng.uniform(0.03, 0.09)
        amount = ((u / period % 1 < 0.5) * 0.5 + (v / period % 1 < 0.5) * 0.5).astype(float)
    elif kind == "dots":
        period = rng.uniform(0.03, 0.07)
        distance = (u / period % 1 - 0.5) ** 2 + (v / period % 1 - 0.5) ** 2
        amount = (distance < rng.uniform(0.03, 0.12)).astype(float)
    elif kind == "mottled":
        amount = (fractal(np.stack([u, v, 0 * u], 1) * rng.uniform(12, 35), 2, seed) > 0.2).astype(float)
    colour = base + amount[:, None] * (second - base)
    if kind == "print":
        box = (np.abs(x) < rng.uniform(0.06, 0.13)) & (np.abs(z - 0.45) < rng.uniform(0.04, 0.12)) & (y < 0)
        field = fractal(np.stack([u, v, 0 * u], 1) * rng.uniform(8, 30), 3, seed)
        colour[box & (field > -0.1)] = second
        colour[box & (field > 0.3)] = third
    return colour
