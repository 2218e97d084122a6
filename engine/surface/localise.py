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

import torch
from torch import Tensor
from torch.nn import functional

from ..errors import EngineError
from ..sentences import Sentence
from ..space import grid_to_camera
from .blocks import FULL, NOTHING, SIDE, Blocks, along, interleave, linear, unravelled
from .field import CORNERS, LEVEL, Field
from .filling import Filling
from .questions import each_once, unknown_ends

Query = Callable[[Tensor], Tensor]

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
    columns: Tensor,
    batch: int = 65536,
    tick: Callable[[float], None] = lambda share: None,
    filling: Filling | None = None,
    coarsest: int = COARSEST,
) -> Field:
    """Find the occupancy near its 0.5 level.

    query: (N, 3) float32 camera points -> (N,) float32 in [0, 1]; called with at most batch points, sorted by
    x, y, z, so that a depth column's follow each other. columns: (r, r) bool, [x, y] grid nodes where there
    may be something; elsewhere occupancy is 0 without asking. On its device lie the points that are asked
    for, and the field. tick: called after every batch with the share done, 0..1. filling: learns from the
    first grid, then completes every answer. coarsest: the fewest nodes a side that the first grid may have.

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


def first_points(columns: Tensor, most: int, coarsest: int = COARSEST) -> Tensor:
    """At most so many of the first grid's points, evenly taken, (N, 3) float32 camera, sorted.

    For what has to be measured over a picture as a whole before anything is asked.
    """
    stride = first_stride(columns.shape[0], coarsest)
    found = _pooled(columns, stride).nonzero()
    depth = columns.shape[0] // stride
    step = max(-(-len(found) * depth // most), 1)
    point = torch.arange(0, len(found) * depth, step, device=columns.device)
    nodes = torch.cat([found[point // depth], point[:, None] % depth], 1) * stride
    return _points(nodes, columns.shape[0])


def _points(nodes: Tensor, resolution: int) -> Tensor:
    """Camera points (N, 3) float32 of the last grid's nodes (N, 3)."""
    return grid_to_camera(nodes.double(), resolution).float()


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

    def ask(self, grid: Blocks, flat: Tensor) -> None:
        """Make nodes of grid, by their places in its values, known."""
        numbers, order = linear(grid.nodes_of(flat), grid.nodes).sort()
        for start in range(0, len(flat), self.batch):
            part = flat[order[start : start + self.batch]]
            nodes = unravelled(numbers[start : start + self.batch], grid.nodes)
            points = _points(nodes * self.stride, self.resolution)
            answer = self.query(points)
            if not answer.isfinite().all():
                text = "The weights are broken: the networks answered with something that is no number."
                raise EngineError("broken_field", text, DAMAGED)
            if self.filling is not None and self.level > 0:
                answer = self.filling.fill(points, answer)
            grid.values.reshape(-1)[part] = answer
            grid.known.reshape(-1)[part] = True
            self.asked += len(part)
            # what answers lead to is asked for within the same level, which does not begin anew for that
            self.told = max(self.told, self.base + self.span * (start + len(part)) / len(flat))
            self.tick(self.told)


