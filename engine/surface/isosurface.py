# SPDX-License-Identifier: GPL-3.0-or-later
"""From the cells that the surface crosses to a closed triangle mesh: marching cubes, on the field's device.

In nearly every cell of a person's surface the triangles follow from which corners are inside, and are looked
up in a table. Where corners disagree crosswise their values decide too: such cells are given to scikit-image,
which has made the table as well.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final, NamedTuple

import numpy as np
import torch
from skimage.measure import marching_cubes
from torch import Tensor

from ..space import grid_to_camera
from .field import CORNERS, LEVEL, Field, Values
from .meshes import Faces, Vertices

CHUNK: Final = 65536  # cells looked at together: 0.03 s of one core
SIDE: Final = 8  # cells a side of the crate that scikit-image is given at once: a call alone takes its time
SHY: Final = 1e-5  # it sees corners at least this far from 0.5: then no vertex of a crate lies on a node
STEP: Final = (4, 2, 1)  # from a corner's number to the next one's along x, y, z
WITHIN: Final = 3  # the kind of vertex that lies within a cell; 0, 1, 2: on a grid edge along x, y, z
KINDS: Final = 4
STARTS: Final = 7  # corners of a cell, the first ones, at which edges of it start

# A spot is where a vertex lies seen from a cell, KINDS * corner + kind: on the edge of that kind that starts
# at that corner, or within the cell, with corner 0.


class _Cut(NamedTuple):
    """What scikit-image makes of cells: many (N,) int64, how many triangles are in each; spots (T, 3) int64,
    where their corners lie; inner (W,) int64, the cells with a vertex within; place (W, 3) float64, where in
    them."""

    many: Tensor
    spots: Tensor
    inner: Tensor
    place: Tensor


class _Table(NamedTuple):
    """What runs through a cell, for each of the 256 sets of inside corners: bit k is corner k.

    crossed: (256, KINDS) bool, on which edges that start at corner 0 there is a vertex; unclear: (256,) bool,
    where the corners' values decide too; first, many: (256,) int64, where among spots (T, 3) int64 its
    triangles begin and how many they are, without meaning where it is unclear.
    """

    crossed: Tensor
    unclear: Tensor
    first: Tensor
    many: Tensor
    spots: Tensor


def isosurface(field: Field, ask: Callable[[], None] = lambda: None) -> tuple[Vertices, Faces]:
    """The 0.5 level of a field. ask: called between chunks of cells; what it raises passes through.

    Returns vertices (V, 3) float32 in camera space, each on another grid edge or within another cell, in
    their order (x, y, z), and faces (F, 3) int32, counter-clockwise seen from outside. Closed: outside the
    grid occupancy is 0.
    """
    cells, corners = field.crossing_cells()
    table = _Table(*(part.to(corners.device) for part in _table()))
    inside = torch.cat([_inside(corners[part]) for part in _chunks(len(cells))])
    crossed = table.crossed.index_select(0, inside)
    first, many = table.first.take(inside), table.many.take(inside)

    unclear = table.unclear.take(inside).nonzero()[:, 0]
    cut = _Cut(*(part.to(corners.device) for part in _cut(corners[unclear].cpu().numpy(), ask)))
    spots = torch.cat([table.spots, cut.spots])
    first[unclear] = len(table.spots) + _starts(cut.many)
    many[unclear] = cut.many
    inner = unclear[cut.inner]
    crossed[inner, WITHIN] = True

    numbers = _Numbers(cells, crossed, field.resolution, ask)
    points, faces = [], []
    for part in _chunks(len(cells)):
        ask()
        nodes = _crossings(cells[part], corners[part], crossed[part])
        points.append(grid_to_camera(nodes, field.resolution).float())
        faces.append(_faces(numbers.around(part), first[part], many[part], spots))
    vertices = torch.cat(points)
    lowest = cells.index_select(0, inner)
    vertices[numbers.own[inner, WITHIN].long()] = grid_to_camera(lowest + cut.place, field.resolution).float()
    return vertices.cpu().numpy(), torch.cat(faces).cpu().numpy()


def _chunks(cells: int) -> list[slice]:
    """So many cells, CHUNK at a time."""
    return [slice(start, min(start + CHUNK, cells)) for start in range(0, cells, CHUNK)]


def _inside(corners: Tensor) -> Tensor:
    """(C,) int64: the set of inside corners, bit k for corner k, of cells with corners (C, 8)."""
    bits = 2.0 ** torch.arange(8, device=corners.device)
    return ((corners > LEVEL).float() @ bits).long()


def _starts(many: Tensor) -> Tensor:
    """(N,) how many there are before those of each, of which there are many (N,)."""
    return many.cumsum(0) - many


def _crossings(cells: Tensor, corners: Tensor, crossed: Tensor) -> Tensor:
    """The vertices (V, 3) float64 in grid nodes on the crossed (C, KINDS) edges that start at the lowest
    corner of cells (C, 3) with corners (C, 8); for those within, anything."""
    cell, kind = crossed.nonzero().unbind(1)
    low = cell * 8
    high = low + torch.tensor([*STEP, 0], device=kind.device).take(kind)
    below, above = ((corners.take(end).double() - LEVEL).abs_() for end in (low, high))
    nodes = cells.index_select(0, cell).double()
    return nodes.scatter_add_(1, kind.clamp(max=2)[:, None], (below / (below + above))[:, None])


def _faces(around: Tensor, first: Tensor, many: Tensor, spots: Tensor) -> Tensor:
    """The triangles (F, 3) int32 of cells. around: (C, 28), as from `_Numbers`; first, many: (C,) int64, and
    spots, (T, 3) int64, as in `_Table`."""
    cell = torch.arange(len(many), device=many.device).repeat_interleave(many)
    row = torch.arange(len(cell), device=cell.device) + (first - _starts(many)).take(cell)
    return around.take(spots.index_select(0, row) + cell[:, None] * around.shape[1])


class _Numbers:
    """The numbers of the vertices that crossing cells (C, 3) have on edges and within.

    own: (C, KINDS) int32, those of each cell; without meaning where crossed, (C, KINDS) bool, says there is
    none. A crossed edge belongs to the cell that starts where it does: that is a crossing cell too. So cell
    by cell, kind by kind, the vertices are in their order, and each is counted once.
    """

    def __init__(self, cells: Tensor, crossed: Tensor, resolution: int, ask: Callable[[], None]) -> None:
        self.own = crossed.view(-1).cumsum(0, dtype=torch.int32).sub_(1).view(-1, KINDS)
        size = resolution + 1  # cells along an axis
        x, y, z = cells.unbind(1)
        place = (x * size + y) * size + z
        self._above, self._right = _moved(place, size, ask), _moved(place, size * size, ask)

    def around(self, part: slice) -> Tensor:
        """(N, 28) int32: the numbers at every spot of some of the cells, meaningless where there is none."""
        above, right = self._above[part], self._right[part]
        cell = torch.arange(part.start, part.stop, device=right.device)
        # Where an edge is crossed, so are all cells around it: the way to its own cell is over such cells.
        starts = [cell, cell + 1, above, above + 1, right, right + 1, self._above.take(right)]
        there = torch.stack(starts, 1).clamp_(max=len(self.own) - 1)
        return self.own.index_select(0, there.view(-1)).view(-1, STARTS * KINDS)


def _moved(place: Tensor, step: int, ask: Callable[[], None]) -> Tensor:
    """(C,) int64: which of place (C,) int64, in order, is each of them + step; anything where none is."""
    found = []
    for part in _chunks(len(place)):
        ask()
        found.append(torch.searchsorted(place, place[part] + step))
    return torch.cat(found).clamp_(max=len(place) - 1)


@cache
def _table() -> _Table:
    inside = np.arange(256)[:, None] >> np.arange(8) & 1
    unclear = np.zeros(256, dtype=np.bool_)
    for axis in range(3):
        for side in (0, 1):
            first, second, third, fourth = inside[:, CORNERS[:, axis] == side].T
            unclear |= (first == fourth) & (second == third) & (first != second)
    for corner in range(4):  # two opposite corners of the cell, alone on their side
        pair = 1 << corner | 1 << 7 - corner
        unclear[[pair, 255 - pair]] = True
    crossed = np.stack([inside[:, step] != inside[:, 0] for step in STEP] + [np.zeros(256, np.bool_)], axis=1)
    cut = _cut(inside.astype(np.float32), lambda: None)
    return _Table(
        torch.from_numpy(crossed), torch.from_numpy(unclear), _starts(cut.many), cut.many, cut.spots)


def _cut(corners: Values, ask: Callable[[], None]) -> _Cut:
    """scikit-image's triangles in cells with corners (N, 8), in their order."""
    crates = []
    for start in range(0, len(corners), SIDE**3):
        ask()
        many, spots, inner, place = _in_crate(corners[start : start + SIDE**3])
        crates.append(_Cut(many, spots, inner + start, place))
    if not crates:
        none = torch.zeros(0, dtype=torch.int64)
        return _Cut(none, none.view(0, 3), none, torch.zeros((0, 3), dtype=torch.float64))
    return _Cut(*(torch.cat(parts) for parts in zip(*crates)))


