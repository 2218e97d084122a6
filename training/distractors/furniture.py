# SPDX-License-Identifier: GPL-3.0-or-later
"""Furniture, plants and dress forms, standing on y = 0. Measures in metres, as in shops."""

from __future__ import annotations

import numpy as np

from ..humans.topology import FloatArray
from .materials import cloth, dark, leaves, metal, plain, skin_like, wood
from .solids import Material, Solid, box, ellipsoid, leaf, moved, rotation, tube


def _frame(rng: np.random.Generator) -> Material:
    """What legs and boards are made of."""
    kind = rng.random()
    return wood(rng) if kind < 0.6 else metal(rng) if kind < 0.8 else plain(rng, (0.1, 0.5))


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
    frame = _frame(rng)
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
    cover, frame = cloth(rng), _frame(rng)
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
    frame = _frame(rng)
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
    frame = _frame(rng)
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
    frame = _frame(rng)
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


def lamp(rng: np.random.Generator) -> list[Solid]:
    """A floor lamp with a shade on a pole."""
    frame, shade = metal(rng), cloth(rng)
    height, radius, tall = rng.uniform(1.2, 1.75), rng.uniform(0.13, 0.25), rng.uniform(0.18, 0.35)
    narrow = radius * rng.uniform(0.5, 1)
    parts = [tube([(0, height - tall, 0, radius), (0, height, 0, narrow)], shade, 28)]
    if rng.random() < 0.6:
        foot = rng.uniform(0.1, 0.16)
        parts.append(tube([(0, 0, 0, foot), (0, 0.02, 0, foot), (0, 0.035, 0, 0.02)], frame, 24))
        parts.append(tube([(0, 0, 0, 0.011), (0, height - tall / 2, 0, 0.011)], frame, 8))
    else:
        parts += _tripod(rng.uniform(0.2, 0.3), height - tall / 2, 0.016, frame)
    return parts


def _tripod(reach: float, height: float, radius: float, material: Material) -> list[Solid]:
    angles = np.radians([30, 150, 270])
    return [
        tube([(reach * np.cos(a), 0, reach * np.sin(a), radius), (0, height, 0, radius)], material, 8)
        for a in angles
    ]


def _blade(
    rng: np.random.Generator, start: FloatArray, angle: float, length: float, width: float, material: Material
) -> Solid:
    """A leaf that rises from `start`, then bends over to the side of `angle`."""
    t = np.linspace(0, 1, 9)[:, None]
    rise, droop = rng.uniform(0.5, 1.0), rng.uniform(0.3, 1.1)
    out = np.array([np.cos(angle), 0, np.sin(angle)])
    spine = start + length * (t * 0.8 * out + (rise * t - droop * t**2) * np.array([0, 1.0, 0]))
    spine[:, 1] = spine[:, 1].clip(0.02)  # what is too long lies on the floor
    side = np.array([-np.sin(angle), 0, np.cos(angle)])
    half = width * np.sin(np.pi * t**0.8).clip(0.03)
    fold = np.array([0.25, 0.06, 0, 0.06, 0.25])[None, :, None] * half[:, None] * np.array([0, 1.0, 0])
    across = np.linspace(-1, 1, 5)[None, :, None] * half[:, None] * side
    return leaf(spine[:, None] + across + fold, material, 0.003)


def plant(rng: np.random.Generator) -> list[Solid]:
    """A pot with long blades from the soil, or a small tree with leaves on branches."""
    pot, green = plain(rng, (0.05, 0.6)), leaves(rng)
    radius, tall = rng.uniform(0.1, 0.22), rng.uniform(0.15, 0.45)
    knots = [
        (0, 0, 0, radius * rng.uniform(0.6, 1)),
        (0, tall, 0, radius),
        (0, tall + 0.02, 0, radius * 1.06),
    ]
    parts = [
        tube(knots, pot, 28),
        ellipsoid((0, tall + 0.02, 0), (radius * 0.9, 0.01, radius * 0.9), dark(rng)),
    ]
    up = np.array([0.0, tall, 0.0])
    if rng.random() < 0.5:
        for _ in range(int(rng.integers(12, 28))):
            length, width = rng.uniform(0.3, 0.9), rng.uniform(0.015, 0.06)
            parts.append(_blade(rng, up, rng.uniform(0, 2 * np.pi), length, width, green))
        return parts
    trunk, height = wood(rng), rng.uniform(0.5, 1.2)
    bend = rng.normal(0, 0.06, 2)
    stem = [(0, tall, 0, 0.02), (bend[0], tall + height / 2, bend[1], 0.016), (0, tall + height, 0, 0.006)]
    parts.append(tube(stem, trunk, 8, 12))
    for _ in range(int(rng.integers(30, 70))):
        at = up + np.array([0, height * rng.uniform(0.3, 1.05), 0])
        at += rng.normal(0, 0.1, 3) * (1, 0.5, 1)
        length, width = rng.uniform(0.12, 0.3), rng.uniform(0.02, 0.06)
        parts.append(_blade(rng, at, rng.uniform(0, 2 * np.pi), length, width, green))
    return parts


