# SPDX-License-Identifier: GPL-3.0-or-later
"""Exact distances from points to the surface of a triangle mesh, not to its samples or corners."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Floats = NDArray[np.float64]
_PAIRS = 1 << 19  # point-triangle pairs at a time: about 150 MB of float64 work


class Surface:
    """A surface to which the distances of many points are asked.

    Triangles are cut into pieces whose centres go into a KD-tree, each with the radius that holds the piece.
    """

    def __init__(self, triangles: NDArray[np.floating[Any]]) -> None:
        """triangles (F, 3 corners, 3), F >= 1; those without area count as segments or points."""
        self.corners: Floats = np.asarray(triangles, np.float64)
        centres, self.owner, self.radius = _pieces(self.corners)
        self.tree = cKDTree(centres)

    def distance(self, points: NDArray[np.floating[Any]]) -> Floats:
        """Distance of each point (N, 3) to the nearest triangle: (N,) float64, in their unit, never negative.

        The triangle of the nearest centre bounds it from above. No piece comes closer than its centre's
        distance less its radius, so those whose centres lie within the bound and the largest radius are all
        that have to be looked at, and the answer is exact.
        """
        asked: Floats = np.asarray(points, np.float64)
        best = _distance(asked, self.corners[self.owner[self.tree.query(asked)[1]]])
        reach = best + self.radius.max()
        running = self.tree.query_ball_point(asked, reach, return_length=True).cumsum()
        chunks = np.flatnonzero(np.diff(running // _PAIRS)) + 1
        for some in np.split(np.arange(len(asked)), chunks):
            near = self.tree.query_ball_point(asked[some], reach[some], return_sorted=False)
            piece = np.concatenate(near).astype(np.intp)
            point = np.repeat(some, [len(found) for found in near])
            away = asked[point] - self.tree.data[piece]
            closer = np.sqrt(_dot(away, away)) - self.radius[piece] < best[point]
            piece, point = piece[closer], point[closer]
            np.minimum.at(best, point, _distance(asked[point], self.corners[self.owner[piece]]))
        return best


def _pieces(triangles: Floats) -> tuple[Floats, NDArray[np.intp], Floats]:
    """Centres (P, 3) of pieces, the triangle (P,) each is of, and the radius (P,) that holds each.

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
            return centres, owner, radius
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
