# SPDX-License-Identifier: GPL-3.0-or-later
"""From the cells that the surface crosses to a closed triangle mesh (marching cubes, block by block)."""

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

BLOCK = 16  # cells a side of what marching cubes sees as one
PILE = 8  # such blocks that it is given at once, on top of each other: most of its time is that of a call
SHY = 1e-5  # it sees corners at least this far from 0.5: then no vertex of a pile is rounded onto a node
WITHIN = 3  # the kind of vertex that lies within a cell; 0, 1, 2: on a grid edge along x, y, z


def isosurface(field: Field, ask: Callable[[], None] = lambda: None) -> tuple[Vertices, Faces]:
    """The 0.5 level of a field. ask: called between piles of blocks; what it raises passes through.

    Returns vertices (V, 3) float32 in camera space, each on another grid edge or within another cell, in
    their order (x, y, z), and faces (F, 3) int32, counter-clockwise seen from outside. Closed: outside the
    grid occupancy is 0.
    """
    cells, corners = field.crossing_cells()
    home = linear((cells + 1) // BLOCK, field.resolution)
    order = np.argsort(home, kind="stable")
    starts = np.flatnonzero(np.diff(home[order], prepend=-1))
    blocks = np.split(order, starts[1:])

    points, names, faces, count = [], [], [], 0
    for start in range(0, len(blocks), PILE):
        ask()
        pile = blocks[start : start + PILE]
        chosen = np.concatenate(pile)
        # the pile's nodes are counted on along x, BLOCK + 1 a block
        first = (cells[[block[0] for block in pile]] + 1) // BLOCK * BLOCK - 1
        first[:, 0] -= np.arange(len(pile), dtype=np.int32) * (BLOCK + 1)
        own = np.repeat(first, [len(block) for block in pile], axis=0)
        lowest, kind, part, triangles = _in_pile(cells[chosen] - own, corners[chosen], len(pile))
        lowest += first[lowest[:, 0] // (BLOCK + 1)]
        points.append(grid_to_camera(lowest + part, field.resolution).astype(np.float32))
        names.append(linear(lowest + 1, field.resolution + 2) * 4 + kind)
        faces.append(triangles + count)
        count += len(lowest)
    # Blocks share the vertices on the edges between them: there is one on an edge, or within a cell.
    name = np.concatenate(names)
    order = np.argsort(name)
    fresh = np.diff(name[order], prepend=-1) > 0
    number = np.empty(count, dtype=np.int32)
    number[order] = np.cumsum(fresh, dtype=np.int32) - 1
    return np.concatenate(points)[order[fresh]], number[np.concatenate(faces)]


def _in_pile(
    cells: NDArray[np.int32], corners: Values, blocks: int
) -> tuple[Indices, Indices, Points, Indices]:
    """Marching cubes in the cells (C, 3) of a pile of blocks, with corners (C, 8).

    Returns of its vertices: the lowest node (V, 3) of the edge or cell of each, its kind (V,) and how far it
    is from that node, (V, 3) float64; faces (F, 3).
    """
    nodes = np.zeros((blocks * (BLOCK + 1), BLOCK + 1, BLOCK + 1), dtype=np.float32)
    steps = np.array(nodes.strides) // nodes.itemsize
    flat = cells @ steps
    nodes.reshape(-1)[flat[:, None] + CORNERS @ steps] = corners
    mask = np.zeros(nodes.shape, dtype=np.bool_)
    mask.reshape(-1)[flat + steps.sum()] = True  # a cell's own entry is that of its highest corner
    apart = np.where(nodes > LEVEL, np.maximum(nodes, LEVEL + SHY), np.minimum(nodes, LEVEL - SHY))
    # "ascent" is what turns the faces outward for axes (x, y, z): a sphere's volume comes out positive.
    rounded, faces, _, _ = marching_cubes(  # type: ignore[no-untyped-call]
        apart, LEVEL, gradient_direction="ascent", mask=mask)

    lowest = np.floor(rounded)
    part = (rounded - lowest).astype(np.float64)
    lowest = lowest.astype(np.int64)
    between = part > 0.0
    axis = between.argmax(axis=1)
    edges = between.sum(axis=1) == 1
    kind = np.where(edges, axis, WITHIN)
    axis = axis[edges]
    low = lowest[edges] @ steps
    below, above = (
        np.abs(nodes.reshape(-1)[end].astype(np.float64) - LEVEL) for end in (low, low + steps[axis]))
    part[edges, axis] = below / (below + above)
    return lowest, kind, part, faces
