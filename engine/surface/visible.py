# SPDX-License-Identifier: GPL-3.0-or-later
"""Which vertices of a mesh the viewer sees, told from the vertices alone, and pictures looked up at them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ..space import camera_to_grid, image_to_texel

OWN_TOLERANCE = 3.0  # grid cells: how far a vertex may lie behind the front-most one of its own pixel
NEAR_TOLERANCE = 0.05  # camera units: behind a neighbouring pixel's surface by more, its picture bleeds in


def from_behind(points: Tensor) -> Tensor:
    """Points or directions (..., 3) of camera space in a mirror before the viewer: back is front there."""
    x, y, z = points.unbind(-1)
    return torch.stack([x, y, -z], -1)


def ramp(value: Tensor, limits: tuple[float, float]) -> Tensor:
    """0 below the lower limit, 1 above the upper one."""
    return ((value - limits[0]) / (limits[1] - limits[0])).clamp(0.0, 1.0)


def columns(vertices: Tensor, resolution: int) -> Tensor:
    """(V,) int64: the grid column, of (resolution + 1)^2, that each vertex (V, 3) is nearest to."""
    cells = camera_to_grid(vertices[:, :2], resolution).round().clamp(0, resolution).long()
    return cells[:, 0] * (resolution + 1) + cells[:, 1]


def spread(values: Tensor, resolution: int) -> Tensor:
    """The largest of values (C,) of all grid columns among the 3 x 3 around each, (C,)."""
    grid = values.reshape(resolution + 1, -1)
    for axis in (0, 1):  # half the time of max_pool2d
        wide = functional.pad(grid.T if axis else grid, (0, 0, 1, 1), value=-torch.inf)
        grid = torch.maximum(torch.maximum(wide[:-2], wide[1:-1]), wide[2:])
    return grid.T.reshape(-1)


def front_most(vertices: Tensor, resolution: int) -> tuple[Tensor, Tensor]:
    """The depth z of the vertex nearest to the viewer in the grid column of each vertex (V, 3), (V,), and
    among the 3 x 3 columns around it, (V,).

    The grid leaves a vertex on or beside every column of nodes that the surface crosses, so the vertices
    alone, dropped on one pixel a column, make a depth map without holes that matter.
    """
    pixel = columns(vertices, resolution)
    depth = vertices.new_full(((resolution + 1) ** 2,), -torch.inf)
    depth.scatter_reduce_(0, pixel, vertices[:, 2], "amax")
    return depth[pixel], spread(depth, resolution)[pixel]


def hidden(vertices: Tensor, resolution: int) -> Tensor:
    """(V,) bool: vertices (V, 3) behind another part of the mesh, or so close beside one that what a picture
    shows of it bleeds in."""
    near = vertices[:, 2]
    own, around = front_most(vertices, resolution)
    cell = 2.0 / resolution
    behind_own = near < own - OWN_TOLERANCE * cell
    behind_near = near < around - max(NEAR_TOLERANCE, 2.0 * OWN_TOLERANCE * cell)
    return behind_own | behind_near


def texels(vertices: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Fractional columns and rows, (V,) float64 each, in [0, side - 1], of the crop's pixels at side x side
    that vertices (V, 3) fall on, or else the nearest."""
    x, y = image_to_texel(torch.stack([vertices[:, 0], -vertices[:, 1]]).double(), side).clamp(0, side - 1)
    return x, y


def pixels(vertices: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """The same, rounded: (V,) int64 each."""
    x, y = texels(vertices, side)
    return x.round().long(), y.round().long()


def looked_up(picture: Tensor, vertices: Tensor) -> Tensor:
    """Bilinear values (V, C) float64 of a picture (L, L, C) of the crop at the pixels of vertices (V, 3)."""
    side = picture.shape[0]
    x, y = texels(vertices, side)
    left, top = x.long(), y.long()
    right, bottom = (left + 1).clamp(max=side - 1), (top + 1).clamp(max=side - 1)
    across, down = (x - left)[:, None], (y - top)[:, None]
    flat = picture.reshape(side * side, -1)
    upper, lower = (
        torch.lerp(flat[row * side + left].double(), flat[row * side + right].double(), across)
        for row in (top, bottom)
    )
    return torch.lerp(upper, lower, down)
