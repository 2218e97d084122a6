# SPDX-License-Identifier: GPL-3.0-or-later
"""From occupancy on a grid to a closed mesh of quads: surface nets, the dual of marching cubes.

A cell that the surface crosses gets a vertex for each sheet of surface in it (Nielson, "Dual Marching Cubes",
2004), and each grid edge that the surface crosses a quad between the four cells around it. Where the corners
of a grid face disagree crosswise the two inside ones count as apart, except where that would let four quads
meet in one edge (the remedy is Wenger's, "Isosurfaces", 2013): so every edge has exactly two faces.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..space import grid_to_camera
from .field import CORNERS, LEVEL, Field, Values
from .meshes import Faces, Vertices

Indices = NDArray[np.integer[Any]]

# A corner's number is 4 x + 2 y + z. An edge's is 4 axis + its place among the four along that axis, in the
# order in which the cells that have a grid edge at place 0, 1, 2, 3 make a quad that faces down the axis.
TURN = ((0, 0), (1, 0), (1, 1), (0, 1))
STEP = (4, 2, 1)


def _edge(axis: int, place: int) -> tuple[int, int]:
    """The two corners of an edge, the lower one first."""
    second, third = STEP[(axis + 1) % 3], STEP[(axis + 2) % 3]
    low = TURN[place][0] * second + TURN[place][1] * third
    return low, low + STEP[axis]


EDGES = np.array([_edge(axis, place) for axis in range(3) for place in range(4)])


class _Cases(NamedTuple):
    """For each of the 256 sets of inside corners (bit k is corner k).

    sheet: (2, 256, 12) int8, the sheet an edge's crossing belongs to, -1 without one; [1] with the crosswise
    face taken the other way. sheets: (2, 256) int64, their number. pinched: (256,) int8, the face, 2 axis +
    side, through which one sheet passes twice; -1 where there is none.
    """

    sheet: NDArray[np.int8]
    sheets: NDArray[np.int64]
    pinched: NDArray[np.int8]


def surface_nets(field: Field) -> tuple[Vertices, Faces]:
    """The 0.5 level of a field as quads.

    Returns vertices (V, 3) float32 in camera space, each the mean of where its sheet crosses the cell's
    edges, and faces (Q, 4) int32, counter-clockwise seen from outside. Closed and 2-manifold: outside the
    field's box, and so outside the cube, occupancy is 0.
    """
    cells, corners = (part.cpu().numpy() for part in field.crossing_cells())
    inside = corners > LEVEL
    case = np.packbits(inside, axis=1, bitorder="little")[:, 0]
    find = _Finder(cells, field.resolution)
    flipped = _both_pinched(case, cells, find)
    table = _cases()
    first = np.cumsum(table.sheets[flipped, case]) - table.sheets[flipped, case]
    vertex = table.sheet[flipped, case] + first[:, None]  # (C, 12); meaningless where an edge is not crossed

    vertices = _centres(cells, corners, inside, vertex, int(table.sheets[flipped, case].sum()))
    camera = grid_to_camera(vertices, field.resolution).astype(np.float32)
    return camera, np.concatenate([_quads(axis, cells, inside, vertex, find) for axis in range(3)])


@cache
def _cases() -> _Cases:
    sheet = np.full((2, 256, 12), -1, dtype=np.int8)
    pinched = np.full(256, -1, dtype=np.int8)
    for case in range(256):
        inside = [bool(case >> corner & 1) for corner in range(8)]
        for flipped in (False, True):
            links = [link for face in range(6) for link in _links(face, inside, flipped)]
            sheet[int(flipped), case] = _components(inside, links)
        for face in range(6):
            links = _links(face, inside, False)
            if len(links) == 2 and sheet[0, case, links[0][0]] == sheet[0, case, links[1][0]]:
                pinched[case] = face
    return _Cases(sheet, sheet.max(axis=2).astype(np.int64) + 1, pinched)


def _links(face: int, inside: list[bool], flipped: bool) -> list[tuple[int, int]]:
    """The pairs of crossed edges that the surface joins on a face: none, one, or two."""
    axis, side = divmod(face, 2)
    around = [(number, low, high) for number, (low, high) in enumerate(EDGES.tolist())
              if all((corner & STEP[axis] > 0) == bool(side) for corner in (low, high))]
    crossed = [number for number, low, high in around if inside[low] != inside[high]]
    if len(crossed) != 4:
        return [(crossed[0], crossed[1])] if crossed else []
    centres = {corner for _, *ends in around for corner in ends if inside[corner] != flipped}
    pairs = [[number for number, low, high in around if centre in (low, high)] for centre in centres]
    return [(first, second) for first, second in pairs]


def _components(inside: list[bool], links: list[tuple[int, int]]) -> list[int]:
    """A number, from 0, for each of the 12 edges: those that links join share it; -1 where not crossed."""
    group = [number if inside[low] != inside[high] else -1 for number, (low, high) in enumerate(EDGES)]
    for first, second in links:
        group = [group[first] if one == group[second] else one for one in group]
    order = sorted(set(group) - {-1})
    return [order.index(one) if one >= 0 else -1 for one in group]


class _Finder:
    """Finds crossing cells by their place; cells (C, 3), sorted."""

    def __init__(self, cells: Indices, resolution: int) -> None:
        self.size = resolution + 2  # cells run from -1, and neighbours of the last may be asked for
        self.numbers = self._number(cells)

    def _number(self, cells: Indices) -> NDArray[np.int64]:
        x, y, z = (cells[:, axis] + 1 for axis in range(3))
        return np.asarray((x * self.size + y) * self.size + z)

    def __call__(self, cells: Indices) -> NDArray[np.intp]:
        """Where in the list cells (N, 3) are; -1 for those that the surface does not cross."""
        wanted = self._number(cells)
        place = np.minimum(np.searchsorted(self.numbers, wanted), len(self.numbers) - 1)
        return np.where(self.numbers[place] == wanted, place, -1)


def _both_pinched(case: Indices, cells: Indices, find: _Finder) -> NDArray[np.intp]:
    """(C,) 0 or 1: cells whose one sheet meets another cell's one sheet twice in the face between them."""
    flipped = np.zeros(len(cells), dtype=np.intp)
    pinched = _cases().pinched
    own = np.flatnonzero(pinched[case] >= 0)
    axis, side = np.divmod(pinched[case[own]], 2)
    beside = cells[own]
    beside[np.arange(own.size), axis] += 2 * side - 1
    other = find(beside)
    flipped[own] = (other >= 0) & (pinched[case[other]] == 2 * axis + 1 - side)
    return flipped


