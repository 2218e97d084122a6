# SPDX-License-Identifier: GPL-3.0-or-later
"""Which vertices of a mesh the viewer sees, told from the vertices alone, and pictures looked up at them."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..space import camera_to_grid, camera_to_image, image_to_texel

Points = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
Depths = NDArray[np.float32]

OWN_TOLERANCE = 3.0  # grid cells: how far a vertex may lie behind the front-most one of its own pixel
NEAR_TOLERANCE = 0.05  # camera units: behind a neighbouring pixel's surface by more, its picture bleeds in
FROM_BEHIND = np.array([1.0, 1.0, -1.0])  # camera space in a mirror before the viewer: back is front there


def ramp(value: Floats, limits: tuple[float, float]) -> Floats:
    """0 below the lower limit, 1 above the upper one."""
    return np.asarray(np.clip((value - limits[0]) / (limits[1] - limits[0]), 0.0, 1.0))


def columns(vertices: Points, resolution: int) -> NDArray[np.intp]:
    """(V,) the number of the grid column, of (resolution + 1)^2, that each vertex (V, 3) is nearest to."""
    cells = np.clip(np.round(camera_to_grid(vertices[:, :2], resolution)), 0, resolution).astype(np.intp)
    return np.asarray(cells[:, 0] * (resolution + 1) + cells[:, 1])


def front_most(vertices: Points, resolution: int) -> tuple[Depths, Depths]:
    """The depth z of the vertex nearest to the viewer in the grid column of each vertex (V, 3), (V,), and
    among the 3 x 3 columns around it, (V,).

    The grid leaves a vertex on or beside every column of nodes that the surface crosses, so the vertices
    alone, dropped on one pixel a column, make a depth map without holes that matter.
    """
    size = resolution + 1
    pixel = columns(vertices, resolution)
    depth = np.full(size * size, -np.inf, dtype=np.float32)
    np.maximum.at(depth, pixel, vertices[:, 2].astype(np.float32))
    around = cv2.dilate(depth.reshape(size, size), np.ones((3, 3), dtype=np.uint8)).ravel()
    return depth[pixel], np.asarray(around[pixel], dtype=np.float32)


def hidden(vertices: Points, resolution: int) -> NDArray[np.bool_]:
    """(V,) bool: vertices (V, 3) behind another part of the mesh, or so close beside one that what a picture
    shows of it bleeds in."""
    near = vertices[:, 2].astype(np.float32)
    own, around = front_most(vertices, resolution)
    cell = 2.0 / resolution
    behind_own = near < own - OWN_TOLERANCE * cell
    behind_near = near < around - max(NEAR_TOLERANCE, 2.0 * OWN_TOLERANCE * cell)
    return np.asarray(behind_own | behind_near)


def looked_up(picture: NDArray[Any], vertices: Points) -> Floats:
    """Bilinear values (V, C) float64 of a picture (L, L, C) of the crop at the pixels of vertices (V, 3)."""
    side = picture.shape[0]
    texel = image_to_texel(camera_to_image(vertices)[:, :2].astype(np.float64), side)
    texel = np.clip(texel, 0.0, side - 1.0)
    low = texel.astype(np.intp)
    (x0, y0), (x1, y1), (tx, ty) = low.T, np.minimum(low + 1, side - 1).T, (texel - low).T[..., None]
    upper = picture[y0, x0] * (1.0 - tx) + picture[y0, x1] * tx
    lower = picture[y1, x0] * (1.0 - tx) + picture[y1, x1] * tx
    return np.asarray(upper * (1.0 - ty) + lower * ty)
