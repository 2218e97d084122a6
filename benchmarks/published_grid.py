# SPDX-License-Identifier: GPL-3.0-or-later
"""How the published procedure finds the occupancy on a grid: every node has its place in memory, and cells
whose corners nearly agree are filled with a constant. Written from a description of what it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.surface.localise import first_stride

from .stopwatch import Stopwatch

AGREEING: Final = 0.05  # corners that differ by less are taken for the same

Doubles = NDArray[np.float64]
Flags = NDArray[np.bool_]
Query = Callable[[Doubles], Doubles]
"""From camera points (3, N) to occupancy (N,)."""


def to_camera(resolution: int) -> tuple[Doubles, Doubles]:
    """(3, 3) and (3, 1): from a grid's nodes, as columns, to camera space."""
    return np.eye(3) * (2.0 / resolution), np.full((3, 1), -1.0)


def all_points(resolution: int) -> Doubles:
    """The camera coordinates of every node, (3, r^3): 3.2 GB at 512, and as much twice more on the way."""
    nodes = np.indices((resolution,) * 3).reshape(3, -1)
    scale, origin = to_camera(resolution)
    return np.asarray(scale @ nodes + origin)


def occupancy(query: Query, resolution: int, watch: Stopwatch) -> Doubles:
    """The whole grid (r, r, r), [x, y, z]: from a first one of about 64 nodes a side to all of them.

    The last plane along each axis is never asked for and stays 0, nor is the last cell of a level ever
    filled, for its far corners lie beyond the grid.
    """
    watch.begin("coordinates")
    points = all_points(resolution)
    watch.begin("octree")
    values = np.zeros((resolution,) * 3)
    undecided = np.ones(values.shape, dtype=np.bool_)
    stride = first_stride(resolution)
    while stride:
        wanted = np.zeros(values.shape, dtype=np.bool_)
        wanted[:-1:stride, :-1:stride, :-1:stride] = True
        wanted &= undecided
        chosen = points[:, wanted.reshape(-1)]
        watch.begin("points")
        answers = query(chosen)
        watch.begin("octree")
        values[wanted] = answers
        undecided[wanted] = False
        if stride > 1:
            fill_agreeing(values, undecided, stride)
        stride //= 2
    return values


def fill_agreeing(values: Doubles, undecided: Flags, stride: int) -> None:
    """Fill each undecided cell of a level whose corners differ by less than AGREEING with the middle of their
    range, the corners too, one cell after the other."""
    level = values[::stride, ::stride, ::stride]
    corners = [
        level[tuple(slice(step, step + size - 1) for step, size in zip(corner, level.shape))]
        for corner in np.ndindex(2, 2, 2)
    ]
    low, high = np.minimum.reduce(corners), np.maximum.reduce(corners)
    middle = undecided[(slice(stride // 2, None, stride),) * 3][(slice(-1),) * 3]
    for x, y, z in np.argwhere((high - low < AGREEING) & middle):
        cell = tuple(slice(at * stride, (at + 1) * stride + 1) for at in (x, y, z))
        values[cell] = (low[x, y, z] + high[x, y, z]) / 2
        undecided[cell] = False
