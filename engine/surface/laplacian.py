# SPDX-License-Identifier: GPL-3.0-or-later
"""Values on a mesh's graph of which each is the weighted mean of those around it: a graph Laplacian's system.

On a processor, conjugate gradients with a preconditioner of two levels: vertices that hold on to each other
strongly move as one, which a sparse factorisation of their sums settles at once; what is left within such a
group is local, and a damped step along the diagonal, before and after, does for it. The weights are far from
even, a hundred times stronger along a level than up, so groups follow the weights and not the places.

A graphics card would wait for the factors. It takes forty times as many steps along the diagonal alone, each
of a few passes over the numbers, and gives the same bytes each time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu
from torch import Tensor

Floats = NDArray[np.float64]

STRONG = 0.02  # of a vertex' weights in all, from which it may follow its strongest neighbour
MOST_STEPS = 300  # to 0.05 of 255 a body of 549,000 unknown vertices takes 13, one of 34,000 as many
DAMPING = 0.6  # of a step along the diagonal: under 2/3, where the stiffness of any triangles stays positive
SMALLEST = 1e-6  # what ties a group to nothing, relative: parts without any known vertex would be singular

BETWEEN_LOOKS = 20  # steps of a graphics card before it is asked how far they went, for which all wait
MOST_ALONE = 6000  # of such steps; at 512 they are 260 to 540, at 1024 860 to 960
TO_GUESS = 1e-10  # of a vertex' weights, ties it to its guess: a part without known vertices stays at that
NO_POWER = 1e-300  # next to 0, where 0 would be divided by 0


def solve_laplacian(
    start: Tensor, end: Tensor, weight: Tensor, total: Tensor, outside: Tensor, guess: Tensor,
    precision: float, ask: Callable[[], None] = lambda: None,
) -> Tensor:
    """Solve total x - inner x = outside for x, where inner ties unknown vertices to each other.

    start, end: (E,) int64, the vertices of each tie, in [0, N); a tie is given one way, holds both, and ties
    between the same two add up; none ties a vertex to itself. weight: (E,) float64, above 0, or such that the
    system is positive definite. total: (N,) float64, above 0, each vertex' weights in all, those to known
    vertices included. outside: (N, K) float64, the weighted sum of what is known around each. guess: (N, K)
    float64, which parts without known vertices keep if it is one value. All on one device; none is changed.
    precision: how far another step, or some steps of a graphics card, would move a vertex at most; x is then
    within 18 times that of the solution (measured on bodies and balls of 3,400 to 553,000 unknown vertices: 4
    to 17.7 times, but 45 times for the relief of 867,000; a card's way 0.1 to 6.5 times). ask: called between
    steps; what it raises passes through. Returns x, (N, K) float64 on the same device.
    """
    solve = _by_groups if total.device.type == "cpu" else _along_diagonal
    return solve(start, end, weight, total, outside, guess, precision, ask)


def _by_groups(
    start: Tensor, end: Tensor, weight: Tensor, total: Tensor, outside: Tensor, guess: Tensor,
    precision: float, ask: Callable[[], None],
) -> Tensor:
    """A processor's way: few steps, each of which takes some time."""
    whole = total.numpy()
    one_way = csr_array((weight.numpy(), (start.numpy(), end.numpy())), shape=(whole.size, whole.size))
    inner = one_way + one_way.T  # half the time of sorting both ways in
    matrix = (diags_array(whole) - inner).tocsr()
    precondition = _two_levels(matrix, inner, whole)
    x = guess.numpy().copy()
    residual = outside.numpy() - matrix @ x
    direction = np.zeros_like(x)
    power = 1.0
    for _ in range(MOST_STEPS):
        ask()
        change = precondition(residual)
        if max(change.max(initial=0.0), -change.min(initial=0.0)) <= precision:
            break
        before, power = power, float(np.vdot(residual, change))
        direction *= power / before
        direction += change
        turned = matrix @ direction
        step = power / float(np.vdot(direction, turned))
        x += step * direction
        turned *= step
        residual -= turned
    return torch.from_numpy(x)


def _along_diagonal(
    start: Tensor, end: Tensor, weight: Tensor, total: Tensor, outside: Tensor, guess: Tensor,
    precision: float, ask: Callable[[], None],
) -> Tensor:
    """A graphics card's way: many steps, each of which is soon done, and few wait for the host."""
    count = len(total)
    root = (total * (1.0 + TO_GUESS)).rsqrt()  # with values in units of it the diagonal is 1 everywhere
    places = torch.stack([torch.cat([start, end]), torch.cat([end, start])])
    both = (weight * root[start] * root[end]).repeat(2)
    inner = torch.sparse_coo_tensor(places, both, (count, count), check_invariants=False).coalesce()
    row, column = inner.indices()
    tied = inner.values()[:, None]
    first = torch.searchsorted(row, torch.arange(count + 1, device=row.device))

    def times(x: Tensor) -> Tensor:
        # segment by segment: what adds by atomic operations comes out differently each time
        around = tied * x.index_select(0, column)
        return x - torch.segment_reduce(around, "sum", offsets=first, initial=0.0, unsafe=True)

    unit = root[:, None]
    x = guess / unit
    residual = (outside + TO_GUESS * total[:, None] * guess) * unit - times(x)
    direction, power = torch.zeros_like(x), torch.ones_like(x[0])
    looked_at = torch.full_like(x, torch.inf)
    for step in range(MOST_ALONE):
        if step % BETWEEN_LOOKS == 0:
            ask()
            if not bool(((x - looked_at) * unit).abs().gt(precision).any()):
                break
            looked_at = x.clone()
        # a column that is solved has no power left, and stays as it is
        before, power = power.clamp(min=NO_POWER), residual.square().sum(0)
        direction = torch.addcmul(residual, direction, power / before)
        turned = times(direction)
        length = power / (direction * turned).sum(0).clamp(min=NO_POWER)
        x.addcmul_(direction, length)
        residual.addcmul_(turned, length, value=-1.0)
    return x * unit


def _two_levels(matrix: csr_array, inner: csr_array, total: Floats) -> Callable[[Floats], Floats]:
    """About the inverse of matrix, as what maps (N, K) to (N, K), C-contiguous."""
    count, group = _groups(inner, total)
    members = csr_array((np.ones(group.size), (group, np.arange(group.size))), shape=(count, group.size))
    # columns summed by their names alone and rows by a product: half the time of sorting entries in anew
    named = csr_array((matrix.data, group[matrix.indices], matrix.indptr), shape=(group.size, count))
    summed = (members @ named).T  # symmetric; turned, its columns are what is stored one after the other
    summed.setdiag(summed.diagonal() * (1.0 + SMALLEST))
    # for symmetric positive definite matrices: the order for least fill-in, and no search for pivots. There
    # is so little that one column at a time is fastest: 65 ms of 31,506 groups, where panels take 90
    factors = splu(summed, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, panel_size=1,
                   options={"SymmetricMode": True})
    damped = DAMPING / total[:, None]

    def precondition(residual: Floats) -> Floats:
        change = damped * residual
        settled = factors.solve(members @ (residual - matrix @ change))
        change += np.take(settled, group, axis=0)  # settled[group] takes three times as long
        rest = residual - matrix @ change
        rest *= damped
        change += rest
        return change

    return precondition


def _groups(inner: csr_array, total: Floats) -> tuple[int, NDArray[Any]]:
    """How many groups there are, and that of each vertex (N,): it goes with its strongest neighbour."""
    row = np.repeat(np.arange(total.size), np.diff(inner.indptr))
    # Weights along a row of vertices often grow steadily, and so would groups; by lot they have 4.5 vertices.
    weight = inner.data * np.random.default_rng(0).uniform(0.5, 1.0, inner.nnz)
    strongest = STRONG * total
    np.maximum.at(strongest, row, weight)
    chosen = weight >= strongest[row]
    pointers = (np.ones(int(chosen.sum())), (row[chosen], inner.indices[chosen]))
    count, group = connected_components(csr_array(pointers, shape=inner.shape), directed=False)
    return int(count), group
