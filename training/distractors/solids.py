# SPDX-License-Identifier: GPL-3.0-or-later
"""Boxes, tubes, ellipsoids and leaves, painted: what the things are put together from.

Frame of a thing: x right, y up, z to the viewer, metres. Vertices are float32 (V, 3), faces int64 (F, 3),
counter-clockwise seen from outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import PchipInterpolator

from ..humans.noise import fractal
from ..humans.topology import FloatArray, IntArray, triangles

Point = Sequence[float]
_CELL = 0.04  # metres between the painted points of a box: finer paint blurs


@dataclass(frozen=True)
class Material:
    """Two sRGB colours (3,) mixed by noise with `cells` lumps a metre along x, y and z; contrast: how sharply
    one gives way to the other; share: how far the mixture leans to the second, in [-1, 1]; gloss in [0, 1].
    """

    first: FloatArray
    second: FloatArray
    cells: tuple[float, float, float]
    contrast: float
    share: float
    gloss: float
    seed: int

    def paint(self, points: FloatArray) -> FloatArray:
        """Colours (V, 3) in [0, 1] at points (V, 3)."""
        lumps = fractal(points * np.array(self.cells), 3, self.seed)
        mix = np.clip(0.5 + 0.5 * self.share + self.contrast * lumps, 0, 1)[:, None]
        return np.asarray(np.clip(self.first + (self.second - self.first) * mix, 0, 1))


@dataclass(frozen=True)
class Solid:
    """vertices (V, 3), faces (F, 3), albedo (V, 3) sRGB in [0, 1], gloss in [0, 1]."""

    vertices: FloatArray
    faces: IntArray
    albedo: FloatArray
    gloss: float


def solid(vertices: FloatArray, faces: IntArray, material: Material) -> Solid:
    """A painted mesh."""
    return Solid(vertices, faces, material.paint(vertices), material.gloss)


def moved(things: list[Solid], turn: FloatArray, shift: Point = (0, 0, 0)) -> list[Solid]:
    """The solids turned by a rotation (3, 3) about the origin, then shifted; the paint goes with them."""
    return [replace(thing, vertices=thing.vertices @ turn.T + np.array(shift)) for thing in things]


def rotation(axis: int, degrees: float) -> FloatArray:
    """Rotation (3, 3) about x, y or z (0, 1, 2), counter-clockwise seen from the axis' tip."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.eye(3)
    matrix[i, i], matrix[i, j], matrix[j, i], matrix[j, j] = c, -s, s, c
    return matrix


def grid_faces(rows: int, columns: int, wrap: bool) -> IntArray:
    """Faces of a grid of rows x columns vertices, row-major; wrap: the last column meets the first."""
    i, j = np.meshgrid(np.arange(rows - 1), np.arange(columns - (not wrap)), indexing="ij")
    right = (j + 1) % columns
    corners = [i * columns + j, i * columns + right, (i + 1) * columns + right, (i + 1) * columns + j]
    return triangles(np.stack([corner.ravel() for corner in corners], axis=1))


def box(low: Point, high: Point, material: Material) -> Solid:
    """An axis-aligned box; its six sides share no vertices, so that the edges stay sharp."""
    start, size = np.array(low, float), np.subtract(high, low)
    counts = np.clip(np.ceil(size / _CELL), 2, 20).astype(int)
    vertices: list[FloatArray] = []
    faces: list[IntArray] = []
    total = 0
    for axis in range(3):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        steps = np.meshgrid(*(np.linspace(0, 1, counts[k] + 1) for k in (u, v)), indexing="ij")
        grid = grid_faces(counts[u] + 1, counts[v] + 1, wrap=False)
        for end in (0.0, 1.0):
            side = np.full((steps[0].size, 3), end)
            side[:, u], side[:, v] = steps[0].ravel(), steps[1].ravel()
            vertices.append(side)
            faces.append((grid if end == 0 else grid[:, ::-1]) + total)
            total += len(side)
    return solid(start + np.concatenate(vertices) * size, np.concatenate(faces), material)


def curve(knots: FloatArray, count: int) -> FloatArray:
    """(count, C) points along a smooth curve through the knots (K, C), without overshooting between them."""
    length = np.linalg.norm(np.diff(knots[:, :3], axis=0), axis=1).clip(1e-6)
    at = np.concatenate([[0], length.cumsum()])
    return np.asarray(PchipInterpolator(at, knots)(np.linspace(0, at[-1], count)))


