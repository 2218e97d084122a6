# SPDX-License-Identifier: GPL-3.0-or-later
"""From the cells that the surface crosses to a closed triangle mesh (marching cubes, a block at a time)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.measure import marching_cubes

from ..space import grid_to_camera
from .blocks import linear
from .field import CORNERS, LEVEL, Field, Values
from .meshes import Faces, Vertices

Points = NDArray[np.float64]
Indices = NDArray[np.integer[Any]]

BLOCK = 16  # cells a side given to marching cubes at once
SHY = 1e-6  # marching cubes sees corners at least this far from 0.5: then no vertex is rounded onto a node
WITHIN = 3  # the kind of vertex that lies within a cell; 0, 1, 2: on a grid edge along x, y, z


def isosurface(field: Field, ask: Callable[[], None] = lambda: None) -> tuple[Vertices, Faces]:
    """The 0.5 level of a field. ask: called between blocks; what it raises passes through.

    Returns vertices (V, 3) float32 in camera space, each on another grid edge or within another cell, in
    their order (x, y, z), and faces (F, 3) int32, counter-clockwise seen from outside. Closed: outside the
    grid occupancy is 0.
    """
    cells, corners = field.crossing_cells()
    home = linear((cells + 1) // BLOCK, field.resolution)
    order = np.argsort(home, kind="stable")
    blocks = np.split(order, np.flatnonzero(np.diff(home[order])) + 1)

    points, names, faces, count = [], [], [], 0
    for block in blocks:
        ask()
        first = (cells[block[0]] + 1) // BLOCK * BLOCK - 1
        vertices, lowest, kind, triangles = _in_block(cells[block] - first, corners[block])
        points.append(grid_to_camera(vertices + first, field.resolution).astype(np.float32))
        names.append(linear(lowest + first + 1, field.resolution + 2) * 4 + kind)
        faces.append(triangles + count)
        count += len(vertices)
    # Blocks share the vertices on the edges between them: there is one on an edge, or within a cell.
    _, kept, number = np.unique(np.concatenate(names), return_index=True, return_inverse=True)
    welded = number.astype(np.int32)[np.concatenate(faces)]
    return np.concatenate(points)[kept], np.ascontiguousarray(welded)


def _in_block(cells: NDArray[np.int32], corners: Values) -> tuple[Points, Indices, Indices, Indices]:
    """Marching cubes in the cells (C, 3) of one block, 0..BLOCK - 1, with corners (C, 8).

    Returns vertices (V, 3) float64, in nodes; the lowest node (V, 3) of the edge or cell of each and its kind
    (V,); faces (F, 3).
    """
    nodes = np.zeros((BLOCK + 1,) * 3, dtype=np.float32)
    nodes[tuple((cells[:, None, :] + CORNERS).transpose(2, 0, 1))] = corners
    mask = np.zeros(nodes.shape, dtype=np.bool_)
    mask[tuple(cells.T + 1)] = True  # a cell's own entry is that of its highest corner
    apart = np.where(nodes > LEVEL, np.maximum(nodes, LEVEL + SHY), np.minimum(nodes, LEVEL - SHY))
    # "ascent" is what turns the faces outward for axes (x, y, z): a sphere's volume comes out positive.
    rounded, faces, _, _ = marching_cubes(  # type: ignore[no-untyped-call]
        apart, LEVEL, gradient_direction="ascent", mask=mask)

    lowest = np.floor(rounded).astype(np.int64)
    between = rounded > lowest
    kind = np.where(between.sum(axis=1) == 1, between.argmax(axis=1), WITHIN)
    vertices = rounded.astype(np.float64)
    for axis, step in enumerate(np.eye(3, dtype=np.int64)):
        there = kind == axis
        low, high = (np.abs(nodes[tuple(end.T)].astype(np.float64) - LEVEL)
                     for end in (lowest[there], lowest[there] + step))
        vertices[there, axis] = lowest[there, axis] + low / (low + high)
    return vertices, lowest, kind, faces
