# SPDX-License-Identifier: GPL-3.0-or-later
"""Exact distances from points to the surface of a triangle mesh, not to its samples or corners."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Floats = NDArray[np.float64]
_PAIRS = 1 << 18  # point-triangle pairs at a time: about 150 MB of float64 work


class Surface:
    """A surface to which the distances of many points are asked.

    Triangles are cut into pieces whose centres go into a KD-tree, each with the radius that holds the piece.
    """

    def __init__(self, triangles: NDArray[np.floating[Any]]) -> None:
        """triangles (F, 3 corners, 3), F >= 1; those without area count as segments or points."""
        self.corners: Floats = np.asarray(triangles, np.float64)
        centres, self.owner, self.radius = _pieces(self.corners)
        self.reach = float(self.radius.max())
        self.tree = cKDTree(centres)

    def distance(self, points: NDArray[np.floating[Any]]) -> Floats:
        """Distance of each point (N, 3) to the nearest triangle: (N,) float64, in their unit, never negative.

        A piece at least (its centre's distance - its radius) away cannot come closer than the best found.
        Where that is so for the k-th nearest centre and the largest radius, no piece that was not looked at
        can; k grows until then, so the answer is exact.
        """
        asked: Floats = np.asarray(points, np.float64)
        best = np.full(len(asked), np.inf)
        pieces = len(self.owner)
        left, count = np.arange(len(asked)), min(8, pieces)
        while len(left):
            unproven = []
            for some in np.array_split(left, -(-len(left) * count // _PAIRS)):
                far, near = self.tree.query(asked[some], k=np.arange(1, count + 1))
                self._improve(best, asked, some, near[:, 0])
                rows, columns = np.nonzero(far - self.radius[near] < best[some, None])
                self._improve(best, asked, some[rows], near[rows, columns])
                unproven.append(some[far[:, -1] - self.reach < best[some]])
            if count == pieces:
                break
            left, count = np.concatenate(unproven), min(4 * count, pieces)
        return best

    def _improve(
        self, best: Floats, points: Floats, which: NDArray[np.intp], pieces: NDArray[np.intp]
    ) -> None:
        """Take the distances of the points `which` (M,) to the triangles of `pieces` (M,) into account."""
        found = _distance(points[which], self.corners[self.owner[pieces]])
        np.minimum.at(best, which, found)


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
