# SPDX-License-Identifier: GPL-3.0-or-later
"""Occupancy on the grid, asked of the networks only near the surface (sign-crossing refinement).

A coarse grid is evaluated; level by level its values are interpolated to twice the nodes, and both ends of
every edge that crosses 0.5 are asked for. Where an answer contradicts the interpolation, the edges around it
are looked at again, until the ends of each crossed edge hold the networks' own values: so each part of the
surface that is met at all, at whatever level, is followed until it is closed, and is the dense grid's. What
can be missed is a part (or a hollow) that slips between the nodes of every level before, and that no grid
edge joins to the rest; some of those that hang on it by corners of cells are found all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
from scipy.ndimage import binary_erosion

from ..errors import EngineError
from ..sentences import Sentence
from ..space import grid_to_camera
from .blocks import FULL, NOTHING, SIDE, Blocks, Numbers, Places, along, interleave, linear
from .field import CORNERS, LEVEL, Field, Flags, Values
from .filling import Filling
from .questions import each_once, unknown_ends

Query = Callable[[Values], Values]

COARSEST = 64  # nodes a side of the first grid: 3 cm on a person, an arm cannot slip through
NEXT_TO_NOTHING = 0.005  # of the occupancy in it; where both sides of a node are at most this, so is the node
MARGIN = 0.3  # after it, more is asked for than crossing cells: around ridges and valleys this near to 0.5,
EMPTY_SHARE = 0.5  # and in columns of the silhouette without anything, if they are at most this share of it:
FAINT = 0.02  # around their ridges where these are above this, else all along, as deep as the body is found
BEYOND = 0.08  # of the grid's depth: and so much nearer and farther
RIM = 2  # nodes of the second grid: the silhouette was widened by 1.5, and by up to one more to meet nodes
SMALLEST_SPREAD = 1e-6  # of the first grid's answers; working weights differ by nearly 1
RETRY = "Try another picture, or draw a box around the person."
DAMAGED = "Check or renew the weights: python -m engine weights verify tells which file is damaged."


def localise(
    query: Query,
    columns: Flags,
    batch: int = 65536,
    tick: Callable[[float], None] = lambda share: None,
    filling: Filling | None = None,
    coarsest: int = COARSEST,
) -> Field:
    """Find the occupancy near its 0.5 level.

    query: (N, 3) float32 camera points -> (N,) float32 in [0, 1]; called with at most batch points, sorted by
    x, y, z, so that a depth column's follow each other. columns: (r, r) bool, [x, y] grid nodes where there
    may be something; elsewhere occupancy is 0 without asking. tick: called after every batch with the share
    done, 0..1. filling: learns from the first grid, then completes every answer. coarsest: the fewest nodes a
    side that the first grid may have.

    Raises EngineError broken_field when query answers NaN or the same everywhere, which damaged weights do,
    or is above 0.5 everywhere; no_person when it is nowhere above 0.5 or columns is empty.
    """
    resolution = columns.shape[0]
    if not columns.any():
        raise EngineError("no_person", "The silhouette in the picture is empty.", RETRY)
    stride = first_stride(resolution, coarsest)
    asker = _Asker(query, resolution, batch, tick, filling, levels=stride.bit_length())
    asker.begin_level(stride)
    grid = _first_grid(asker, _pooled(columns, stride))
    while stride > 1:
        stride //= 2
        asker.begin_level(stride)
        allowed = _pooled(columns, stride)
        grid = _finer_grid(asker, grid, allowed, _hints(grid, allowed) if asker.level == 1 else None)
    tick(1.0)
    cells, corners = grid.crossing_cells()
    if not len(cells):
        raise EngineError("no_person", "The networks found no body in the picture.", RETRY)
    return Field(cells, corners, resolution, asker.asked)


def first_stride(resolution: int, coarsest: int = COARSEST) -> int:
    """How far apart the nodes of the first grid are, in nodes of the last."""
    stride = 1
    while resolution // (stride * 2) >= coarsest and resolution % (stride * 2) == 0:
        stride *= 2
    return stride


def first_points(columns: Flags, most: int, coarsest: int = COARSEST) -> Values:
    """At most so many of the first grid's points, evenly taken, (N, 3) float32 camera, sorted.

    For what has to be measured over a picture as a whole before anything is asked.
    """
    stride = first_stride(columns.shape[0], coarsest)
    x, y = np.nonzero(_pooled(columns, stride))
    depth = columns.shape[0] // stride
    step = max(-(-len(x) * depth // most), 1)
    column, z = np.divmod(np.arange(0, len(x) * depth, step), depth)
    nodes = np.stack([x[column], y[column], z], axis=1) * stride
    return grid_to_camera(nodes, columns.shape[0]).astype(np.float32)


class _Asker:
    """Asks the networks for nodes of the present level, in batches, and tells how far it is."""

    def __init__(
        self,
        query: Query,
        resolution: int,
        batch: int,
        tick: Callable[[float], None],
        filling: Filling | None,
        levels: int,
    ) -> None:
        self.query, self.tick, self.filling = query, tick, filling
        self.resolution, self.batch, self.levels = resolution, batch, levels
        self.asked, self.level = 0, -1
        self.stride, self.base, self.span, self.told = 1, 0.0, 1.0, 0.0

    def begin_level(self, stride: int) -> None:
        """The shares assume that a level has four times the surface nodes of the one before."""
        self.level += 1
        whole = sum(4**i for i in range(self.levels))
        self.stride = stride
        self.base = sum(4**i for i in range(self.level)) / whole
        self.span = 4**self.level / whole

    def ask(self, grid: Blocks, flat: Numbers) -> None:
        """Make nodes of grid, by their places in its values, known."""
        numbers = grid.numbers_of(flat)
        order = np.argsort(numbers)
        for start in range(0, flat.size, self.batch):
            part = order[start : start + self.batch]
            nodes = np.stack(np.unravel_index(numbers[part], (grid.nodes,) * 3), axis=1)
            points = grid_to_camera(nodes * self.stride, self.resolution).astype(np.float32)
            answer = self.query(points)
            if not np.isfinite(answer).all():
                text = "The weights are broken: the networks answered with something that is no number."
                raise EngineError("broken_field", text, DAMAGED)
            if self.filling is not None and self.level > 0:
                answer = self.filling.fill(points, answer)
            grid.values.reshape(-1)[flat[part]] = answer
            grid.known.reshape(-1)[flat[part]] = True
            self.asked += part.size
            # what answers lead to is asked for within the same level, which does not begin anew for that
            self.told = max(self.told, self.base + self.span * (start + part.size) / flat.size)
            self.tick(self.told)


def _first_grid(asker: _Asker, allowed: Flags) -> Blocks:
    """Every allowed node: half of them, as of a chessboard, asked for, then of the others those beside an
    answer that is not next to nothing, or as deep as the body is found. The rest have the mean of what is
    beside them."""
    grid = Blocks(allowed)
    used = np.broadcast_to(grid.open[:, :, None], grid.inner.shape)
    places = np.argwhere(used).astype(np.int32)
    shape = (len(places), SIDE, SIDE, SIDE)
    grid.add(places, np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.bool_))
    nodes = np.flatnonzero(~grid.known[2:]) + 2 * SIDE**3
    index = grid.nodes_of(nodes)
    second = _odd(grid.nodes)[tuple(index.T)]
    asker.ask(grid, nodes[~second])
    values = grid.dense()
    beside = np.stack([_beside(values, *step)[tuple(index.T)] for step in product(range(3), (0, 2))])
    grid.values.reshape(-1)[nodes[second]] = beside.mean(axis=0)[second]
    second &= (beside > NEXT_TO_NOTHING).any(axis=0) | _depths(grid.dense())[index[:, 2]]
    asker.ask(grid, nodes[second])
    grid.known.reshape(-1)[nodes] = True
    answers = grid.values.reshape(-1)[nodes]
    if np.ptp(answers) < SMALLEST_SPREAD:
        said = f"{answers[0]:.3g}"
        pattern = "The weights are broken: the networks answered {said} wherever they were asked."
        text = Sentence(pattern, said=said)
        raise EngineError("broken_field", text, DAMAGED)
    if (answers > LEVEL).all():
        text = Sentence("The weights are broken: the networks see a body everywhere.")
        raise EngineError("broken_field", text, DAMAGED)
    if asker.filling is not None:
        asker.filling.learn(index, answers, grid.nodes)
        points = grid_to_camera(index * asker.stride, asker.resolution).astype(np.float32)
        grid.values.reshape(-1)[nodes] = asker.filling.fill(points, answers)
    return grid


def _beside(values: Values, axis: int, start: int) -> Values:
    """(n, n, n): each node's neighbour along an axis, before it for 0, behind it for 2; beyond the grid 0."""
    padded = np.pad(values, [(1, 1) if other == axis else (0, 0) for other in range(3)])
    return along(padded, axis, start, start - 2 or None)


