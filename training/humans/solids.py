# SPDX-License-Identifier: GPL-3.0-or-later
"""Closed surfaces from rings: lofts, tubes and bands, for hair, hats, bags and glasses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .topology import FloatArray, IntArray, boundary


@dataclass(frozen=True)
class Solid:
    """A closed surface that faces outward: vertices (V, 3) in metres, faces (F, 3)."""

    vertices: FloatArray
    faces: IntArray


def volume(vertices: FloatArray, faces: IntArray) -> float:
    """Signed volume in cubic metres; positive where a closed surface faces outward."""
    a, b, c = (vertices[faces[:, k]].astype(np.float64) for k in range(3))
    return float(np.einsum("fc,fc->", a, np.cross(b, c)) / 6)


def outward(vertices: FloatArray, faces: IntArray) -> Solid:
    """A closed surface, turned inside out where it faces inward."""
    faces = faces if volume(vertices, faces) >= 0 else faces[:, [0, 2, 1]]
    return Solid(vertices.astype(np.float32), faces)


def loft(rings: FloatArray, endless: bool = False) -> Solid:
    """The surface through rings (R, C, 3), closed by a fan at either end, or to a torus if `endless`."""
    count, columns = rings.shape[:2]
    grid = np.arange(count * columns).reshape(count, columns)
    below = np.roll(grid, -1, axis=0) if endless else grid[1:]
    above = grid if endless else grid[:-1]
    a, b = above.reshape(-1), np.roll(above, -1, axis=1).reshape(-1)
    d, c = below.reshape(-1), np.roll(below, -1, axis=1).reshape(-1)
    faces = [np.stack([a, b, c], 1), np.stack([a, c, d], 1)]
    vertices = rings.reshape(-1, 3)
    if not endless:
        for ring, tip, order in ((grid[0], len(vertices), -1), (grid[-1], len(vertices) + 1, 1)):
            loop = ring[::order]
            faces.append(np.stack([loop, np.roll(loop, -1), np.full(columns, tip)], 1))
        vertices = np.concatenate([vertices, rings[[0, -1]].mean(1)])
    return outward(vertices, np.concatenate(faces))


def sheet(outer: FloatArray, inner: FloatArray, faces: IntArray) -> Solid:
    """The solid between two surfaces (V, 3) with the same open mesh, joined along all of its borders."""
    below = len(outer)
    p, q = boundary(faces).T
    rim = [np.stack([q, p, p + below], 1), np.stack([q, p + below, q + below], 1)]
    return outward(np.concatenate([outer, inner]), np.concatenate([faces, faces[:, ::-1] + below, *rim]))


def grid_faces(rows: int, columns: int) -> IntArray:
    """Triangles (F, 3) of an open grid, numbered row by row."""
    grid = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = (g.reshape(-1) for g in (grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]))
    return np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


def profiled(path: FloatArray, across: FloatArray, profile: FloatArray) -> FloatArray:
    """Rings (R, C, 3) of a profile that is carried along a path (R, 3).

    across (R, 3): where the profile's first axis points, made perpendicular to the path; profile (R, C, 2)
    metres along that axis and along the one across both.
    """
    along = np.gradient(path, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    across = across - np.einsum("rc,rc->r", across, along)[:, None] * along
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
    third = np.cross(along, across)
    rings: FloatArray = path[:, None] + profile[..., :1] * across[:, None] + profile[..., 1:] * third[:, None]
    return rings


def circles(radii: FloatArray, columns: int, flat: float = 1.0) -> FloatArray:
    """Profiles (R, columns, 2) of radii (R,) metres; the second axis is `flat` times as long."""
    angle = np.linspace(0, 2 * np.pi, columns, endpoint=False)
    profile: FloatArray = radii[:, None, None] * np.stack([np.cos(angle), flat * np.sin(angle)], 1)
    return profile


def rounded_box(
    half: tuple[float, float, float], power: float = 4.0, rows: int = 14, columns: int = 28
) -> Solid:
    """A superellipsoid: half sizes in metres along x, y, z; `power` 2 is an ellipsoid, more is boxier."""
    polar = np.linspace(0, np.pi, rows + 2)[1:-1, None]
    angle = np.linspace(0, 2 * np.pi, columns, endpoint=False)[None]
    ball = np.stack(
        [np.sin(polar) * np.cos(angle), np.sin(polar) * np.sin(angle), np.cos(polar) + 0 * angle], 2
    )
    ball /= (np.abs(ball) ** power).sum(2, keepdims=True) ** (1 / power)
    return loft(ball * np.array(half))
