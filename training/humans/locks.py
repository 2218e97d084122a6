# SPDX-License-Identifier: GPL-3.0-or-later
"""Hair that hangs on the posed head and shoulders: a curtain from the parting, a ponytail, a bun."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import cKDTree

from .head import Skull, ray_of
from .kit import kit
from .noise import fractal, smoothstep
from .solids import Solid, circles, grid_faces, loft, profiled, rounded_box, sheet
from .topology import FloatArray, vertex_normals

ROWS, COLUMNS, HEAD_ROWS = 40, 96, 18
REACH = 0.08
"""Metres from the nearest skin beyond which nothing is inside."""
CLOTH = 0.012
"""Metres that clothes are taken to be thick under hair."""
STEP = 0.012
"""Metres between the rings of a ponytail."""


@dataclass(frozen=True)
class Flesh:
    """What hair and bags lie on: points of the posed skin (N, 3), their normals (N, 3), and which of them are
    dressed (N,)."""

    points: FloatArray
    normals: FloatArray
    dressed: NDArray[np.bool_]

    @cached_property
    def surface(self) -> FloatArray:
        """The skin (N, 3), moved out to the clothes where it is dressed."""
        return self.points + CLOTH * self.dressed[:, None] * self.normals

    @cached_property
    def tree(self) -> cKDTree:
        """Nearest points of `surface`."""
        return cKDTree(self.surface)

    def pushed_out(self, at: FloatArray, clear: FloatArray | float) -> FloatArray:
        """Points (M, 3) moved along the nearest normal until they are `clear` metres off skin and clothes."""
        distance, nearest = self.tree.query(at)
        height = np.einsum("vc,vc->v", at - self.surface[nearest], self.normals[nearest])
        depth = np.where(distance < REACH, np.maximum(clear - height, 0), 0)
        moved: FloatArray = at + depth[:, None] * self.normals[nearest]
        return moved

    def normals_at(self, at: FloatArray) -> FloatArray:
        """The normals (M, 3) of the surface nearest to points (M, 3)."""
        nearest: FloatArray = self.normals[self.tree.query(at)[1]]
        return nearest

    def fall(
        self, start: FloatArray, heading: FloatArray, aside: FloatArray, step: FloatArray, count: int
    ) -> FloatArray:
        """Strands (count, M, 3) that hang from `start` (M, 3), which is not part of them.

        They set out along `heading` (M, 3), soon hang down in points `step` (M,) metres apart, and slide
        `aside` (M, 3) along whatever they meet.
        """
        strands, at, touching = [], start, np.zeros(len(start))
        for _ in range(count):
            pull = np.array([0, 0, -1.0]) + (0.08 + 0.7 * touching[:, None]) * aside
            heading = 0.5 * heading + 0.5 * pull
            heading = heading / np.maximum(np.linalg.norm(heading, axis=1, keepdims=True), 1e-9)
            free = at + step[:, None] * heading
            along = self.pushed_out(free, 0.006) - at
            touching = np.minimum(np.linalg.norm(along - step[:, None] * heading, axis=1) / (0.2 * step), 1)
            heading = along / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
            at = at + step[:, None] * heading
            strands.append(at)
        return np.stack(strands)


@dataclass(frozen=True)
class Locks:
    """The head that hair hangs from: its skull, the body at rest (19158, 3), the bones' transforms (J, 3, 4),
    and what it lies on."""

    skull: Skull
    rest: FloatArray
    transforms: FloatArray
    flesh: Flesh

    def posed(self, at: FloatArray) -> FloatArray:
        """Points (..., 3) that are fixed to the head at rest, in the pose."""
        turn = self.transforms[kit().body.bone["head"]]
        moved: FloatArray = at @ turn[:, :3].T + turn[:, 3]
        return moved


def curtain(
    rng: np.random.Generator, locks: Locks, length: float, wave: float, thick: float
) -> tuple[Solid, FloatArray]:
    """Hair combed from a parting down both sides, `length` metres below the ears, draped."""
    skull = locks.skull
    seed = int(rng.integers(1 << 20))
    part = rng.uniform(-0.35, 0.35)
    along = np.linspace(-1, 1, COLUMNS)
    side, share = np.sign(along), np.abs(along)
    # from the whorl at the back to the hairline at the front
    back = smoothstep(share, 0.0, 0.75)
    polar = np.radians(-22 + back * rng.uniform(64, 72))
    start = np.stack([part * np.abs(np.sin(polar)), -np.sin(polar), np.cos(polar)], 1)
    start /= np.linalg.norm(start, axis=1, keepdims=True)
    face = rng.uniform(66, 84)
    azimuth = np.radians(180 - share**1.15 * (180 - face)) * side
    ends = ray_of(np.full(COLUMNS, np.radians(90)), azimuth)
    lobe = np.linspace(0, 1, HEAD_ROWS)[:, None, None]
    ray = start * (1 - lobe) + ends * lobe
    ray[..., 2] += 0.25 * np.sin(lobe[..., 0] * np.pi) * share**2
    ray /= np.linalg.norm(ray, axis=2, keepdims=True)
    radius = skull.radius(ray.reshape(-1, 3)).reshape(HEAD_ROWS, COLUMNS)
    lift = thick * (0.3 + 0.7 * smoothstep(np.linspace(0, 1, HEAD_ROWS), 0.0, 0.5))[:, None]
    upper = skull.centre + ray * (radius + lift)[..., None]
    uneven = 1 + 0.1 * fractal(np.stack([along * 9, 0 * along, 0 * along], 1), 2, seed)
    lengths = (length + 0.02) * uneven * (1 - rng.uniform(0, 0.35) * share**3)
    # on the shoulders hair slides to the back or, of some, to the front
    left, right = rng.random(2) < 0.35
    forward = np.where(side > 0, left, right) * smoothstep(share, 0.55, 0.75)
    trunk = locks.transforms[kit().body.bone["spine02"], :, :3]
    aside = np.stack([0.25 * side * (1 - forward), 1 - 2 * forward, 0 * side], 1) @ trunk.T
    count = ROWS - HEAD_ROWS
    head = locks.posed(upper)
    fallen = locks.flesh.fall(head[-1], head[-1] - head[-2], aside, lengths / count, count)
    fallen = gaussian_filter1d(fallen, 1.2, axis=1, mode="nearest")
    middle = np.concatenate([head, fallen]).reshape(-1, 3).astype(np.float32)
    middle[head[..., 0].size :] = locks.flesh.pushed_out(middle[head[..., 0].size :], 0.003)
    faces = grid_faces(ROWS, COLUMNS)
    rays = locks.posed(ray.reshape(-1, 3)) - locks.posed(np.zeros(3))
    if np.einsum("vc,vc->", vertex_normals(middle, faces)[: len(rays)], rays) < 0:
        faces = faces[:, ::-1]
    row = np.repeat(np.arange(ROWS), COLUMNS)
    hanging = np.maximum(row - HEAD_ROWS + 1, 0) / count
    column = np.tile(along, ROWS)
    steps = np.linalg.norm(np.diff(middle.reshape(ROWS, COLUMNS, 3), axis=0), axis=2).mean(1)
    metres = np.repeat(np.cumsum(np.concatenate([[0], steps])), COLUMNS)
    # normals are those of its rays at first: where the columns meet at the whorl the sheet has none
    normal = vertex_normals(middle, faces)
    normal[: len(rays)] += 3 * (1 - smoothstep(row[: len(rays)] / HEAD_ROWS, 0.1, 0.7))[:, None] * rays
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    grooves = fractal(np.stack([column * 34, metres * 3, 0 * column], 1), 2, seed + 1)
    lock = fractal(np.stack([column * 8, 0 * column, 0 * column], 1), 1, seed + 2)
    waves = wave * np.sin(metres * 2 * np.pi / 0.085 + 2.5 * lock) * smoothstep(metres, 0.06, 0.16)
    tip = 1 - 0.75 * smoothstep(row / ROWS, 0.75, 1.0)
    edge = 0.35 + 0.65 * smoothstep(1 - np.abs(column), 0.0, 0.12)
    half = 0.5 * thick * tip * edge
    outer = middle + normal * (waves + half * (1 + 0.5 * grooves))[:, None]
    inner = middle + normal * (waves - np.where(hanging > 0, half, 1.2 * thick))[:, None]
    strand = np.stack([column * 40, metres], 1)
    return sheet(outer, inner, faces), np.concatenate([strand, strand])


def tail(rng: np.random.Generator, locks: Locks, length: float, wave: float) -> tuple[Solid, FloatArray]:
    """A ponytail from the back of the head."""
    skull = locks.skull
    ray = ray_of(np.radians(rng.uniform(60, 108)), np.radians(180.0))
    root = skull.centre + ray * skull.radius(ray[None])
    start, ahead = locks.posed(root), locks.posed(root + ray) - locks.posed(root)
    count = int((length + 0.06) / STEP)
    at, heading, path = start - 0.01 * ahead, ahead, []
    for number in range(count):
        path.append(at)
        heading = heading + np.array([0, 0, -0.28]) * (number > 1)
        heading /= np.linalg.norm(heading)
        at = at + STEP * heading
    share = np.linspace(0, 1, count)
    radii = 0.013 + 0.016 * np.sin(np.pi * smoothstep(share, -0.1, 1.15)) - 0.009 * smoothstep(share, 0.6, 1)
    line = np.array(path)
    for _ in range(3):
        line[2:] = locks.flesh.pushed_out(line[2:], 0.8 * radii[2:])
        line[2:-1] += 0.4 * ((line[1:-2] + line[3:]) / 2 - line[2:-1])
    columns = 24
    angle = np.linspace(0, 2 * np.pi, columns, endpoint=False)
    field = np.stack(
        [
            np.tile(3 * np.cos(angle), (count, 1)),
            np.tile(3 * np.sin(angle), (count, 1)),
            np.tile(share[:, None] * length * 8, (1, columns)),
        ],
        2,
    ).reshape(-1, 3)
    seed = int(rng.integers(1 << 20))
    profile = circles(radii, columns, 0.75) * (1 + 0.25 * fractal(field, 2, seed).reshape(count, columns, 1))
    sway = wave * np.sin(share * length * 2 * np.pi / 0.085)[:, None]
    across = locks.posed(root + np.array([1.0, 0, 0])) - start
    solid = loft(profiled(line + sway * across, np.tile(across, (count, 1)), profile))
    strand = np.stack([np.tile(angle * 5, count), np.repeat(share * length, columns)], 1)
    return solid, np.concatenate([strand, strand[[0, -1]]])


def bun(rng: np.random.Generator, locks: Locks, low: bool) -> tuple[Solid, FloatArray]:
    """A knot of hair at the back of the head or on top of it; `low` at the nape, under a hat's brim."""
    skull = locks.skull
    ray = ray_of(np.radians(108.0 if low else rng.uniform(25, 105)), np.radians(180.0))
    size = rng.uniform(0.028, 0.044) * skull.size
    ball = rounded_box((size, size, 0.8 * size), 2.0, 22, 36)
    at = ball.vertices / size
    twist = np.arctan2(at[:, 1], at[:, 0]) + 2.5 * at[:, 2]
    seed = int(rng.integers(1 << 20))
    grooves = fractal(np.stack([3 * np.cos(twist), 3 * np.sin(twist), 2.2 * at[:, 2]], 1), 2, seed)
    lumpy = ball.vertices * (1 + 0.14 * grooves)[:, None]
    across = np.array([1.0, 0, 0])
    turn = np.stack([across, np.cross(ray, across), ray], 1)
    centre = skull.centre + ray * (skull.radius(ray[None]) + 0.55 * size)
    return Solid(locks.posed(lumpy @ turn.T + centre).astype(np.float32), ball.faces), np.stack(
        [twist * 6, at[:, 2]], 1
    )