def tube(
    knots: Sequence[Point], material: Material, sides: int = 12, steps: int = 0, rounded: bool = False
) -> Solid:
    """A closed tube through knots (x, y, z, radius) or (x, y, z, half width, half height).

    The width is measured across the path along z, or along x where the path runs along z. steps: points of a
    smooth curve through the knots; 0 keeps the knots and their edges. rounded: ends are domes, not flat.
    """
    path = np.array(knots, float)
    if path.shape[1] == 4:
        path = np.concatenate([path, path[:, 3:]], axis=1)
    if steps:
        path = curve(path, steps)
    tangent = np.gradient(path[:, :3], axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True).clip(1e-9)
    run = path[-1, :3] - path[0, :3]
    along_z = abs(run[2]) > 0.9 * np.linalg.norm(run)
    across = np.array([1.0, 0, 0]) if along_z else np.array([0, 0, 1.0])
    wide = across - tangent * (tangent @ across)[:, None]
    wide /= np.linalg.norm(wide, axis=1, keepdims=True).clip(1e-9)
    high = np.cross(wide, tangent)
    angle = np.arange(sides) / sides * 2 * np.pi
    ring = (
        wide[:, None] * path[:, None, 3:4] * np.cos(angle)[:, None]
        + high[:, None] * path[:, None, 4:5] * np.sin(angle)[:, None]
    )
    middle = path[:, None, :3]

    def end(index: int, sign: int) -> list[FloatArray]:
        """Rings from the end's edge to its tip."""
        if not rounded:
            # the edge is doubled, so that it stays sharp
            return [middle[index] + ring[index] * share for share in (1.0, 0.999, 1e-3)]
        reach = path[index, 3:].min() * tangent[index] * sign
        slopes = np.radians([30, 60, 89])
        return [middle[index] + ring[index] * np.cos(a) + reach * np.sin(a) for a in slopes]

    rings = [*end(0, -1)[::-1], *(middle + ring), *end(-1, 1)]
    vertices = np.concatenate(rings)
    faces = grid_faces(len(rings), sides, wrap=True)
    first, last = np.arange(sides), np.arange(sides) + len(vertices) - sides
    caps = [np.stack([cap[:1].repeat(sides - 2), cap[1:-1], cap[2:]], 1) for cap in (first[::-1], last)]
    return solid(vertices, np.concatenate([faces, *caps])[:, ::-1], material)


def wheel(centre: Point, radius: float, thickness: float, material: Material, sides: int = 8) -> Solid:
    """A ring in the plane of x and y."""
    around = np.arange(40) / 40 * 2 * np.pi
    section = np.arange(sides) / sides * 2 * np.pi
    reach = radius + thickness * np.cos(section)
    points = [
        reach * np.cos(around)[:, None],
        reach * np.sin(around)[:, None],
        np.broadcast_to(thickness * np.sin(section), (40, sides)),
    ]
    vertices = np.stack(points, axis=-1) + np.array(centre)
    vertices = np.concatenate([vertices, vertices[:1]]).reshape(-1, 3)
    return solid(vertices, grid_faces(41, sides, wrap=True)[:, ::-1], material)


def ellipsoid(centre: Point, radii: Point, material: Material, rough: float = 0.0, rings: int = 14) -> Solid:
    """rough: height of lumps on it, as a share of the radius."""
    polar = np.linspace(0.02, np.pi - 0.02, rings)[:, None]
    around = np.arange(2 * rings) / rings * np.pi
    unit = np.stack(
        [
            np.sin(polar) * np.cos(around),
            np.broadcast_to(np.cos(polar), (rings, 2 * rings)),
            np.sin(polar) * np.sin(around),
        ],
        axis=-1,
    ).reshape(-1, 3)
    lumps = 1 + rough * fractal(unit * 2.5, 3, material.seed)[:, None]
    return solid(
        unit * lumps * np.array(radii) + np.array(centre), grid_faces(rings, 2 * rings, True), material
    )


def leaf(points: FloatArray, material: Material, thickness: float = 0.004) -> Solid:
    """A thin sheet through a grid of points (R, C, 3), with a skin on either side."""
    rows, columns, _ = points.shape
    along, across = np.gradient(points, axis=(0, 1))
    normal = np.cross(across, along)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True).clip(1e-9)
    faces = grid_faces(rows, columns, wrap=False)
    skins = [(points + sign * thickness / 2 * normal).reshape(-1, 3) for sign in (1, -1)]
    return solid(np.concatenate(skins), np.concatenate([faces, faces[:, ::-1] + rows * columns]), material)


def furred(thing: Solid, height: float, cells: float, seed: int) -> Solid:
    """The solid with fur: tufts of `height` metres, `cells` a metre, light at the tips and dark between."""
    a, b, c = thing.vertices[thing.faces].transpose(1, 0, 2)
    normal = np.zeros_like(thing.vertices)
    for corner in range(3):
        np.add.at(normal, thing.faces[:, corner], np.cross(b - a, c - a))
    normal /= np.linalg.norm(normal, axis=1, keepdims=True).clip(1e-12)
    tufts = fractal(thing.vertices * cells, 2, seed)
    albedo = np.clip(thing.albedo * (1 + 0.3 * tufts[:, None]), 0, 1)
    return replace(thing, vertices=thing.vertices + normal * tufts[:, None] * height, albedo=albedo)