def _finer_grid(asker: _Asker, coarse: Blocks, allowed: Flags, wanted: Flags | None) -> Blocks:
    """The grid twice as fine, with the ends of its crossed edges known, and the nodes that are wanted, dense
    (2 n, 2 n, 2 n) or None."""
    fine = Blocks(allowed)
    _add_crossed(fine, coarse, wanted)
    blocks = np.arange(2, len(fine.places))
    nodes = unknown_ends(fine, blocks)
    if wanted is not None:
        x, y, z = fine.places.T
        hinted = _tiled(wanted)[x, :, y, :, z, :]
        hinted[:2] = False
        nodes = each_once(fine, nodes, np.flatnonzero(hinted & ~fine.known))
    while nodes.size:
        before = fine.values.reshape(-1)[nodes] > LEVEL
        asker.ask(fine, nodes)
        # Only the edges at nodes that changed side can have become crossed.
        places = _places_around(fine, nodes[(fine.values.reshape(-1)[nodes] > LEVEL) != before])
        fresh = places[fine.inner[tuple(places.T)] < 2]
        fine.add(fresh, *coarse.finer(fresh))
        nodes = unknown_ends(fine, fine.inner[tuple(places.T)].astype(np.int64))
    return fine


def _add_crossed(fine: Blocks, coarse: Blocks, wanted: Flags | None) -> None:
    """Give fine the blocks in which coarse foretells a surface, or its narrower columns cut one, or which
    hold wanted nodes; NOTHING and FULL for all others."""
    count = len(fine.inner)
    doubled = coarse.inner.repeat(2, 0).repeat(2, 1).repeat(2, 2)[:count, :count, :count]
    cut = _cut_tiles(fine)
    places = np.argwhere((doubled >= 2) | (cut[:, :, None] & (doubled == FULL))).astype(np.int32)
    sides = coarse.sides_of_finer(places)
    full = sides[:, 1] & ~sides[:, 0]
    crossed = sides[:, 1] & (sides[:, 0] | cut[places[:, 0], places[:, 1]])
    if wanted is not None:
        crossed |= np.asarray(_tiled(wanted).any(axis=(1, 3, 5)))[tuple(places.T)]
    fine.inner[...] = doubled == FULL
    fine.inner[tuple(places.T)] = full
    fine.inner[~fine.open] = NOTHING
    places = places[crossed & fine.open[places[:, 0], places[:, 1]]]
    fine.add(places, *coarse.finer(places))


