# SPDX-License-Identifier: GPL-3.0-or-later
"""Glasses as closed parts that are fixed to the head."""

from __future__ import annotations

import numpy as np

from .locks import Locks
from .solids import Solid, circles, loft, profiled
from .topology import FloatArray


def make_glasses(
    rng: np.random.Generator, locks: Locks, eyes: FloatArray, dark: bool
) -> list[tuple[Solid, bool]]:
    """Glasses before eyes at rest (2, 3): rims, bridge and temples, and the lenses where they are dark.

    Returns posed closed parts, and whether each is a lens.
    """
    skull, size = locks.skull, locks.skull.size
    width, height = rng.uniform(0.022, 0.026) * size, rng.uniform(0.016, 0.022) * size
    power, thick = rng.uniform(2, 4), rng.uniform(0.0009, 0.0024)
    angle = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    shape = np.stack([np.cos(angle), np.sin(angle)], 1)
    shape /= (np.abs(shape) ** power).sum(1, keepdims=True) ** (1 / power)
    front = eyes[:, 1].min() - 0.026 * size
    parts: list[tuple[Solid, bool]] = []
    for eye in eyes:
        outline = np.stack(
            [
                eye[0] * 1.04 + width * shape[:, 0],
                0 * angle + front,
                eye[2] - 0.004 * size + height * shape[:, 1],
            ],
            1,
        )
        # rims wrap a little round the face
        outline[:, 1] += 3.2 * outline[:, 0] ** 2
        after = np.roll(outline, -1, axis=0) - np.roll(outline, 1, axis=0)
        out = np.cross(after, [0.0, 1.0, 0.0])
        out /= np.linalg.norm(out, axis=1, keepdims=True)
        turn = np.linspace(0, 2 * np.pi, 6, endpoint=False)
        rings = outline[:, None] + thick * (
            np.cos(turn)[:, None] * out[:, None] + np.sin(turn)[:, None] * np.array([0, 1.0, 0])
        )
        parts.append((loft(rings, endless=True), False))
        if dark:
            lens = np.stack([outline + [0, 0.0006, 0], outline - [0, 0.0006, 0]])
            parts.append((loft(lens), True))
        sign = np.sign(eye[0])
        hinge = outline[np.argmax(sign * outline[:, 0])]
        ear = np.array([sign * 0.079 * size, skull.centre[1] + 0.018 * size, eye[2] + 0.004])
        ray = (ear - skull.centre) / np.linalg.norm(ear - skull.centre)
        ear = skull.centre + ray * (skull.radius(ray[None]) + 0.001)
        bend = ear + np.array([0, 0.012, -0.02]) * size
        parts.append(
            (
                _wire(
                    np.stack([hinge, hinge * 0.5 + ear * 0.5 + [sign * 0.004, 0, 0.001], ear, bend]), thick
                ),
                False,
            )
        )
    inner = eyes[:, 0] * 1.04 - np.sign(eyes[:, 0]) * width
    bridge = np.stack(
        [np.linspace(inner[0], inner[1], 5), np.full(5, front), np.full(5, eyes[:, 2].mean())], 1
    )
    bridge += np.array([0, -0.5, 1.0]) * 0.003 * np.array([0, 0.8, 1, 0.8, 0])[:, None]
    parts.append((_wire(bridge, thick), False))
    return [(Solid(locks.posed(p.vertices).astype(np.float32), p.faces), lens) for p, lens in parts]


def _wire(path: FloatArray, thick: float) -> Solid:
    return loft(
        profiled(path, np.tile([0.2, 0.1, 1.0], (len(path), 1)), circles(np.full(len(path), thick), 6))
    )
