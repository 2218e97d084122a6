# SPDX-License-Identifier: GPL-3.0-or-later
"""Exact distances from points to the surface of a triangle mesh, not to its samples or corners."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Floats = NDArray[np.float64]
_PAIRS = 1 << 18  # point-triangle pairs at a time: about 150 MB of float64 work


def surface_distance(points: NDArray[np.floating[Any]], triangles: NDArray[np.floating[Any]]) -> Floats:
    """Distance of each point (N, 3) to the nearest of triangles (F, 3 corners, 3), F >= 1: (N,) float64, in
    their unit, never negative. Triangles without area count as the segments or points they are.

    Triangles are cut into pieces whose centres go into a KD-tree; no point of a piece is farther from its
    centre than r. Where u is the least distance found among the pieces with the k nearest centres, any piece
    not looked at is at least (k-th centre's distance - r) away; k grows until that is u or more, so the
    answer is exact.
    """
    corners: Floats = np.asarray(triangles, np.float64)
    centres, owner, reach = _pieces(corners)
    tree = cKDTree(centres)
    best = np.full(len(points), np.inf)
    left, count = np.arange(len(points)), min(8, len(centres))
    while len(left):
        unproven = []
        for some in np.array_split(left, -(-len(left) * count // _PAIRS)):
            far, near = tree.query(points[some], k=np.arange(1, count + 1))
            pairs = corners[owner[near]].reshape(-1, 3, 3)
            found = _distance(np.repeat(points[some].astype(np.float64), count, axis=0), pairs)
            best[some] = found.reshape(-1, count).min(axis=1)
            unproven.append(some[far[:, -1] - reach < best[some]])
        if count == len(centres):
            break
        left, count = np.concatenate(unproven), min(4 * count, len(centres))
    return best


def _pieces(triangles: Floats) -> tuple[Floats, NDArray[np.intp], float]:
    """Centres (P, 3) of pieces, the triangle (P,) each is of, and the radius that holds every piece.

    Triangles much longer than the mean are halved along their longest edge: one long triangle would
    otherwise make the radius, and with it the search of every point, as large as itself.
    """
    pieces, owner = triangles, np.arange(len(triangles))
    a, b, c = np.moveaxis(triangles, 1, 0)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2
    limit = 1.5 * np.sqrt(area / len(triangles))
    while True:
        centres = pieces.mean(axis=1)
        radius = np.linalg.norm(pieces - centres[:, None], axis=2).max(axis=1)
        long = np.flatnonzero(radius > limit)
        # thin triangles without end are not worth cutting: the radius that is left stays a valid bound
        if not len(long) or len(pieces) > 4 * len(triangles) + 1000:
            return centres, owner, float(radius.max())
        cut = pieces[long]
        edge = np.linalg.norm(np.roll(cut, -1, axis=1) - cut, axis=2).argmax(axis=1)
        order = (edge[:, None] + np.arange(3)) % 3
        p, q, r = np.moveaxis(np.take_along_axis(cut, order[..., None], axis=1), 1, 0)
        middle = (p + q) / 2
        pieces = pieces.copy()
        pieces[long] = np.stack([p, middle, r], axis=1)
        pieces = np.concatenate([pieces, np.stack([middle, q, r], axis=1)])
        owner = np.concatenate([owner, owner[long]])


def _distance(points: Floats, triangles: Floats) -> Floats:
    """Distance of each point (N, 3) to its own triangle (N, 3, 3): (N,)."""
    a, b, c = np.moveaxis(triangles, 1, 0)
    normal = np.cross(b - a, c - a)
    squared = np.full(len(points), np.inf)
    over = np.ones(len(points), bool)
    for p, q in ((a, b), (b, c), (c, a)):
        edge, out = q - p, points - p
        length = _dot(edge, edge)
        along = np.clip(_dot(out, edge) / np.where(length == 0, 1, length), 0, 1)
        off = out - along[:, None] * edge
        squared = np.minimum(squared, _dot(off, off))
        over &= _dot(np.cross(edge, out), normal) >= 0
    area = _dot(normal, normal)
    flat = over & (area > 0)  # the foot of the perpendicular lies inside the triangle
    height = _dot(points - a, normal) ** 2 / np.where(area > 0, area, 1)
    return np.asarray(np.sqrt(np.where(flat, np.minimum(squared, height), squared)))


def _dot(u: Floats, v: Floats) -> Floats:
    return np.asarray(np.einsum("ij,ij->i", u, v))