def coat_stand(rng: np.random.Generator) -> list[Solid]:
    """A pole with hooks; mostly a coat hangs from it, which looks like somebody."""
    frame, height = _frame(rng), rng.uniform(1.6, 1.9)
    parts = [tube([(0, 0, 0, 0.018), (0, height, 0, 0.016)], frame), *_tripod(0.24, 0.3, 0.014, frame)]
    for angle in np.radians(np.arange(4) * 90 + rng.uniform(0, 90)):
        x, z = 0.13 * np.cos(angle), 0.13 * np.sin(angle)
        parts.append(tube([(0, height - 0.12, 0, 0.009), (x, height - 0.04, z, 0.009)], frame, 8))
    for _ in range(int(rng.choice([0, 1, 2], p=[0.25, 0.5, 0.25]))):
        parts += moved(_hanging_coat(rng, height - 0.06), rotation(1, rng.uniform(0, 360)))
    return parts


def _hanging_coat(rng: np.random.Generator, top: float) -> list[Solid]:
    """Narrow at the hook, folded below, with two empty sleeves."""
    material, length = cloth(rng), rng.uniform(0.6, 1.1)
    knots = [
        (0.1, top, 0, 0.03, 0.03),
        (0.11, top - 0.08, 0, 0.17, 0.07),
        (0.12, top - 0.4, 0, 0.2, 0.09),
        (0.12, top - length, 0, 0.24, 0.11),
    ]
    coat = tube(knots, material, 40, 24)
    around = np.arctan2(coat.vertices[:, 2], coat.vertices[:, 0] - 0.12)
    down = np.clip((top - coat.vertices[:, 1]) / length, 0, 1)
    folds = 1 + 0.16 * down * np.cos(around * int(rng.integers(6, 11)) + rng.uniform(0, 6))
    coat.vertices[:, [0, 2]] = (coat.vertices[:, [0, 2]] - (0.12, 0)) * folds[:, None] + (0.12, 0)
    sleeves = [
        tube(
            [
                (0.11, top - 0.1, 0.13 * side, 0.06),
                (0.14, top - 0.4, 0.24 * side, 0.06),
                (0.15, top - 0.65, 0.23 * side, 0.05),
            ],
            material, 12, 10, rounded=True,
        )
        for side in (-1, 1)
    ]  # fmt: skip
    return [coat, *sleeves]


def dress_form(rng: np.random.Generator) -> list[Solid]:
    """A torso without head and arms on a stand, sometimes in a skirt: nobody, though it has a waist."""
    body, frame = skin_like(rng), _frame(rng)
    base, wide = rng.uniform(0.75, 0.9), rng.uniform(0.85, 1.15)
    rings = (
        (0.0, 0.15, 0.1), (0.06, 0.175, 0.12), (0.15, 0.165, 0.115), (0.28, 0.12, 0.09), (0.42, 0.145, 0.115),
        (0.52, 0.165, 0.1), (0.58, 0.15, 0.075), (0.62, 0.07, 0.06), (0.7, 0.055, 0.055),
    )  # fmt: skip
    knots = [(0, base + y, 0, z * wide, x * wide) for y, x, z in rings]
    parts = [
        tube(knots, body, 28, 40),
        tube([(0, base + 0.7, 0, 0.05), (0, base + 0.73, 0, 0.02)], frame),
        tube([(0, 0.1, 0, 0.016), (0, base, 0, 0.016)], frame),
        *_tripod(0.24, 0.25, 0.014, frame),
    ]
    if rng.random() < 0.4:
        length = rng.uniform(0.3, 0.75)
        waist = base + 0.28
        skirt = [
            (0, waist, 0, 0.092 * wide, 0.123 * wide),
            (0, waist - 0.08, 0, 0.124 * wide, 0.174 * wide),
            (0, waist - 0.2, 0, 0.14 * wide, 0.195 * wide),
            (0, waist - length, 0, 0.16 + 0.2 * length, 0.2 + 0.2 * length),
        ]
        parts.append(tube(skirt, cloth(rng), 40, 16))
    return parts
