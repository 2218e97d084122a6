# SPDX-License-Identifier: GPL-3.0-or-later
"""Potted plants, standing on y = 0, metres."""

from __future__ import annotations

import numpy as np

from ..humans.topology import FloatArray
from .materials import dark, leaves, plain, wood
from .solids import Material, Solid, ellipsoid, leaf, tube


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
