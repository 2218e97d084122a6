"""Hair as one closed shell round the head: cropped, long on the shoulders, or a knitted cap."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi, radians, sin

import numpy as np

from .body import skin
from .kit import Kit
from .noise import fractal
from .topology import FloatArray, IntArray

CAP_ROWS, FALL_ROWS, COLUMNS = 26, 26, 72


@dataclass(frozen=True)
class Hair:
    """vertices (V, 3) posed metres; faces (F, 3); strand (V, 2): radians round the head, row in [0, 1]."""

    vertices: FloatArray
    faces: IntArray
    strand: FloatArray


def grow_hair(
    rng: np.random.Generator,
    kit: Kit,
    rest: FloatArray,
    transforms: FloatArray,
    length: float,
    thickness: float,
) -> Hair:
    """Hair that hangs `length` metres below the ears, `thickness` metres thick; rest (19158, 3) unposed."""
    body = kit.body
    skin_rest = rest[kit.skin_ids]
    head_weight = body.weights[kit.skin_ids, body.bone["head"]]
    head = skin_rest[head_weight > 0.6]
    torso = skin_rest[(kit.skin_landmarks.arm < 0.2) & (head_weight < 0.9)]
    centre = np.array(
        [0.0, (head[:, 1].max() + head[:, 1].min()) / 2 + 0.005, head[:, 2].max() - 0.115], np.float32
    )
    to_head = head - centre
    radius = np.linalg.norm(to_head, axis=1)
    direction = to_head / radius[:, None]
    seed = int(rng.integers(1 << 20))
    hairline = rng.uniform(48, 62)
    parting = [0, hairline - 1, hairline + 4, 70, 82, 95, 130]
    opening = [0, 0, 30, 56, 66, 82, 100 if length < 0.1 else 88]

    def skull(d: FloatArray) -> FloatArray:
        weight = np.exp((d @ direction.T - 1) * 220) * (radius > 0.06)
        distance: FloatArray = (weight * radius).sum(1) / np.maximum(weight.sum(1), 1e-6)
        return distance

    outer, inner, strand, on_head = [], [], [], []
    for row in range(CAP_ROWS + FALL_ROWS):
        fall = max(0, row - CAP_ROWS + 1) / FALL_ROWS
        down = fall * max(length, 0.05)
        polar = 90 * (row + 0.3) / CAP_ROWS if row < CAP_ROWS else 90 + min(40, down / 0.1 * 40)
        half_gap = radians(float(np.interp(polar, parting, opening)))
        angle = np.linspace(half_gap, 2 * pi - half_gap, COLUMNS)
        flat = np.stack([np.sin(angle), -np.cos(angle), 0 * angle], 1)
        wave = fractal(np.stack([angle * 3, np.full(COLUMNS, polar * 0.06), 0 * angle], 1), 2, seed)
        if row < CAP_ROWS:
            ray = flat * sin(radians(polar)) + np.array([0, 0, cos(radians(polar))])
            scalp = skull(ray)
            reach = scalp + thickness * (1 + 0.35 * wave) * (0.35 + 0.65 * min(1, polar / 40))
            outer.append(centre + ray * reach[:, None])
            inner.append(centre + ray * (scalp - 0.015)[:, None])
        else:
            z = centre[2] - down
            around = np.concatenate(
                [torso[np.abs(torso[:, 2] - z) < 0.02], head[np.abs(head[:, 2] - z) < 0.015]]
            )
            offset = around[:, :2] - centre[:2]
            distance = np.linalg.norm(offset, axis=1)
            facing = flat[:, :2] @ (offset / np.maximum(distance[:, None], 1e-6)).T > 0.97
            blocked = np.where(facing, distance, 0).max(1, initial=0.0)
            fallen = np.maximum(reach * (1 - 0.25 * fall), np.minimum(blocked + 0.012, reach * 1.25))
            fallen = fallen + thickness * 0.5 * wave
            for ring, distance_out in ((outer, fallen), (inner, np.maximum(fallen - 0.03, 0.02))):
                ring.append(
                    np.column_stack([centre[:2] + flat[:, :2] * distance_out[:, None], np.full(COLUMNS, z)])
                )
        strand.append(np.stack([angle, np.full(COLUMNS, row / (CAP_ROWS + FALL_ROWS))], 1))
        on_head.append(np.full(COLUMNS, max(0.0, 1 - 4 * down)))
    vertices = np.concatenate(outer + inner).astype(np.float32)
    share = np.concatenate(on_head * 2)
    weights = np.zeros((len(vertices), len(body.parents)), np.float32)
    weights[:, body.bone["head"]] = share
    weights[:, body.bone["neck01"]] = weights[:, body.bone["spine01"]] = (1 - share) / 2
    faces = _shell(vertices)
    return Hair(skin(vertices, weights, transforms), faces, np.concatenate(strand * 2).astype(np.float32))


def _shell(vertices: FloatArray) -> IntArray:
    """Faces of two parallel grids (outer, inner) joined along their common border, oriented outward."""
    rows = CAP_ROWS + FALL_ROWS
    grid = np.arange(rows * COLUMNS).reshape(rows, COLUMNS)
    a, b, c, d = (g.reshape(-1) for g in (grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]))
    outside = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    rim = np.concatenate([grid[0], grid[1:, -1], grid[-1, -2::-1], grid[-2:0:-1, 0]])
    after, below = np.roll(rim, -1), rows * COLUMNS
    side = np.concatenate(
        [np.stack([after, rim, rim + below], 1), np.stack([after, rim + below, after + below], 1)]
    )
    faces = np.concatenate([outside, outside[:, [0, 2, 1]] + below, side])
    corner = vertices[faces]
    volume = np.einsum("fc,fc->", corner[:, 0], np.cross(corner[:, 1], corner[:, 2]))
    return faces if volume > 0 else faces[:, [0, 2, 1]]