def _centres(
    cells: Indices, corners: Values, inside: NDArray[np.bool_], vertex: Indices, count: int
) -> NDArray[np.float64]:
    """The mean of the crossings of each sheet, (count, 3), in grid nodes."""
    total, number = np.zeros((count, 3)), np.zeros(count)
    for edge, (low, high) in enumerate(EDGES):
        crossed = np.flatnonzero(inside[:, low] != inside[:, high])
        start, end = corners[crossed, low].astype(np.float64), corners[crossed, high].astype(np.float64)
        own = vertex[crossed, edge]  # a sheet crosses an edge once, so no vertex comes twice
        point = cells[crossed] + CORNERS[low].astype(np.float64)
        point[:, edge // 4] += (LEVEL - start) / (end - start)
        total[own] += point
        number[own] += 1
    return np.asarray(total / number[:, None])


def _quads(
    axis: int, cells: Indices, inside: NDArray[np.bool_], vertex: Indices, find: _Finder
) -> Faces:
    """A quad for each crossed grid edge along axis, (Q, 4) int32, in the order of the edges."""
    own = np.flatnonzero(inside[:, 0] != inside[:, STEP[axis]])
    ring = [vertex[own, 4 * axis]]
    for place in range(1, 4):  # the cell that has this grid edge at its place lies the place's offset back
        beside = cells[own]
        beside[:, (axis + 1) % 3] -= TURN[place][0]
        beside[:, (axis + 2) % 3] -= TURN[place][1]
        ring.append(vertex[find(beside), 4 * axis + place])
    quads = np.stack(ring, axis=1).astype(np.int32)
    leaving = inside[own, 0]  # the surface faces along the axis; the ring's order is that already
    quads[~leaving] = quads[~leaving, ::-1]
    return quads
