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
Rows = NDArray[np.uint16]


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

    def _inside(self, places: Places) -> Rows:
        """(B, 10, 10) uint16: which nodes are inside from node -1 of each of places on; along z in bits, the
        lowest first. The eleventh and those after it mean nothing."""
        inside = _packed(self.values > LEVEL)
        rows = np.zeros((len(places), SIDE + 2, SIDE + 2), dtype=np.uint16)
        here, there = [slice(1), slice(1, -1), slice(-1, None)], [slice(-1, None), slice(None), slice(1)]
        for x, y, z in product((0, 1, 2), repeat=3):
            blocks = self.number[tuple((places + (x, y, z)).T)]
            beside = inside[blocks, there[x], there[y]].astype(np.uint16)
            rows[:, here[x], here[y]] |= beside >> (SIDE - 1) if z == 0 else beside << (SIDE * z - SIDE + 1)
        return rows

    def _crossing(self, blocks: Numbers) -> Rows:
        """(B, 9, 9) uint16: which cells are crossed, from node -1 of blocks on; along z in nine bits."""
        inside = self._inside(self.places[blocks])
        return fold(inside, both=False) & ~fold(inside, both=True) & np.uint16((1 << SIDE + 1) - 1)

    def numbers_of(self, flat: Numbers) -> Numbers:
        """(N,) the nodes' numbers in the grid, as `linear` counts them, by their flat places in values."""
        block, local = np.divmod(flat, SIDE**3)
        inner = np.stack(np.unravel_index(np.arange(SIDE**3), (SIDE,) * 3), axis=1)
        return np.asarray(linear(self.places * SIDE, self.nodes)[block] + linear(inner, self.nodes)[local])

    def nodes_of(self, flat: Numbers) -> Numbers:
        """(N, 3) grid indices of nodes by their flat places in values."""
        block, local = np.divmod(flat, SIDE**3)
        inner = np.stack(np.unravel_index(local, (SIDE,) * 3), axis=1)
        return np.asarray(self.places[block].astype(np.int64) * SIDE + inner)

    def crossing_cells(self) -> tuple[Cells, Values]:
        """All crossing cells and their corners, as in `Field`."""
        blocks = np.arange(2, len(self.places))
        bits = self._crossing(blocks).astype("<u2")[..., None].view(np.uint8)
        crossing = np.unpackbits(bits, axis=3, count=SIDE + 1, bitorder="little").reshape(len(blocks), -1)
        inner = np.stack(np.unravel_index(np.arange((SIDE + 1) ** 3), (SIDE + 1,) * 3), axis=1)
        number, corners = [np.zeros(0, dtype=np.int64)], [np.zeros((0, 8), dtype=np.float32)]
        for start in range(0, len(blocks), CHUNK):
            part = self.places[2 + start : 2 + start + CHUNK]
            block, local = np.divmod(np.flatnonzero(crossing[start : start + CHUNK]), len(inner))
            # cells are numbered from -1, where the lowest of a block's are
            number.append(linear(part * SIDE, self.nodes + 1)[block] + linear(inner, self.nodes + 1)[local])
            values = self.around(self.values, part, (-1, -1, -1), SIDE + 2)
            lowest = block * (SIDE + 2) ** 3 + linear(inner, SIDE + 2)[local]
            corners.append(values.reshape(-1)[lowest[:, None] + linear(CORNERS, SIDE + 2)])
        # Blocks overlap by the cells between them, for their lowest corner may lie where there is no block.
        every = np.concatenate(number)
        order = np.argsort(every)
        first = order[np.diff(every[order], prepend=-1) > 0]
        cells = np.stack(np.unravel_index(every[first], (self.nodes + 1,) * 3), axis=1)
        return cells.astype(np.int32) - 1, np.concatenate(corners)[first]

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


def _packed(flags: Flags) -> NDArray[np.uint8]:
    """(B, 8, 8, 8) to (B, 8, 8), those along the last axis as bits, the lowest first."""
    return np.packbits(flags, bitorder="little").reshape(flags.shape[:-1])


def fold(rows: Rows, both: bool) -> Rows:
    """Combine the two ends of every edge along all three axes: nodes (B, n, n), along z in bits, to cells,
    one fewer along each."""
    combine = np.bitwise_and if both else np.bitwise_or
    rows = combine(rows, rows >> 1)
    for axis in (1, 2):
        rows = combine(along(rows, axis, None, -1), along(rows, axis, 1, None))
    return rows


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
