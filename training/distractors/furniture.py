# SPDX-License-Identifier: GPL-3.0-or-later
"""Seats, tables and shelves, standing on y = 0. Measures in metres, as in shops."""

from __future__ import annotations

import numpy as np

from .materials import cloth, metal, plain, sturdy
from .solids import Material, Solid, box, ellipsoid, leaf, tube


def _legs(
    rng: np.random.Generator, width: float, depth: float, height: float, material: Material
) -> list[Solid]:
    """Four, straight or splayed, round or square."""
    splay, thick = rng.choice([0.0, rng.uniform(0.02, 0.06)]), rng.uniform(0.012, 0.028)
    sides = int(rng.choice([4, 10]))
    legs = []
    for x in (-width / 2 + thick, width / 2 - thick):
        for z in (-depth / 2 + thick, depth / 2 - thick):
            foot = (x + np.sign(x) * splay, 0, z + np.sign(z) * splay, thick * 0.8)
            legs.append(tube([foot, (x, height, z, thick)], material, sides))
    return legs


def chair(rng: np.random.Generator) -> list[Solid]:
    """Wooden or upholstered, some with arms."""
    frame = sturdy(rng)
    covered = rng.random() < 0.5
    cover = cloth(rng) if covered else frame
    wide, deep, seat = rng.uniform(0.4, 0.55), rng.uniform(0.4, 0.5), rng.uniform(0.42, 0.48)
    top, lean, thick = rng.uniform(0.78, 1.1), rng.uniform(0.03, 0.12), rng.uniform(0.02, 0.08)
    parts = _legs(rng, wide, deep, seat, frame)
    parts.append(box((-wide / 2, seat - thick / 2, -deep / 2), (wide / 2, seat + thick / 2, deep / 2), cover))
    back = -deep / 2
    for x in (-wide / 2 + 0.02, wide / 2 - 0.02):
        parts.append(tube([(x, seat, back, 0.016), (x, top, back - lean, 0.013)], frame))

    def panel(low: float, high: float) -> Solid:
        rows = np.linspace(low, high, 7)
        share = (rows - seat) / (top - seat)
        x, y = np.meshgrid(np.linspace(-wide / 2 + 0.02, wide / 2 - 0.02, 9), rows)
        bow = 0.06 * (1 - (2 * x / wide) ** 2)
        points = np.stack([x, y, back - lean * share[:, None] - bow], axis=-1)
        return leaf(points, cover, 0.05 if covered else 0.018)

    slats = int(rng.integers(1, 5))
    gap = (top - seat) / (slats + 0.6)
    for i in range(slats):
        parts.append(panel(top - (i + 0.75 if slats > 1 else 0.9) * gap, top - i * gap))
    if rng.random() < 0.35:
        for x in (-wide / 2, wide / 2):
            arm = seat + 0.22
            parts.append(box((x - 0.025, arm, -deep / 2), (x + 0.025, arm + 0.03, deep / 2 - 0.04), frame))
            parts.append(tube([(x, seat, deep / 2 - 0.08, 0.013), (x, arm, deep / 2 - 0.08, 0.013)], frame))
    return parts


def armchair(rng: np.random.Generator) -> list[Solid]:
    """Upholstered all over, one to three seats wide."""
    cover, frame = cloth(rng), sturdy(rng)
    wide, deep, seat = (
        float(rng.choice([0.6, 0.65, 1.2, 1.7])),
        rng.uniform(0.6, 0.75),
        rng.uniform(0.38, 0.46),
    )
    top, arm = rng.uniform(0.75, 1.0), rng.uniform(0.55, 0.65)
    parts = _legs(rng, wide, deep, 0.15, frame)
    parts.append(box((-wide / 2, 0.13, -deep / 2), (wide / 2, seat - 0.1, deep / 2), cover))
    seats = max(1, round(wide / 0.6))
    for i in range(seats):
        middle, half = (i + 0.5) / seats * wide - wide / 2, wide / seats / 2
        parts.append(ellipsoid((middle, seat - 0.08, 0.03), (half, 0.12, deep / 2), cover, 0.03))
        tall = (top - seat) / 2 + 0.02
        parts.append(ellipsoid((middle, top - tall, 0.08 - deep / 2), (half, tall, 0.12), cover, 0.03))
    parts.append(box((-wide / 2, 0.13, -deep / 2 - 0.12), (wide / 2, top, -deep / 2 + 0.03), cover))
    for x in (-wide / 2 - 0.06, wide / 2 + 0.06):
        roll = [(x, arm - 0.06, -deep / 2 - 0.05, 0.08), (x, arm - 0.06, deep / 2 + 0.02, 0.08)]
        parts.append(tube(roll, cover, 16))
        parts.append(box((x - 0.06, 0.13, -deep / 2 - 0.1), (x + 0.06, arm - 0.06, deep / 2), cover))
    return parts


