# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands on three legs: lamps, coat stands and dress forms, on y = 0, metres."""

from __future__ import annotations

import numpy as np

from .materials import cloth, metal, skin_like, sturdy
from .solids import Material, Solid, moved, rotation, tube


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


def coat_stand(rng: np.random.Generator) -> list[Solid]:
    """A pole with hooks; mostly a coat hangs from it, which looks like somebody."""
    frame, height = sturdy(rng), rng.uniform(1.6, 1.9)
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
    body, frame = skin_like(rng), sturdy(rng)
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
