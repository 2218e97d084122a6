# SPDX-License-Identifier: GPL-3.0-or-later
"""Occupancy on the grid, asked of the networks only near the surface (sign-crossing refinement).

A coarse grid is evaluated; level by level its values are interpolated to twice the nodes, and every corner
of a cell whose corners disagree about 0.5 is asked for. Where an answer contradicts the interpolation, the
cells around it are looked at again, until each corner of each crossing cell holds the networks' own value.
Marching cubes reads only those, so the mesh is that of the dense grid, at two to three queries a surface
voxel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion

from ..errors import EngineError
from ..space import grid_to_camera

Values = NDArray[np.float32]
Flags = NDArray[np.bool_]
Query = Callable[[Values], Values]

LEVEL = 0.5
COARSEST = 64  # nodes a side of the first grid: 3 cm on a person, an arm cannot slip through
HINTED = 128  # up to this many nodes a side more is asked for than the crossing cells:
MARGIN = 0.25  # cells this near to 0.5, which thin parts only brush,
EMPTY_SHARE = 0.5  # and columns of the silhouette without anything, if they are at most this share of it
CORNERS = np.array([(i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1)], dtype=np.int64)
RETRY = "Try another picture, or draw a box around the person."


@dataclass(frozen=True)
class Field:
    """Occupancy at the nodes of a box of the grid.

    values: (X, Y, Z) float32 in [0, 1], axes as the camera's; exact at the corners of cells that the surface
    crosses, interpolated elsewhere. origin: grid index of values[0, 0, 0]. resolution: nodes a side of the
    cube. asked: how many nodes the networks were asked for.
    """

    values: Values
    origin: tuple[int, int, int]
    resolution: int
    asked: int

    def crossing_cells(self) -> tuple[NDArray[np.int32], Values]:
        """All cells whose eight corners disagree about 0.5, in the order of their grid index (x, y, z).

        Returns cells (C, 3) int32: the grid index of each one's lowest corner, -1..resolution - 1, for what
        lies outside the grid is 0 too; and corners (C, 8) float32 in [0, 1], in the order
        (0, 0, 0), (0, 0, 1), (0, 1, 0), ... (1, 1, 1) of (x, y, z).
        """
        padded = np.pad(self.values, 1)
        inside = padded > LEVEL
        cells = np.argwhere(_fold(inside, both=False) & ~_fold(inside, both=True))
        corners = padded[tuple((cells[:, None, :] + CORNERS[None]).transpose(2, 0, 1))]
        return (cells + np.array(self.origin) - 1).astype(np.int32), corners


def localise(
    query: Query,
    columns: Flags,
    batch: int = 65536,
    tick: Callable[[float], None] = lambda share: None,
) -> Field:
    """Find the occupancy near its 0.5 level.

    query: (N, 3) float32 camera points -> (N,) float32 in [0, 1]; called with at most batch points,
    neighbours in depth following each other. columns: (r, r) bool, [x, y] grid nodes where there may be
    something; elsewhere occupancy is 0 without asking. tick: called after every batch with the share done,
    0..1. Raises EngineError broken_field when query answers NaN, or 0.5 is nowhere crossed.
    """
    resolution = columns.shape[0]
    stride = 1
    while resolution // (stride * 2) >= COARSEST and resolution % (stride * 2) == 0:
        stride *= 2
    levels = stride.bit_length()
    box = _column_box(columns, stride)
    asker = _Asker(query, resolution, batch, (box[0].start, box[1].start, 0), tick)

    allowed = _pooled(columns, stride)[_strided(box, stride)]
    values = np.zeros((*allowed.shape, resolution // stride), dtype=np.float32)
    known = np.ones(values.shape, dtype=np.bool_)
    asker.begin_level(0, levels, stride)
    asker.ask(values, np.flatnonzero(np.broadcast_to(allowed[:, :, None], values.shape)))

    for level in range(1, levels):
        stride //= 2
        wanted = _refined(_doubtful_cells(values, allowed, resolution // stride))
        allowed = _pooled(columns, stride)[_strided(box, stride)]
        values, known = _upsample(values, known)
        values[~allowed] = 0.0
        known[~allowed] = True
        asker.begin_level(level, levels, stride)
        _settle(asker, values, known, np.flatnonzero(wanted & ~known))

    tick(1.0)
    _check_crossed(values)
    return Field(values, asker.origin, resolution, asker.asked)


class _Asker:
    """Asks the networks for nodes of the present level, in batches, and tells how far it is."""

    def __init__(
        self, query: Query, resolution: int, batch: int, origin: tuple[int, int, int],
        tick: Callable[[float], None],
    ) -> None:
        self.query, self.tick = query, tick
        self.resolution, self.batch, self.origin = resolution, batch, origin
        self.asked = 0
        self.stride, self.base, self.span = 1, 0.0, 1.0

    def begin_level(self, level: int, levels: int, stride: int) -> None:
        """The shares assume that a level has four times the surface nodes of the one before."""
        whole = sum(4**i for i in range(levels))
        self.stride = stride
        self.base = sum(4**i for i in range(level)) / whole
        self.span = 4**level / whole

    def ask(self, values: Values, nodes: NDArray[np.int64]) -> None:
        """Replace values at flat indices nodes by the networks' answers."""
        for start in range(0, nodes.size, self.batch):
            part = nodes[start : start + self.batch]
            index = np.stack(np.unravel_index(part, values.shape), axis=1)
            points = grid_to_camera(index * self.stride + np.array(self.origin), self.resolution)
            answer = self.query(points.astype(np.float32))
            if not np.isfinite(answer).all():
                raise EngineError("broken_field", "The networks answered with something that is no number.",
                                  "Choose other weights, or set the device to the processor (CPU).")
            values.reshape(-1)[part] = answer
            self.asked += part.size
            self.tick(self.base + self.span * (start + part.size) / nodes.size)