def stool(rng: np.random.Generator) -> list[Solid]:
    """A round seat, low or as high as a bar."""
    frame = sturdy(rng)
    seat, radius = rng.choice([0.45, 0.62, 0.75]) + rng.uniform(-0.03, 0.03), rng.uniform(0.15, 0.2)
    cover = cloth(rng) if rng.random() < 0.4 else frame
    thick = rng.uniform(0.025, 0.08)
    parts = [tube([(0, seat - thick, 0, radius), (0, seat, 0, radius)], cover, 28)]
    if rng.random() < 0.3:
        parts.append(tube([(0, 0, 0, radius), (0, 0.02, 0, radius), (0, 0.04, 0, 0.03)], frame, 28))
        parts.append(tube([(0, 0.02, 0, 0.025), (0, seat, 0, 0.025)], frame))
        return parts
    legs = _legs(rng, radius * 1.5, radius * 1.5, seat - thick, frame)
    at, half = rng.uniform(0.15, 0.3), radius * 0.75
    rungs = [
        tube([(x, at, z, 0.01), (u, at, w, 0.01)], frame, 8)
        for x, z, u, w in (
            (-half, -half, half, -half),
            (-half, half, half, half),
            (-half, -half, -half, half),
        )
    ]
    return parts + legs + rungs


def table(rng: np.random.Generator) -> list[Solid]:
    """Square or round, from a side table to a desk; some with a few things on it."""
    frame = sturdy(rng)
    top = frame if rng.random() < 0.6 else plain(rng, (0.2, 0.7))
    wide, deep = rng.uniform(0.4, 1.3), rng.uniform(0.4, 0.8)
    height = rng.choice([0.45, 0.6, 0.74]) + rng.uniform(-0.03, 0.03)
    if rng.random() < 0.35:
        radius = min(wide, 0.9) / 2
        parts = [
            tube([(0, height - 0.03, 0, radius), (0, height, 0, radius)], top, 32),
            tube([(0, 0, 0, radius * 0.6), (0, 0.03, 0, 0.05), (0, height, 0, 0.04)], frame, 20),
        ]
        wide = deep = radius
    else:
        parts = _legs(rng, wide - 0.06, deep - 0.06, height - 0.03, frame)
        parts.append(box((-wide / 2, height - 0.035, -deep / 2), (wide / 2, height, deep / 2), top))
        if rng.random() < 0.5:
            low = (-wide / 2 + 0.04, height - 0.14, -deep / 2 + 0.05)
            parts.append(box(low, (wide / 2 - 0.04, height - 0.03, deep / 2 - 0.03), frame))
    for _ in range(int(rng.integers(0, 4))):
        x, z = rng.uniform(-0.35, 0.35, 2) * (wide, deep)
        size = rng.uniform(0.04, 0.09)
        knots = [
            (x, height, z, size * 0.8),
            (x, height + size, z, size),
            (x, height + size * 2.4, z, size * 0.6),
        ]
        parts.append(tube(knots, plain(rng, (0.1, 0.8)), 16, 9))
    return parts


def shelf(rng: np.random.Generator) -> list[Solid]:
    """Boards with books and boxes, or a closed cupboard."""
    frame = sturdy(rng)
    wide, deep, height = rng.uniform(0.4, 1.1), rng.uniform(0.25, 0.4), rng.uniform(0.8, 2.0)
    if rng.random() < 0.25:
        parts = [box((-wide / 2, 0.05, -deep / 2), (wide / 2, height, deep / 2), frame)]
        doors = plain(rng, (0.1, 0.5)) if rng.random() < 0.5 else frame
        for side in (-1, 1):
            low, high = sorted((side * 0.006, side * (wide / 2 - 0.015)))
            parts.append(box((low, 0.08, deep / 2), (high, height - 0.03, deep / 2 + 0.015), doors))
            knob = (side * 0.05, height / 2, deep / 2 + 0.03)
            parts.append(ellipsoid(knob, (0.015, 0.015, 0.015), metal(rng), rings=8))
        return parts + _legs(rng, wide, deep, 0.06, frame)
    boards = int(rng.integers(3, 6))
    levels = np.linspace(0.06, height, boards)
    parts = [box((-wide / 2, y - 0.01, -deep / 2), (wide / 2, y + 0.01, deep / 2), frame) for y in levels]
    for x in (-wide / 2, wide / 2):
        parts.append(box((x - 0.012, 0, -deep / 2), (x + 0.012, height, deep / 2), frame))
    if rng.random() < 0.5:
        parts.append(box((-wide / 2, 0.05, -deep / 2 - 0.01), (wide / 2, height, -deep / 2), frame))
    for y, above in zip(levels, levels[1:]):
        x = -wide / 2 + 0.02
        while x < wide / 2 - 0.1:
            if rng.random() < 0.3:
                x += rng.uniform(0.03, 0.25)
                continue
            thick = rng.uniform(0.02, 0.06) if rng.random() < 0.85 else rng.uniform(0.1, 0.2)
            thick = min(thick, wide / 2 - x - 0.015)
            tall = y + 0.01 + (above - y - 0.03) * rng.uniform(0.5, 0.95)
            front = rng.uniform(0, deep * 0.4)
            parts.append(box((x, y, -deep * 0.4), (x + thick, tall, front), plain(rng, (0.05, 0.3))))
            x += thick + 0.002
    return parts