def _first_grid(asker: _Asker, allowed: Tensor) -> Blocks:
    """Every allowed node: half of them, as of a chessboard, asked for, then of the others those beside an
    answer that is not next to nothing, or as deep as the body is found. The rest have the mean of what is
    beside them."""
    grid = Blocks(allowed)
    places = grid.open[:, :, None].expand(grid.inner.shape).nonzero()
    values = grid.values.new_zeros((len(places), SIDE, SIDE, SIDE))
    grid.add(places, values, torch.zeros_like(values, dtype=torch.bool))
    nodes = (~grid.known[2:]).reshape(-1).nonzero()[:, 0] + 2 * SIDE**3
    index = grid.nodes_of(nodes)
    second = _odd(index)
    asker.ask(grid, nodes[~second])
    values = grid.dense()
    beside = torch.stack([_beside(values, *step)[index.unbind(1)] for step in product(range(3), (0, 2))])
    grid.values.reshape(-1)[nodes[second]] = beside.mean(0)[second]
    second &= (beside > NEXT_TO_NOTHING).any(0) | _depths(grid.dense())[index[:, 2]]
    asker.ask(grid, nodes[second])
    grid.known.reshape(-1)[nodes] = True
    answers = grid.values.reshape(-1)[nodes]
    least, most = answers.aminmax()
    if most - least < SMALLEST_SPREAD:
        said = f"{float(answers[0]):.3g}"
        pattern = "The weights are broken: the networks answered {said} wherever they were asked."
        text = Sentence(pattern, said=said)
        raise EngineError("broken_field", text, DAMAGED)
    if (answers > LEVEL).all():
        text = Sentence("The weights are broken: the networks see a body everywhere.")
        raise EngineError("broken_field", text, DAMAGED)
    if asker.filling is not None:
        asker.filling.learn(index, answers, grid.nodes)
        points = _points(index * asker.stride, asker.resolution)
        grid.values.reshape(-1)[nodes] = asker.filling.fill(points, answers)
    return grid


def _beside(values: Tensor, axis: int, start: int) -> Tensor:
    """(n, n, n): each node's neighbour along an axis, before it for 0, behind it for 2; beyond the grid 0."""
    padded = functional.pad(values, [0, 0] * (2 - axis) + [1, 1])
    return along(padded, axis, start, start - 2 or None)


def _finer_grid(asker: _Asker, coarse: Blocks, allowed: Tensor, wanted: Tensor | None) -> Blocks:
    """The grid twice as fine, with the ends of its crossed edges known, and the nodes that are wanted, dense
    (2 n, 2 n, 2 n) or None."""
    fine = Blocks(allowed)
    _add_crossed(fine, coarse, wanted)
    nodes = unknown_ends(fine, torch.arange(2, len(fine.places), device=allowed.device))
    if wanted is not None:
        hinted = _tiled(wanted)[fine.places.unbind(1)]
        hinted[:2] = False
        nodes = each_once(fine, nodes, (hinted & ~fine.known).reshape(-1).nonzero()[:, 0])
    while len(nodes):
        before = fine.values.reshape(-1)[nodes] > LEVEL
        asker.ask(fine, nodes)
        # Only the edges at nodes that changed side can have become crossed.
        places = _places_around(fine, nodes[(fine.values.reshape(-1)[nodes] > LEVEL) != before])
        fresh = places[fine.inner[places.unbind(1)] < 2]
        fine.add(fresh, *coarse.finer(fresh))
        nodes = unknown_ends(fine, fine.inner[places.unbind(1)])
    return fine


def _add_crossed(fine: Blocks, coarse: Blocks, wanted: Tensor | None) -> None:
    """Give fine the blocks in which coarse foretells a surface, or its narrower columns cut one, or which
    hold wanted nodes; NOTHING and FULL for all others."""
    count = len(fine.inner)
    doubled = coarse.inner
    for axis in range(3):
        doubled = along(doubled.repeat_interleave(2, axis), axis, None, count)
    cut = _cut_tiles(fine)
    places = ((doubled >= 2) | (cut[:, :, None] & (doubled == FULL))).nonzero()
    x, y, z = places.unbind(1)
    sides = coarse.sides_of_finer(places)
    full = sides[:, 1] & ~sides[:, 0]
    crossed = sides[:, 1] & (sides[:, 0] | cut[x, y])
    if wanted is not None:
        crossed |= _tiled(wanted).flatten(3).any(3)[x, y, z]
    fine.inner[...] = torch.where(doubled == FULL, FULL, NOTHING)
    fine.inner[x, y, z] = torch.where(full, FULL, NOTHING)
    fine.inner[~fine.open] = NOTHING
    places = places[crossed & fine.open[x, y]]
    fine.add(places, *coarse.finer(places))


def _cut_tiles(grid: Blocks) -> Tensor:
    """(count, count) bool: columns of blocks in or beside which some columns are allowed and some are not."""
    padded = functional.pad(grid.allowed, [1, 1, 1, 1])
    tiles = padded.unfold(0, SIDE + 2, SIDE).unfold(1, SIDE + 2, SIDE).flatten(2)
    return tiles.any(2) & ~tiles.all(2)


