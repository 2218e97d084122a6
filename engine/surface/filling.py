# SPDX-License-Identifier: GPL-3.0-or-later
"""Thin parts of unsure depth, given back to the body: hands, wrists and ankles that the silhouette shows.

Where the networks see that somebody is there but not how deep, they spread a low occupancy along the whole
depth column, which nowhere passes 0.5: the part vanishes. Lowering the level in such columns gave sheets
along the depth, because a spread occupancy has no clear peak. So these columns get a round part as thick as
the silhouette is wide there, at the depth that their surer neighbours agree on. Columns of which the
networks are sure stay as they are, to the bit.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..space import camera_to_image, grid_to_camera, image_to_texel
from .field import LEVEL, Flags, Values

SURE, UNSURE = 0.65, 0.45
"""Highest occupancy of a depth column from which it stays as it is, and down from which it is filled."""
THICKEST = 0.06
"""Camera units, about 6 cm: half the thickness of what is filled, at most; a forearm has 4 to 5 cm."""
THIN, WIDE = 0.07, 0.11
"""Camera units, half the width of a part of the silhouette: up to THIN it may be filled, from WIDE on not. At
the rim of a torso the networks are unsure by rights: filling there drew a seam around coats."""
SOFTNESS = 0.012
"""Camera units over which the filled part's occupancy falls: about a grid cell at 256."""
NEIGHBOURS = 1.5
"""Nodes of the first grid, standard deviation: how far away surer columns are listened to."""


class Filling:
    """Fills unsure depth columns within a silhouette.

    person: (S, S) bool, rows from the top of the crop.
    """

    def __init__(self, person: Flags) -> None:
        self.side = person.shape[0]
        pixel = 2.0 / self.side
        within = cv2.distanceTransform(person.astype(np.uint8), cv2.DIST_L2, 5)
        beyond = cv2.distanceTransform((~person).astype(np.uint8), cv2.DIST_L2, 5)
        self._depth = ((within - beyond) * pixel).astype(np.float32)
        self._radius = np.clip(_widest(self._depth, round(THICKEST / pixel)), pixel, THICKEST)
        self._thin = np.clip((WIDE - _widest(self._depth, round(WIDE / pixel))) / (WIDE - THIN), 0, 1)
        self._grid: tuple[Values, Values] | None = None
        self._nodes = 0

    def learn(self, nodes: NDArray[np.integer[Any]], answers: Values, count: int) -> None:
        """Find out which columns are unsure, and how deep they should lie, from the first grid.

        nodes (N, 3): the grid's indices x, y, z in [0, count); answers (N,): occupancy there. Without any
        above 0.5 there is no body to complete: then nothing is filled.
        """
        self._grid, self._nodes = None, count
        if not (answers > LEVEL).any():
            return
        x, y = nodes[:, 0], nodes[:, 1]
        depth = grid_to_camera(nodes[:, 2], count)
        highest = np.zeros((count, count), dtype=np.float32)
        np.maximum.at(highest, (x, y), answers)
        # squared: what is likely counts for more than the long faint rest of the column
        weight = answers.astype(np.float64) ** 2
        weights = _summed(x, y, weight, count)
        middle = _summed(x, y, weight * depth, count) / np.maximum(weights, 1e-9)
        along = grid_to_camera(np.arange(count), count)
        points = np.stack([np.repeat(along, count), np.tile(along, count), np.zeros(count**2)], axis=1)
        points = points.astype(np.float32)
        thick = self._at(self._depth, points).reshape(count, count)
        inside = thick > 0
        # columns amid the body know the depth better than those at its rim
        trust = (inside * highest**2 * np.minimum(thick, THICKEST)).astype(np.float32) + np.float32(1e-9)
        agreed = _blurred(trust * middle) / _blurred(trust)
        thin = self._at(self._thin, points).reshape(count, count)
        unsure = np.clip((SURE - highest) / (SURE - UNSURE), 0, 1) * inside * thin
        self._grid = unsure.astype(np.float32), agreed.astype(np.float32)

    def fill(self, points: Values, answers: Values) -> Values:
        """The occupancy (N,) in [0, 1] of camera points (N, 3), the networks' own answers being (N,)."""
        if self._grid is None:
            return answers
        unsure = self._between(self._grid[0], points)
        chosen = np.flatnonzero(unsure > 0)
        if not chosen.size:
            return answers
        at, share = points[chosen], unsure[chosen]
        radius, edge = self._at(self._radius, at), self._at(self._depth, at)
        # a circle's half thickness so far from its edge; beyond the silhouette as much less than nothing
        inner = np.minimum(edge, radius)
        half = np.where(edge > 0, np.sqrt(np.maximum(inner * (2 * radius - inner), 0)), edge)
        away = np.abs(at[:, 2] - self._between(self._grid[1], at))
        part = 1 / (1 + np.exp(np.clip((away - half) / SOFTNESS, -30, 30)))
        filled = answers.copy()
        filled[chosen] = (1 - share) * answers[chosen] + share * part
        return filled

    def _at(self, picture: Values, points: Values) -> Values:
        """picture (S, S), between its pixels, at the pixels of camera points (N, 3)."""
        texel = image_to_texel(camera_to_image(points)[:, :2], self.side).astype(np.float32)
        return _bilinear(picture, texel)

    def _between(self, grid: Values, points: Values) -> Values:
        """grid (n, n) [x, y], between its nodes, at camera points (N, 3)."""
        node = ((points[:, :2].astype(np.float64) + 1) * (self._nodes / 2)).astype(np.float32)
        return _bilinear(grid.T, node)


def _widest(depth: Values, reach: int) -> Values:
    """The largest of depth (S, S) within so many pixels, smoothed."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return np.asarray(cv2.GaussianBlur(cv2.dilate(depth, kernel), (0, 0), reach / 2))


def _bilinear(picture: Values, at: Values) -> Values:
    """picture (h, w) at columns and rows (N, 2), the border repeated outside."""
    height, width = picture.shape
    first = np.clip(np.floor(at), 0, [width - 2, height - 2]).astype(np.intp)
    x, y = np.clip(at - first, 0, 1).T.astype(np.float32)
    column, row = first.T
    upper = picture[row, column] * (1 - x) + picture[row, column + 1] * x
    lower = picture[row + 1, column] * (1 - x) + picture[row + 1, column + 1] * x
    return np.asarray(upper * (1 - y) + lower * y)


def _summed(
    x: NDArray[np.integer[Any]], y: NDArray[np.integer[Any]], values: NDArray[np.float64], count: int
) -> NDArray[np.float64]:
    """(count, count): the sum of the values of each column."""
    sums = np.zeros((count, count))
    np.add.at(sums, (x, y), values)
    return sums


def _blurred(grid: NDArray[np.floating[Any]]) -> Values:
    return np.asarray(cv2.GaussianBlur(grid.astype(np.float32), (0, 0), NEIGHBOURS))
