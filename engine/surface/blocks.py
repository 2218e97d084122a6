# SPDX-License-Identifier: GPL-3.0-or-later
"""Occupancy at the nodes of a grid, kept in blocks of 8^3 nodes around the surface alone.

A grid of 1024 nodes a side would take 4 GiB; the blocks that a sample's person meets take 43 MB. All
others hold a single side of 0.5 and are one of two blocks that every grid has: nothing, or full.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .field import CORNERS, LEVEL, Cells, Flags, Values

SIDE: Final = 8  # nodes of a block; 4 is half as fast, 4 and 16 take more memory
NOTHING, FULL = 0, 1  # the numbers of the two blocks that stand for all without surface
CHUNK: Final = 2048  # blocks looked at together: 8 MB of their nodes and those around

Places = NDArray[np.int32]
Numbers = NDArray[np.int64]


class Blocks:
    """The values at the nodes^3 nodes of a grid: 0 beyond its border and where a column is not allowed.

    allowed: (nodes, nodes) bool, [x, y] columns in which there may be something. places: (B, 3) int32, each
    block's lowest node / 8; values: (B, 8, 8, 8) float32 in [0, 1]; known: the same, bool, where values are
    the networks' own rather than foretold, or 0 because nothing is allowed there. The first two blocks are
    NOTHING and FULL. number: block of each place, with a border of NOTHING around.
    """

    def __init__(self, allowed: Flags) -> None:
        self.nodes = allowed.shape[0]
        count = -(-self.nodes // SIDE)
        self.allowed = np.zeros((count * SIDE, count * SIDE), dtype=np.bool_)
        self.allowed[: self.nodes, : self.nodes] = allowed
        self.number = np.full((count + 2,) * 3, NOTHING, dtype=np.int32)
        self.places: Places = np.zeros((2, 3), dtype=np.int32)
        self.values: Values = np.zeros((2, SIDE, SIDE, SIDE), dtype=np.float32)
        self.values[FULL] = 1.0
        self.known: Flags = np.zeros(self.values.shape, dtype=np.bool_)

    @property
    def inner(self) -> NDArray[np.int32]:
        """number without its border, a view."""
        return self.number[1:-1, 1:-1, 1:-1]

    def add(self, places: Places, values: Values, known: Flags) -> None:
        """Take in new blocks; their nodes that are not allowed become known to be 0."""
        outside = ~self._allowed_in(places)
        values[outside], known[outside] = 0.0, True
        self.inner[tuple(places.T)] = np.arange(len(self.places), len(self.places) + len(places))
        self.places = np.concatenate([self.places, places])
        self.values = np.concatenate([self.values, values])
        self.known = np.concatenate([self.known, known])

    @property
    def tiles(self) -> Flags:
        """allowed as (count, 8, count, 8), a view: the columns of each column of blocks."""
        count = len(self.allowed) // SIDE
        return self.allowed.reshape(count, SIDE, count, SIDE)

    @property
    def open(self) -> Flags:
        """(count, count) bool: columns of blocks in which some column is allowed."""
        return np.asarray(self.tiles.any(axis=(1, 3)))

    def _allowed_in(self, places: Places) -> Flags:
        """(B, 8, 8, 8) bool."""
        tiles = self.tiles[places[:, 0], :, places[:, 1], :]
        depth = places[:, 2, None] * SIDE + np.arange(SIDE) < self.nodes
        return np.asarray(tiles[:, :, :, None] & depth[:, None, None, :])

    def around(
        self, pool: NDArray[Any], places: Places, low: tuple[int, int, int], size: int
    ) -> NDArray[Any]:
        """(B, size, size, size) of pool (values or known) from node low, -8..8, of each of places on.

        At most the neighbouring blocks are reached into.
        """
        found = np.empty((len(places), size, size, size), dtype=pool.dtype)
        for step in product((-1, 0, 1), repeat=3):
            first = [max(start, SIDE * at) for start, at in zip(low, step)]
            stop = [min(start + size, SIDE * at + SIDE) for start, at in zip(low, step)]
            if all(a < b for a, b in zip(first, stop)):
                blocks = self.number[tuple((places + 1 + np.array(step)).T)]
                target = tuple(slice(a - start, b - start) for a, b, start in zip(first, stop, low))
                source = tuple(slice(a - SIDE * at, b - SIDE * at) for a, b, at in zip(first, stop, step))
                found[(slice(None), *target)] = pool[(blocks, *source)]
        return found

    def crossing(self, blocks: Numbers) -> Iterator[tuple[Numbers, Flags]]:
        """Chunks of blocks, each with (B, 9, 9, 9) bool: which cells, from node -1 on, are crossed."""
        for start in range(0, len(blocks), CHUNK):
            part = blocks[start : start + CHUNK]
            inside = self.around(self.values, self.places[part], (-1, -1, -1), SIDE + 2) > LEVEL
            yield part, fold(inside, both=False) & ~fold(inside, both=True)

    def nodes_of(self, flat: Numbers) -> Numbers:
        """(N, 3) grid indices of nodes by their flat places in values."""
        block, local = np.divmod(flat, SIDE**3)
        inner = np.stack(np.unravel_index(local, (SIDE,) * 3), axis=1)
        return np.asarray(self.places[block].astype(np.int64) * SIDE + inner)

    def crossing_cells(self) -> tuple[Cells, Values]:
        """All crossing cells and their corners, as in `Field`."""
        cells, corners = [np.zeros((0, 3), dtype=np.int32)], [np.zeros((0, 8), dtype=np.float32)]
        for part, crossing in self.crossing(np.arange(2, len(self.places))):
            block, *local = np.nonzero(crossing)
            lowest = np.stack(local, axis=1)
            cells.append(self.places[part[block]] * SIDE + lowest.astype(np.int32) - 1)
            x, y, z = (lowest[:, None, :] + CORNERS).transpose(2, 0, 1)
            values = self.around(self.values, self.places[part], (-1, -1, -1), SIDE + 2)
            corners.append(values[block[:, None], x, y, z])
        # Blocks overlap by the cells between them, for their lowest corner may lie where there is no block.
        every = np.concatenate(cells)
        _, first = np.unique(linear(every + 1, self.nodes + 1), return_index=True)
        return every[first], np.concatenate(corners)[first]

    def sides_of_finer(self, places: Places) -> Flags:
        """(B, 2) bool: whether some node in or beside blocks of the grid twice as fine is outside, inside."""
        sides = np.empty((len(places), 2), dtype=np.bool_)
        for part, coarse, low in _halves(places):
            # The fine nodes -1..8 lie between the nodes 0..3 that are here too and one around them.
            start = (low[0] - 1, low[1] - 1, low[2] - 1)
            inside = self.around(self.values, coarse, start, SIDE // 2 + 2).reshape(len(part), -1) > LEVEL
            sides[part] = np.stack([~inside.all(axis=1), inside.any(axis=1)], axis=1)
        return sides

    def finer(self, places: Places) -> tuple[Values, Flags]:
        """Blocks of the grid twice as fine, whose node 2 i is node i here: values and known, (B, 8, 8, 8).

        Values are trilinear between the nodes; known is what is known here.
        """
        values = np.empty((len(places), SIDE, SIDE, SIDE), dtype=np.float32)
        known = np.zeros(values.shape, dtype=np.bool_)
        for part, coarse, low in _halves(places):
            values[part] = _twice(self.around(self.values, coarse, low, SIDE // 2 + 1))
            known[part, ::2, ::2, ::2] = self.around(self.known, coarse, low, SIDE // 2)
        return values, known

    def dense(self) -> Values:
        """All values, (nodes, nodes, nodes) float32; for coarse grids."""
        tiles = self.values[self.inner].transpose(0, 3, 1, 4, 2, 5)
        size = self.inner.shape[0] * SIDE
        return np.asarray(tiles.reshape((size,) * 3)[(slice(self.nodes),) * 3])


def _halves(places: Places) -> Iterator[tuple[Numbers, Places, tuple[int, int, int]]]:
    """Chunks of the blocks at places by the eighth they are of a block of the grid half as fine: which of
    them, the coarse blocks' places, and the lowest node within these."""
    for half in product((0, 1), repeat=3):
        at = np.flatnonzero((places % 2 == half).all(axis=1))
        low = (SIDE // 2 * half[0], SIDE // 2 * half[1], SIDE // 2 * half[2])
        for start in range(0, len(at), CHUNK):
            part = at[start : start + CHUNK]
            yield part, places[part] // 2, low


def linear(index: NDArray[Any], size: int) -> Numbers:
    """Grid indices (..., 3) of a grid of size^3 to single numbers, in the order (x, y, z)."""
    x, y, z = np.moveaxis(index.astype(np.int64), -1, 0)
    return np.asarray((x * size + y) * size + z)


def _twice(nodes: Values) -> Values:
    """Trilinear interpolation (B, n + 1, n + 1, n + 1) to (B, 2 n, 2 n, 2 n): node 2 i is node i."""
    for axis in (1, 2, 3):
        low, high = along(nodes, axis, None, -1), along(nodes, axis, 1, None)
        nodes = interleave(low, (low + high) * np.float32(0.5), axis)
    return nodes


def fold(flags: Flags, both: bool) -> Flags:
    """Combine the two ends of every edge along the last three axes: nodes to cells, one fewer along each."""
    for axis in (-3, -2, -1):
        low, high = along(flags, axis, None, -1), along(flags, axis, 1, None)
        flags = (low & high) if both else (low | high)
    return flags


def along(array: NDArray[Any], axis: int, start: int | None, stop: int | None) -> NDArray[Any]:
    """array[start:stop] along one axis, a view."""
    index = [slice(None)] * array.ndim
    index[axis] = slice(start, stop)
    return array[tuple(index)]


def interleave(even: NDArray[Any], odd: NDArray[Any], axis: int) -> NDArray[Any]:
    """even and odd taking turns along one axis, which doubles."""
    shape = list(even.shape)
    shape[axis] *= 2
    return np.stack([even, odd], axis=axis + 1).reshape(shape)
