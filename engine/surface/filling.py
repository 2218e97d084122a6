# SPDX-License-Identifier: GPL-3.0-or-later
"""Thin parts of unsure depth, given back to the body: hands, wrists and ankles that the silhouette shows.

Where the networks see that somebody is there but not how deep, they spread a low occupancy along the whole
depth column, which nowhere passes 0.5: the part vanishes. Lowering the level in such columns gave sheets
along the depth, because a spread occupancy has no clear peak. So these columns get a round part as thick as
the silhouette is wide there, at the depth that their surer neighbours agree on. Columns of which the
networks are sure stay as they are, to the bit.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..space import camera_to_grid, grid_to_camera, image_to_texel
from .field import LEVEL
from .meshes import summed

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

    person: (S, S) bool, rows from the top of the crop. device: where points are filled.
    """

    def __init__(self, person: NDArray[np.bool_], device: torch.device) -> None:
        self.side = person.shape[0]
        pixel = 2.0 / self.side
        within = cv2.distanceTransform(person.astype(np.uint8), cv2.DIST_L2, 5)
        beyond = cv2.distanceTransform((~person).astype(np.uint8), cv2.DIST_L2, 5)
        depth = ((within - beyond) * pixel).astype(np.float32)
        radius = np.clip(_widest(depth, round(THICKEST / pixel)), pixel, THICKEST)
        thin = np.clip((WIDE - _widest(depth, round(WIDE / pixel))) / (WIDE - THIN), 0, 1)
        self._depth, self._radius, self._thin = (
            torch.from_numpy(picture).to(device) for picture in (depth, radius, thin))
        self._grid: tuple[Tensor, Tensor] | None = None
        self._nodes = 0

    def learn(self, nodes: Tensor, answers: Tensor, count: int) -> None:
        """Find out which columns are unsure, and how deep they should lie, from the first grid.

        nodes (N, 3) int64: the grid's indices x, y, z in [0, count); answers (N,): occupancy there. Without
        any above 0.5 there is no body to complete: then nothing is filled.
        """
        self._grid, self._nodes = None, count
        if not (answers > LEVEL).any():
            return
        x, y, z = nodes.unbind(1)
        column = x * count + y
        highest = answers.new_zeros(count * count).scatter_reduce_(0, column, answers, "amax")
        # squared: what is likely counts for more than the long faint rest of the column
        weight = answers.double() ** 2
        weights = summed(column, weight, count * count)
        middle = summed(column, weight * grid_to_camera(z.double(), count), count * count)
        middle /= weights.clamp(min=1e-9)
        along = grid_to_camera(torch.arange(count, device=nodes.device).double(), count).float()
        points = torch.cartesian_prod(along, along)
        thick = self._at(self._depth, points)
        inside = thick > 0
        # columns amid the body know the depth better than those at its rim
        trust = inside * highest**2 * thick.clamp(max=THICKEST) + 1e-9
        agreed = _blurred(trust * middle, count) / _blurred(trust, count)
        unsure = ((SURE - highest) / (SURE - UNSURE)).clamp(0, 1) * inside * self._at(self._thin, points)
        self._grid = unsure.reshape(count, count), agreed

    def fill(self, points: Tensor, answers: Tensor) -> Tensor:
        """The occupancy (N,) in [0, 1] of camera points (N, 3), the networks' own answers being (N,)."""
        if self._grid is None:
            return answers
        unsure = self._between(self._grid[0], points)
        chosen = (unsure > 0).nonzero()[:, 0]
        if not len(chosen):
            return answers
        at, share = points[chosen], unsure[chosen]
        radius, edge = self._at(self._radius, at), self._at(self._depth, at)
        # a circle's half thickness so far from its edge; beyond the silhouette as much less than nothing
        inner = torch.minimum(edge, radius)
        half = torch.where(edge > 0, (inner * (2 * radius - inner)).clamp(min=0).sqrt(), edge)
        away = (at[:, 2] - self._between(self._grid[1], at)).abs()
        part = torch.sigmoid(((half - away) / SOFTNESS).clamp(-30, 30))
        filled = answers.clone()
        filled[chosen] = (1 - share) * answers[chosen] + share * part
        return filled

    def _at(self, picture: Tensor, points: Tensor) -> Tensor:
        """picture (S, S), between its pixels, at the pixels of camera points (N, 2 or 3)."""
        x, y = image_to_texel(points[:, 0], self.side), image_to_texel(-points[:, 1], self.side)
        return _bilinear(picture, x, y)

    def _between(self, grid: Tensor, points: Tensor) -> Tensor:
        """grid (n, n) [x, y], between its nodes, at camera points (N, 3)."""
        node = camera_to_grid(points[:, :2].double(), self._nodes).float()
        return _bilinear(grid, node[:, 1], node[:, 0])


def _widest(depth: NDArray[np.float32], reach: int) -> NDArray[np.float32]:
    """The largest of depth (S, S) within so many pixels, smoothed."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return np.asarray(cv2.GaussianBlur(cv2.dilate(depth, kernel), (0, 0), reach / 2))


def _bilinear(picture: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """picture (h, w) at columns x and rows y (N,), the border repeated outside."""
    height, width = picture.shape
    column, row = x.floor().clamp(0, width - 2).long(), y.floor().clamp(0, height - 2).long()
    x, y = (x - column).clamp(0, 1), (y - row).clamp(0, 1)
    flat, first = picture.reshape(-1), row * width + column
    upper, lower = (
        flat[start] * (1 - x) + flat[start + 1] * x for start in (first, first + width))
    return upper * (1 - y) + lower * y


def _blurred(values: Tensor, count: int) -> Tensor:
    """(count, count) float32 of (count^2,)."""
    grid = values.float().reshape(count, count).cpu().numpy()
    return torch.from_numpy(cv2.GaussianBlur(grid, (0, 0), NEIGHBOURS)).to(values.device)
