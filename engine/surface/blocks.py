# SPDX-License-Identifier: GPL-3.0-or-later
"""Occupancy at the nodes of a grid, kept in blocks of 8^3 nodes around the surface alone.

A grid of 1024 nodes a side would take 4 GiB; the blocks that a sample's person meets take 43 MB. All
others hold a single side of 0.5 and are one of two blocks that every grid has: nothing, or full.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Final

import torch
from torch import Tensor

from .field import CORNERS, LEVEL

SIDE: Final = 8  # nodes of a block; 4 is half as fast, 4 and 16 take more memory
NOTHING, FULL = 0, 1  # the numbers of the two blocks that stand for all without surface
CHUNK: Final = 2048  # blocks looked at together: 8 MB of their nodes and those around


class Blocks:
    """The values at the nodes^3 nodes of a grid: 0 beyond its border and where a column is not allowed.

    allowed: (nodes, nodes) bool, [x, y] columns in which there may be something; everything lies on its
    device. places: (B, 3) int64, each block's lowest node / 8; values: (B, 8, 8, 8) float32 in [0, 1]; known:
    the same, bool, where values are the networks' own rather than foretold, or 0 because nothing is allowed
    there. The first two blocks are NOTHING and FULL. number: int64, block of each place, with a border of
    NOTHING around.
    """

    def __init__(self, allowed: Tensor) -> None:
        self.nodes = allowed.shape[0]
        count = -(-self.nodes // SIDE)
        self.allowed = allowed.new_zeros((count * SIDE, count * SIDE))
        self.allowed[: self.nodes, : self.nodes] = allowed
        device = allowed.device
        self.number = torch.full((count + 2,) * 3, NOTHING, device=device)
        self.places = torch.zeros((2, 3), dtype=torch.int64, device=device)
        self.values = torch.zeros((2, SIDE, SIDE, SIDE), device=device)
        self.values[FULL] = 1.0
        self.known = torch.zeros_like(self.values, dtype=torch.bool)

    @property
    def inner(self) -> Tensor:
        """number without its border, a view."""
        return self.number[1:-1, 1:-1, 1:-1]

    def add(self, places: Tensor, values: Tensor, known: Tensor) -> None:
        """Take in new blocks; their nodes that are not allowed become known to be 0."""
        inside = self._allowed_in(places)
        first = len(self.places)
        self.inner[places.unbind(1)] = torch.arange(first, first + len(places), device=places.device)
        self.places = torch.cat([self.places, places])
        self.values = torch.cat([self.values, values * inside])
        self.known = torch.cat([self.known, known | ~inside])

    @property
    def tiles(self) -> Tensor:
        """allowed as (count, count, 8, 8), a view: the columns of each column of blocks."""
        count = len(self.allowed) // SIDE
        return self.allowed.reshape(count, SIDE, count, SIDE).transpose(1, 2)

    @property
    def open(self) -> Tensor:
        """(count, count) bool: columns of blocks in which some column is allowed."""
        return self.tiles.any(3).any(2)

    def _allowed_in(self, places: Tensor) -> Tensor:
        """(B, 8, 8, 8) bool."""
        x, y, z = places.unbind(1)
        depth = z[:, None] * SIDE + torch.arange(SIDE, device=z.device) < self.nodes
        return self.tiles[x, y][:, :, :, None] & depth[:, None, None, :]

    def around(self, pool: Tensor, places: Tensor, low: tuple[int, int, int], size: int) -> Tensor:
        """(B, size, size, size) of pool (values or known) from node low, -8..8, of each of places on.

        At most the neighbouring blocks are reached into.
        """
        found = pool.new_empty((len(places), size, size, size))
        x, y, z = (places + 1).unbind(1)
        for step in product(*(range(start // SIDE, (start + size - 1) // SIDE + 1) for start in low)):
            first = [max(start, SIDE * at) for start, at in zip(low, step)]
            stop = [min(start + size, SIDE * at + SIDE) for start, at in zip(low, step)]
            blocks = self.number[x + step[0], y + step[1], z + step[2]]
            target = tuple(slice(a - start, b - start) for a, b, start in zip(first, stop, low))
            source = tuple(slice(a - SIDE * at, b - SIDE * at) for a, b, at in zip(first, stop, step))
            found[(slice(None), *target)] = pool[(slice(None), *source)][blocks]
        return found

    @property
    def sides(self) -> Tensor:
        """(B, 8, 8) int32: which nodes of the blocks are inside, along z in eight bits, the lowest first."""
        return packed(self.values > LEVEL)

    def around_sides(self, rows: Tensor, places: Tensor) -> Tensor:
        """(B, 10, 10) int32: rows, which are `sides`, from node -1 of each of places on; along z in ten bits.
        Those after them mean nothing."""
        found = rows.new_empty((len(places), SIDE + 2, SIDE + 2))
        here, there = [slice(1), slice(1, -1), slice(-1, None)], [slice(-1, None), slice(None), slice(1)]
        x, y, z = places.unbind(1)
        for i, j in product(range(3), repeat=2):
            reached = rows[:, there[i], there[j]]
            below, level, above = (reached[self.number[x + i, y + j, z + k]] for k in range(3))
            found[:, here[i], here[j]] = below >> SIDE - 1 | level << 1 | above << SIDE + 1
        return found

    def nodes_of(self, flat: Tensor) -> Tensor:
        """(N, 3) grid indices of nodes by their flat places in values."""
        return self.places[flat // SIDE**3] * SIDE + unravelled(flat % SIDE**3, SIDE)

    def crossing_cells(self) -> tuple[Tensor, Tensor]:
        """All crossing cells and their corners, as in `Field`."""
        rows = self.sides
        corner = linear(torch.from_numpy(CORNERS).to(self.places.device), SIDE + 2)
        numbers, corners = [self.places.new_zeros(0)], [self.values.new_zeros((0, len(CORNERS)))]
        for start in range(2, len(self.places), CHUNK):
            part = self.places[start : start + CHUNK]
            found = set_of(crossing(self.around_sides(rows, part)), SIDE + 1)
            block, local = found // (SIDE + 1) ** 3, unravelled(found % (SIDE + 1) ** 3, SIDE + 1)
            # cells are numbered from -1, where the lowest of a block's are
            numbers.append(linear(part[block] * SIDE + local, self.nodes + 1))
            lowest = block * (SIDE + 2) ** 3 + linear(local, SIDE + 2)
            values = self.around(self.values, part, (-1, -1, -1), SIDE + 2)
            corners.append(values.reshape(-1)[lowest[:, None] + corner])
        # Blocks overlap by the cells between them, for their lowest corner may lie where there is no block.
        every, order = torch.cat(numbers).sort()
        first = torch.ones_like(every, dtype=torch.bool)
        first[1:] = every[1:] > every[:-1]
        return unravelled(every[first], self.nodes + 1) - 1, torch.cat(corners)[order[first]]

    def sides_of_finer(self, places: Tensor) -> Tensor:
        """(B, 2) bool: whether some node in or beside blocks of the grid twice as fine is outside, inside."""
        sides = places.new_empty((len(places), 2), dtype=torch.bool)
        rows, size = self.sides, SIDE // 2 + 2
        for part, coarse, (x, y, z) in _halves(places):
            # The fine nodes -1..8 lie between the nodes 0..3 that are here too and one around them.
            around = self.around_sides(rows, coarse)[:, x : x + size, y : y + size]
            inside = around.flatten(1) >> z & ((1 << size) - 1)
            sides[part] = torch.stack([(inside < (1 << size) - 1).any(1), (inside > 0).any(1)], 1)
        return sides

    def finer(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """Blocks of the grid twice as fine, whose node 2 i is node i here: values and known, (B, 8, 8, 8).

        Values are trilinear between the nodes; known is what is known here.
        """
        values = self.values.new_empty((len(places), SIDE, SIDE, SIDE))
        known = torch.zeros_like(values, dtype=torch.bool)
        for part, coarse, low in _halves(places):
            values[part] = _twice(self.around(self.values, coarse, low, SIDE // 2 + 1))
            known[part, ::2, ::2, ::2] = self.around(self.known, coarse, low, SIDE // 2)
        return values, known

    def dense(self) -> Tensor:
        """All values, (nodes, nodes, nodes) float32; for coarse grids."""
        tiles = self.values[self.inner].permute(0, 3, 1, 4, 2, 5)
        size = self.inner.shape[0] * SIDE
        return tiles.reshape((size,) * 3)[(slice(self.nodes),) * 3]


def _halves(places: Tensor) -> Iterator[tuple[Tensor, Tensor, tuple[int, int, int]]]:
    """Chunks of the blocks at places by the eighth they are of a block of the grid half as fine: which of
    them, the coarse blocks' places, and the lowest node within these."""
    eighth = linear(places % 2, 2)
    for number, half in enumerate(product((0, 1), repeat=3)):
        low = (SIDE // 2 * half[0], SIDE // 2 * half[1], SIDE // 2 * half[2])
        for part in torch.split((eighth == number).nonzero()[:, 0], CHUNK):
            yield part, places[part] // 2, low


def linear(index: Tensor, size: int) -> Tensor:
    """Grid indices (..., 3) int64 of a grid of size^3 to single numbers, in the order (x, y, z)."""
    x, y, z = index.unbind(-1)
    return (x * size + y) * size + z


def unravelled(number: Tensor, size: int) -> Tensor:
    """The inverse of `linear`: (...,) to (..., 3)."""
    return torch.stack([number // size**2, number // size % size, number % size], -1)


def _twice(nodes: Tensor) -> Tensor:
    """Trilinear interpolation (B, n + 1, n + 1, n + 1) to (B, 2 n, 2 n, 2 n): node 2 i is node i."""
    for axis in (1, 2, 3):
        low, high = along(nodes, axis, None, -1), along(nodes, axis, 1, None)
        nodes = interleave(low, (low + high) * 0.5, axis)
    return nodes


def packed(flags: Tensor) -> Tensor:
    """(B, 8, 8, 8) bool to (B, 8, 8) int32, those along the last axis as bits, the lowest first."""
    # eight bytes of 0 or 1 are one number, and the product gathers their lowest bits in its highest byte
    gathered = flags.contiguous().view(torch.int64)[..., 0] * 0x0102040810204080 >> 56
    return gathered.int() & 0xFF


def flags_of(rows: Tensor, count: int) -> Tensor:
    """(..., count) bool: the lowest bits of rows, int32."""
    return (rows[..., None] >> torch.arange(count, dtype=torch.int32, device=rows.device) & 1).bool()


def set_of(rows: Tensor, count: int) -> Tensor:
    """(N,) int64: the flat places at which `flags_of` are set."""
    rows = rows.reshape(-1) & (1 << count) - 1
    some = rows.nonzero()[:, 0]  # rows with nothing set are most, and need not be spread out
    row, bit = flags_of(rows[some], count).nonzero().unbind(1)
    return some[row] * count + bit


def crossing(rows: Tensor) -> Tensor:
    """(B, n - 1, n - 1) int32: cells whose corners disagree; rows (B, n, n), nodes, along z in bits as they
    are. The last bit means nothing."""
    some, every = rows | rows >> 1, rows & rows >> 1
    for axis in (1, 2):
        some = along(some, axis, None, -1) | along(some, axis, 1, None)
        every = along(every, axis, None, -1) & along(every, axis, 1, None)
    return some & ~every


def along(array: Tensor, axis: int, start: int | None, stop: int | None) -> Tensor:
    """array[start:stop] along one axis, a view."""
    return array[(slice(None),) * axis + (slice(start, stop),)]


def interleave(even: Tensor, odd: Tensor, axis: int) -> Tensor:
    """even and odd taking turns along one axis, which doubles."""
    return torch.stack([even, odd], axis + 1).flatten(axis, axis + 1)