def _cut_tiles(grid: Blocks) -> Flags:
    """(count, count) bool: columns of blocks in or beside which some columns are allowed and some are not."""
    padded = np.pad(grid.allowed, 1)
    last, reach = len(padded) - SIDE - 1, range(SIDE + 2)
    parts = [padded[i : i + last : SIDE, j : j + last : SIDE] for i in reach for j in reach]
    return np.asarray(np.any(parts, axis=0) & ~np.all(parts, axis=0))


def _tiled(flags: Flags) -> Flags:
    """(n, n, n) to (count, 8, count, 8, count, 8), a view where n is a multiple of 8."""
    count = -(-len(flags) // SIDE)
    padded = np.pad(flags, (0, count * SIDE - len(flags)))
    return padded.reshape((count, SIDE) * 3)


def _places_around(grid: Blocks, nodes: Numbers) -> Places:
    """Places of the blocks with columns that hold a corner of a cell around one of nodes, each once."""
    around = (grid.nodes_of(nodes)[:, None, :] + (2 * CORNERS - 1)).reshape(-1, 3) // SIDE
    count = len(grid.inner)
    around = around[((around >= 0) & (around < count)).all(axis=1)]
    numbers = np.unique(linear(around, count))
    places = np.stack(np.unravel_index(numbers, (count,) * 3), axis=1).astype(np.int32)
    return places[grid.open[places[:, 0], places[:, 1]]]


def _hints(grid: Blocks, allowed: Flags) -> Flags:
    """Dense (2 n, 2 n, 2 n) bool: nodes of the grid twice as fine, whose columns allowed (2 n, 2 n) are,
    around those of grid where something may be too thin to show.

    That is where values are highest along some axis yet below 0.5, or lowest yet above, by less than MARGIN;
    and in columns of the silhouette in which nothing was found. The silhouette's widened rim, which eroding
    leaves out, is empty by rights; and a silhouette that is empty for the most part is none. On the samples
    this asks for a quarter of what asking for all values near 0.5 and all empty columns did, and finds more.
    In such columns every second node is asked for, as of a chessboard: that meets each ball of 3.1 cm on a
    person where all nodes meet those of 2.7.
    """
    values = grid.dense()
    highest = [_extreme(values, axis) for axis in range(3)]
    lowest = [_extreme(-values, axis) for axis in range(3)]
    hints = np.asarray(np.any(highest, axis=0) & (values <= LEVEL) & (values > LEVEL - MARGIN))
    hints |= np.any(lowest, axis=0) & (values > LEVEL) & (values < LEVEL + MARGIN)
    hints = _with_between(hints)
    core = binary_erosion(grid.allowed[: grid.nodes, : grid.nodes])
    empty = core & ~np.any(values > LEVEL, axis=2)
    if empty.sum() <= EMPTY_SHARE * core.sum():
        silent = ~np.any(values > FAINT, axis=2)
        unseen = empty[:, :, None] & (highest[2] & (values > FAINT) | silent[:, :, None] & _depths(values))
        inner = binary_erosion(allowed, iterations=RIM)
        hints |= _with_between(unseen) & inner[:, :, None] & ~_odd(len(allowed))
    return hints


def _odd(nodes: int) -> Flags:
    """(n, n, n) bool: every second node of a grid, none beside another."""
    odd = np.arange(nodes) % 2 == 1
    return np.asarray(odd[:, None, None] ^ odd[:, None] ^ odd)


def _with_between(nodes: Flags) -> Flags:
    """(2 n, 2 n, 2 n) bool: the nodes (n, n, n) on the grid twice as fine, with those half-way to others."""
    for axis in range(3):
        between = nodes.copy()
        along(between, axis, None, -1)[...] |= along(nodes, axis, 1, None)
        nodes = interleave(nodes, between, axis)
    return nodes


def _depths(values: Values) -> Flags:
    """(n,) bool: the planes of constant depth in which something was found, and those around them."""
    found = np.flatnonzero(np.any(values > LEVEL, axis=(0, 1)))
    z = np.arange(values.shape[2])
    beyond = BEYOND * values.shape[2]
    return np.asarray((z >= found.min(initial=len(z)) - beyond) & (z <= found.max(initial=0) + beyond))


def _extreme(values: Values, axis: int) -> Flags:
    """(n, n, n) bool: where values are at least those on both sides along an axis; beyond the grid lies 0."""
    return np.asarray((values >= _beside(values, axis, 0)) & (values >= _beside(values, axis, 2)))


def _pooled(columns: Flags, stride: int) -> Flags:
    """(r/stride, r/stride) bool: nodes of the coarser grid with a set column nearer than one of its cells."""
    if stride == 1:
        return columns
    size = columns.shape[0] // stride
    padded = np.pad(columns, (stride - 1, stride - 1))
    reach = 2 * stride - 1
    rows = np.any([padded[k : k + size * stride : stride] for k in range(reach)], axis=0)
    return np.asarray(np.any([rows[:, k : k + size * stride : stride] for k in range(reach)], axis=0))
