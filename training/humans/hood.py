# SPDX-License-Identifier: GPL-3.0-or-later
"""A hood drawn up over the head, as one closed sheet round the skull that ends inside its top's neckline."""

from __future__ import annotations

import numpy as np

from .body import skin
from .kit import Kit
from .noise import fractal
from .topology import FloatArray, IntArray, close_sheet

ROWS, COLUMNS = 40, 64
LOWEST = 0.16
"""Metres below the head's centre where the hood ends, inside the neckline."""


def hood_over_head(
    rng: np.random.Generator, kit: Kit, rest: FloatArray, transforms: FloatArray
) -> tuple[FloatArray, IntArray, FloatArray]:
    """Vertices (V, 3) posed, faces (F, 3), and where each vertex is on the canonical body (V, 3), for one who
    has rest (19158, 3) unposed. Metres, z up."""
    body = kit.body
    weight = body.weights[kit.skin_ids, body.bone["head"]]
    head = rest[kit.skin_ids][weight > 0.6]
    centre = np.array([0, (head[:, 1].max() + head[:, 1].min()) / 2 + 0.01, head[:, 2].max() - 0.115])
    to_head = head - centre
    radius = np.linalg.norm(to_head, axis=1)
    ease, seed = rng.uniform(0.018, 0.03), int(rng.integers(1 << 20))
    rings = []
    for row in range(ROWS):
        polar = np.radians(2 + 88 * row / 22) if row < 22 else np.pi / 2
        down = LOWEST * max(0, row - 21) / (ROWS - 22)
        # the opening runs from the forehead past the cheeks to the throat
        half_gap = np.radians(np.interp(row, [0, 12, 15, 22, 31, ROWS - 1], [0, 0, 40, 66, 54, 14]))
        angle = np.linspace(half_gap, 2 * np.pi - half_gap, COLUMNS)
        flat = np.stack([np.sin(angle), -np.cos(angle), 0 * angle], 1)
        ray = flat * np.sin(polar) + np.array([0, 0, np.cos(polar)])
        near = np.exp((ray @ (to_head / radius[:, None]).T - 1) * 120)
        skull = (near * radius).sum(1) / near.sum(1)
        behind = np.clip(flat[:, 1], 0, 1) * np.sin(polar)
        folds = 0.006 * fractal(np.stack([angle * 2.2, np.full(COLUMNS, row * 0.16), 0 * angle], 1), 2, seed)
        narrow = np.interp(down, [0, 0.09, LOWEST], [1.0, 0.88, 0.86])
        reach = (np.maximum(skull, 0.09) + ease + 0.025 * behind + folds) * narrow
        rings.append(centre + ray * reach[:, None] - [0, 0, down])
    outer = np.concatenate(rings)
    grid = np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS)
    a, b, c, d = (g.reshape(-1) for g in (grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]))
    faces = np.concatenate([np.stack([a, c, b], 1), np.stack([a, d, c], 1)])
    axis = np.column_stack([np.zeros((len(outer), 2)) + centre[:2], outer[:, 2]])
    towards = np.where(outer[:, 2:] > centre[2], centre, axis) - outer
    inner = outer + 0.008 * towards / np.linalg.norm(towards, axis=1, keepdims=True)
    vertices, closed, source = close_sheet(outer, faces, inner)
    share = np.clip(1 - (centre[2] - vertices[:, 2]) / LOWEST, 0, 1)
    weights = np.zeros((len(vertices), len(body.parents)), np.float32)
    weights[:, body.bone["head"]] = share
    weights[:, body.bone["neck01"]] = weights[:, body.bone["spine01"]] = (1 - share) / 2
    canonical = outer - centre + kit.joints["eye.L"] * [0, 1, 1] + [0, 0.08, 0]
    return skin(vertices, weights, transforms), closed, canonical[source].astype(np.float32)
