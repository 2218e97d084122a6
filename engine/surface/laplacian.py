# SPDX-License-Identifier: GPL-3.0-or-later
"""Values on a mesh's graph of which each is the weighted mean of those around it: a graph Laplacian's system.

Conjugate gradients with a preconditioner of two levels: vertices that hold on to each other strongly move as
one, which a sparse factorisation of their sums settles at once; what is left within such a group is local,
and a damped step along the diagonal, before and after, does for it. The weights are far from even, a hundred
times stronger along a level than up, so groups follow the weights and not the places.
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
MOST_SHORT_STEPS = 4000
LOOKED_AT = 20  # of how many of the device's steps one is looked at by the host, which waits for it
SHORT = 0.01
LEAST_POWER = 1e-300
DAMPING = 0.6  # of a step along the diagonal: under 2/3, where the stiffness of any triangles stays positive
SMALLEST = 1e-6  # what ties a group to nothing, relative: parts without any known vertex would be singular


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
    precision: how far the next step would move a vertex at most; x is then within 16 times that of the
    solution (measured on bodies and balls of 3,400 to 549,000 unknown vertices: 4 to 15.4 times). ask: called
    between steps; what it raises passes through. Returns x, (N, K) float64 on the same device.
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
    """A graphics card's way: many steps, each of which is soon done, and none waits for the host."""
    row, order = torch.cat([start, end]).sort(stable=True)
    column, tied = torch.cat([end, start])[order], torch.cat([weight, weight])[order, None]
    # sums by segments, which unlike atomic operations and the matrices of CUDA come out alike each time
    first = torch.searchsorted(row, torch.arange(len(total) + 1, device=row.device))

    def times(x: Tensor) -> Tensor:
        around = torch.segment_reduce(tied * x[column], "sum", offsets=first, unsafe=True, initial=0.0)
        return total[:, None] * x - around

    x = guess.clone()
    residual = outside - times(x)
    direction = torch.zeros_like(x)
    power = torch.ones_like(x[0])
    for step in range(MOST_SHORT_STEPS):
        change = residual / total[:, None]
        if step % LOOKED_AT == 0:
            ask()
            if float(change.abs().amax()) <= precision * SHORT:
                break
        # a column that is solved has no power left: it stays as it is
        before, power = power.clamp(min=LEAST_POWER), (residual * change).sum(0)
        direction = change + direction * (power / before)
        turned = times(direction)
        length = power / (direction * turned).sum(0).clamp(min=LEAST_POWER)
        x += length * direction
        residual -= length * turned
    return x


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
