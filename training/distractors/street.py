# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in streets: bicycles, bins and bollards, on y = 0, metres."""

from __future__ import annotations

import numpy as np

from .materials import cloth, dark, metal, plain
from .solids import Material, Solid, box, ellipsoid, tube, wheel


def _rod(
    start: tuple[float, float, float], end: tuple[float, float, float], radius: float, material: Material
) -> Solid:
    return tube([(*start, radius), (*end, radius)], material, 8)


def bicycle(rng: np.random.Generator) -> list[Solid]:
    """A diamond or step-through frame, some with mudguards' width of tyre and a basket."""
    frame, tyre, bright = plain(rng, (0.4, 0.8)), dark(rng), metal(rng)
    radius, width = rng.uniform(0.3, 0.35), rng.uniform(0.012, 0.026)
    rear, front = (-0.5, radius, 0.0), (0.52, radius, 0.0)
    crank, saddle = (-0.08, radius - 0.06, 0.0), (-0.24, rng.uniform(0.8, 0.95), 0.0)
    head, bar = (0.36, 0.78, 0.0), (0.33, rng.uniform(0.95, 1.08), 0.0)
    parts = []
    for hub in (rear, front):
        parts += [
            wheel(hub, radius, width, tyre),
            wheel(hub, radius - width * 1.3, 0.008, bright, 6),
            ellipsoid(hub, (0.025, 0.025, 0.05), bright, rings=8),
        ]
        for angle in np.arange(9) * 2 * np.pi / 9 + rng.uniform(0, 1):
            rim = (hub[0] + radius * np.cos(angle), hub[1] + radius * np.sin(angle), 0.0)
            parts.append(tube([(*hub, 0.0022), (*rim, 0.0022)], bright, 4))
    low = rng.random() < 0.4
    across = (-0.15, 0.52, 0.0) if low else (-0.21, 0.72, 0.0)
    tubes = ((crank, saddle), (crank, head), (across, (0.34, 0.72, 0.0)), (head, bar), (head, front))
    parts += [_rod(start, end, 0.016, frame) for start, end in tubes]
    for z in (-0.05, 0.05):
        parts.append(_rod((rear[0], rear[1], z), (crank[0], crank[1], z / 2), 0.009, frame))
        parts.append(_rod((rear[0], rear[1], z), (-0.2, 0.7, z / 4), 0.008, frame))
        parts.append(_rod((front[0], front[1], z), (0.4, 0.66, z), 0.011, frame))
        grip = (bar[0] - 0.14, bar[1] + 0.02, 6 * z)
        parts.append(
            tube([(*bar, 0.011), (bar[0], bar[1] + 0.03, 4 * z, 0.011), (*grip, 0.014)], tyre, 8, 10)
        )
        turn = rng.uniform(0, 2 * np.pi)
        x, y = 0.17 * np.cos(turn) * np.sign(z), 0.17 * np.sin(turn) * np.sign(z)
        pedal = (crank[0] + x, crank[1] + y, 1.6 * z)
        parts.append(_rod((crank[0], crank[1], z), pedal, 0.008, bright))
        parts.append(ellipsoid((pedal[0], pedal[1], 2.4 * z), (0.045, 0.012, 0.04), tyre, rings=8))
    parts.append(wheel((crank[0], crank[1], 0.05), 0.085, 0.006, bright, 6))
    parts.append(ellipsoid((saddle[0], saddle[1] + 0.02, 0), (0.13, 0.035, 0.07), tyre))
    if rng.random() < 0.35:
        basket = cloth(rng)
        parts.append(box((0.42, 0.72, -0.15), (0.68, 0.95, 0.15), basket))
    return parts


def bin_or_bollard(rng: np.random.Generator) -> list[Solid]:
    """A litter bin, a post with a round head, or a hydrant's outline."""
    material = plain(rng, (0.2, 0.6)) if rng.random() < 0.6 else metal(rng)
    radius, height = rng.uniform(0.07, 0.26), rng.uniform(0.6, 1.1)
    parts = [
        tube([(0, 0, 0, radius * 1.15), (0, 0.05, 0, radius * 1.15), (0, 0.06, 0, radius)], material, 28),
        tube([(0, 0.04, 0, radius), (0, height, 0, radius * rng.uniform(0.8, 1.1))], material, 28),
        ellipsoid((0, height, 0), (radius, radius * rng.uniform(0.3, 0.9), radius), material),
    ]
    band = plain(rng, (0.2, 0.6))
    at = height * rng.uniform(0.5, 0.85)
    parts.append(tube([(0, at, 0, radius * 1.12), (0, at + 0.06, 0, radius * 1.12)], band, 28))
    return parts