def _tiled(flags: Tensor) -> Tensor:
    """(n, n, n) to (count, count, count, 8, 8, 8), the nodes of each block."""
    count = -(-len(flags) // SIDE)
    padded = functional.pad(flags, [0, count * SIDE - len(flags)] * 3)
    return padded.reshape((count, SIDE) * 3).permute(0, 2, 4, 1, 3, 5)


def _places_around(grid: Blocks, nodes: Tensor) -> Tensor:
    """Places of the blocks with columns that hold a corner of a cell around one of nodes, each once."""
    beside = torch.from_numpy(2 * CORNERS - 1).to(nodes.device)
    around = (grid.nodes_of(nodes)[:, None, :] + beside).reshape(-1, 3) // SIDE
    count = len(grid.inner)
    around = around[((around >= 0) & (around < count)).all(1)]
    chosen = torch.zeros_like(grid.inner, dtype=torch.bool)
    chosen[around.unbind(1)] = True
    return (chosen & grid.open[:, :, None]).nonzero()


def _hints(grid: Blocks, allowed: Tensor) -> Tensor:
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
    highest = torch.stack([_extreme(values, axis) for axis in range(3)])
    lowest = torch.stack([_extreme(-values, axis) for axis in range(3)])
    hints = highest.any(0) & (values <= LEVEL) & (values > LEVEL - MARGIN)
    hints |= lowest.any(0) & (values > LEVEL) & (values < LEVEL + MARGIN)
    hints = _with_between(hints)
    core = _eroded(grid.allowed[: grid.nodes, : grid.nodes])
    empty = core & ~(values > LEVEL).any(2)
    if empty.sum() <= EMPTY_SHARE * core.sum():
        silent = ~(values > FAINT).any(2)
        unseen = empty[:, :, None] & (highest[2] & (values > FAINT) | silent[:, :, None] & _depths(values))
        inner = allowed
        for _ in range(RIM):
            inner = _eroded(inner)
        nodes = (_with_between(unseen) & inner[:, :, None]).nonzero()
        hints[nodes[~_odd(nodes)].unbind(1)] = True
    return hints


def _odd(index: Tensor) -> Tensor:
    """(N,) bool: every second of nodes (N, 3), of a grid none beside another."""
    return index.sum(1) % 2 == 1


def _eroded(flags: Tensor) -> Tensor:
    """(n, n) bool: where all four neighbours are set too; beyond the border none is."""
    padded = functional.pad(flags, [1, 1, 1, 1])
    return flags & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]


def _with_between(nodes: Tensor) -> Tensor:
    """(2 n, 2 n, 2 n) bool: the nodes (n, n, n) on the grid twice as fine, with those half-way to others."""
    for axis in range(3):
        between = nodes.clone()
        along(between, axis, None, -1).logical_or_(along(nodes, axis, 1, None))
        nodes = interleave(nodes, between, axis)
    return nodes


def _depths(values: Tensor) -> Tensor:
    """(n,) bool: the planes of constant depth in which something was found, and those around them."""
    z = torch.arange(values.shape[2], device=values.device)
    beyond = BEYOND * values.shape[2]
    found = (values > LEVEL).any(0).any(0)
    nearest = torch.where(found, z, len(z)).amin()
    farthest = torch.where(found, z, 0).amax()
    return (z >= nearest - beyond) & (z <= farthest + beyond)


def _extreme(values: Tensor, axis: int) -> Tensor:
    """(n, n, n) bool: where values are at least those on both sides along an axis; beyond the grid lies 0."""
    return (values >= _beside(values, axis, 0)) & (values >= _beside(values, axis, 2))


def _pooled(columns: Tensor, stride: int) -> Tensor:
    """(r/stride, r/stride) bool: nodes of the coarser grid with a set column nearer than one of its cells."""
    if stride == 1:
        return columns
    reach = 2 * stride - 1
    around = functional.max_pool2d(columns.float()[None], reach, stride, stride - 1)
    return around[0] > 0