def _settle(asker: _Asker, values: Values, known: Flags, nodes: NDArray[np.int64]) -> None:
    """Ask for nodes, then for all corners of crossing cells, until each of these is known. In place."""
    asker.ask(values, nodes)
    known.reshape(-1)[nodes] = True
    # One look at all cells; afterwards only cells around nodes whose side changed can have become crossing.
    nodes = np.flatnonzero(_crossing_corners(values) & ~known)
    while nodes.size:
        before = values.reshape(-1)[nodes] > LEVEL
        asker.ask(values, nodes)
        known.reshape(-1)[nodes] = True
        changed = nodes[(values.reshape(-1)[nodes] > LEVEL) != before]
        nodes = _unknown_around(values, known, changed)


def _unknown_around(values: Values, known: Flags, nodes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Flat indices of the unknown corners of the crossing cells that touch nodes (flat indices)."""
    if not nodes.size:
        return nodes
    shape = np.array(values.shape)
    index = np.stack(np.unravel_index(nodes, values.shape), axis=1)
    # Cells are named by their lowest corner, from -1 on: a cell may have corners outside, where nothing is.
    touching = (index[:, None, :] - CORNERS[None]).reshape(-1, 3) + 1
    numbers = np.unique(np.ravel_multi_index(tuple(touching.T), tuple(shape + 1)))
    cells = np.stack(np.unravel_index(numbers, tuple(shape + 1)), axis=1) - 1
    corners = cells[:, None, :] + CORNERS[None]
    real: Flags = np.all((corners >= 0) & (corners < shape), axis=2)
    flat = np.where(real, corners @ np.array([shape[1] * shape[2], shape[2], 1]), 0)
    inside = np.asarray(values.reshape(-1)[flat] > LEVEL) & real
    crossing: Flags = np.any(inside, axis=1) & ~np.all(inside, axis=1)
    candidates = flat[crossing][real[crossing]]
    return np.unique(candidates[~known.reshape(-1)[candidates]])


def _fold(flags: Flags, both: bool) -> Flags:
    """Combine the two ends of every edge along each axis: (X, Y, Z) nodes to (X-1, Y-1, Z-1) cells."""
    for axis in range(3):
        low, high = _slice(flags, axis, None, -1), _slice(flags, axis, 1, None)
        flags = (low & high) if both else (low | high)
    return flags


def _crossing_corners(values: Values) -> Flags:
    """(X, Y, Z) bool: nodes of cells whose corners disagree about 0.5; outside the box occupancy is 0."""
    inside = np.pad(values > LEVEL, 1)
    crossing = _fold(inside, both=False) & ~_fold(inside, both=True)
    return _fold(crossing, both=False)  # a node belongs to the two cells beside it along each axis


def _doubtful_cells(values: Values, allowed: Flags, nodes: int) -> Flags:
    """(X, Y, Z) bool, cells named by their lowest corner, to be refined although interpolation finds nothing.

    nodes: a side of the cube at the next level. While it is coarse: cells that come within MARGIN of 0.5,
    and the columns of the silhouette (allowed, (X, Y)) in which nothing was found, for there is something
    thin. Its widened rim, which eroding leaves out, is empty by rights; and a silhouette that is empty for
    the most part is none.
    """
    if nodes > HINTED:
        return np.zeros(values.shape, dtype=np.bool_)
    padded = np.pad(values, ((0, 1),) * 3)  # beyond the last node there is nothing, as outside the cube
    doubtful = _fold(padded > LEVEL - MARGIN, both=False) & ~_fold(padded > LEVEL + MARGIN, both=True)
    core = binary_erosion(allowed)
    empty = core & ~np.any(values > LEVEL, axis=2)
    if empty.sum() <= EMPTY_SHARE * core.sum():
        doubtful |= empty[:, :, None]
    return doubtful


def _refined(cells: Flags) -> Flags:
    """Cells (X, Y, Z), named by their lowest corner, to the nodes of the grid twice as fine in them."""
    for axis in range(3):  # node 2 i belongs to the cells i - 1 and i, node 2 i + 1 to cell i alone
        even = cells.copy()
        _slice(even, axis, 1, None)[...] |= _slice(cells, axis, None, -1)
        cells = _interleave(even, cells, axis)
    return cells


def _slice(array: NDArray[Any], axis: int, start: int | None, stop: int | None) -> NDArray[Any]:
    """array[start:stop] along one axis, a view."""
    return array[(slice(None),) * axis + (slice(start, stop),)]


def _interleave(even: NDArray[Any], odd: NDArray[Any], axis: int) -> NDArray[Any]:
    """even and odd taking turns along one axis, which doubles."""
    shape = list(even.shape)
    shape[axis] *= 2
    return np.stack([even, odd], axis=axis + 1).reshape(shape)


def _upsample(values: Values, known: Flags) -> tuple[Values, Flags]:
    """Trilinear interpolation to twice the nodes: node 2i is node i; beyond the last node occupancy is 0."""
    fine_known = np.zeros([2 * n for n in values.shape], dtype=np.bool_)
    fine_known[::2, ::2, ::2] = known
    for axis in range(3):
        between = values * np.float32(0.5)
        _slice(between, axis, None, -1)[...] += _slice(values, axis, 1, None) * np.float32(0.5)
        values = _interleave(values, between, axis)
    return values, fine_known


def _column_box(columns: Flags, stride: int) -> tuple[slice, slice]:
    """The box of the set columns with one coarse cell around it, on multiples of stride."""
    bounds = []
    for axis in (1, 0):
        used = np.flatnonzero(columns.any(axis=axis))
        if not used.size:
            raise EngineError("broken_field", "The silhouette in the picture is empty.", RETRY)
        low = max(int(used[0]) // stride - 1, 0) * stride
        high = min((int(used[-1]) // stride + 2) * stride, columns.shape[0])
        bounds.append(slice(low, high))
    return bounds[0], bounds[1]


def _strided(box: tuple[slice, slice], stride: int) -> tuple[slice, slice]:
    """The box in nodes of the grid whose nodes are stride apart."""
    x, y = (slice(part.start // stride, part.stop // stride) for part in box)
    return x, y


def _pooled(columns: Flags, stride: int) -> Flags:
    """(r/stride, r/stride) bool: nodes of the coarser grid with a set column nearer than one of its cells."""
    if stride == 1:
        return columns
    size = columns.shape[0] // stride
    padded = np.pad(columns, (stride - 1, stride - 1))
    reach = 2 * stride - 1
    rows = np.any([padded[k : k + size * stride : stride] for k in range(reach)], axis=0)
    return np.asarray(np.any([rows[:, k : k + size * stride : stride] for k in range(reach)], axis=0))


def _check_crossed(values: Values) -> None:
    inside = values > LEVEL
    if not inside.any():
        raise EngineError("broken_field", "The networks found no body in the picture.", RETRY)
    if inside.all():
        raise EngineError("broken_field", "The networks see a body everywhere, so there is no surface.",
                          "Choose other weights.")