def _in_crate(corners: Values) -> _Cut:
    """The same for at most SIDE^3 cells, which are put beside each other with a gap between."""
    values = np.zeros((SIDE**3, 8), dtype=np.float32)
    values[: len(corners)] = corners
    values = np.where(values > LEVEL, np.maximum(values, LEVEL + SHY), np.minimum(values, LEVEL - SHY))
    tiles = values.reshape((SIDE, SIDE, SIDE, 2, 2, 2)).transpose(0, 3, 1, 4, 2, 5)
    mask = np.zeros((2 * SIDE,) * 3, dtype=np.bool_)
    mask[1::2, 1::2, 1::2] = True  # a cell's own entry is that of its highest corner
    # "ascent" is what turns the faces outward for axes (x, y, z): a sphere's volume comes out positive.
    vertices, faces, _, _ = marching_cubes(  # type: ignore[no-untyped-call]
        tiles.reshape(mask.shape), LEVEL, gradient_direction="ascent", mask=mask)

    lowest = np.floor(vertices)
    place = (vertices - lowest).astype(np.float64)
    tile, corner = np.divmod(lowest.astype(np.int64), 2)
    between = place > 0.0
    kind = np.where(between.sum(axis=1) == 1, between.argmax(axis=1), WITHIN)
    spot = corner @ STEP * KINDS + kind
    cell = tile @ (SIDE * SIDE, SIDE, 1)
    own = cell[faces[:, 0]]
    order = np.argsort(own, kind="stable")
    many = np.bincount(own, minlength=len(corners))
    inner = np.flatnonzero(kind == WITHIN)
    parts = (many, spot[faces[order]], cell[inner], place[inner])
    return _Cut(*(torch.from_numpy(part) for part in parts))
