# SPDX-License-Identifier: GPL-3.0-or-later
"""The marked vertex that each vertex of a graph is nearest to along its ties, on the device they lie on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from torch import Tensor

SHORTEST = 1e-9  # far under float32's steps in [-1, 1]: ways grow with every tie, so none leads in a circle
LOOKED_AT = 16  # steps of the device of which the host looks at one, for which it has to wait


def nearest_marked(
    start: Tensor, end: Tensor, length: Tensor, marked: Tensor, ask: Callable[[], None] = lambda: None
) -> tuple[Tensor, Tensor]:
    """For each of V vertices the marked one that the shortest way along ties leads to, and the way's length.

    start, end: (E,) int64, the vertices of each tie, in [0, V); a tie is given once and goes both ways.
    length: (E,) float64, at least 0; what is under SHORTEST counts as that. marked: (V,) bool. All on one
    device; none is changed. ask: called between steps; what it raises passes through. Returns the marked
    vertices, (V,) int64, a vertex itself where no way leads to any, and the lengths, (V,) float64, there
    infinite. Of ways of one length either is taken, the same each time on one device.
    """
    length = length.clamp(min=SHORTEST)
    if marked.device.type == "cpu":
        return _one_by_one(start, end, length, marked)
    return _all_at_once(start, end, length, marked, ask)


def _one_by_one(start: Tensor, end: Tensor, length: Tensor, marked: Tensor) -> tuple[Tensor, Tensor]:
    """A processor's way: vertices are settled in the order of their lengths, each once."""
    count = len(marked)
    one_way = csr_array((length.numpy(), (start.numpy(), end.numpy())), shape=(count, count))
    far, _, nearest = dijkstra(one_way, directed=False, indices=np.flatnonzero(marked.numpy()),
                               min_only=True, return_predecessors=True)
    found = torch.from_numpy(nearest).long()
    return torch.where(found < 0, torch.arange(count), found), torch.from_numpy(far)


def _all_at_once(
    start: Tensor, end: Tensor, length: Tensor, marked: Tensor, ask: Callable[[], None]
) -> tuple[Tensor, Tensor]:
    """A graphics card's way: each step carries lengths over all ties, until none gets shorter."""
    here, there, between = torch.cat([start, end]), torch.cat([end, start]), torch.cat([length, length])
    far = torch.where(marked, 0.0, torch.inf).double()
    while True:
        before = far.clone()
        for _ in range(LOOKED_AT):
            far.scatter_reduce_(0, there, far[here] + between, "amin")
        ask()
        if not bool((far < before).any()):
            break
    # no sum is rounded otherwise here than above: the neighbour that a way came from gives just its length
    came = (far[here] + between == far[there]) & far[there].isfinite()
    own = torch.arange(len(marked), device=marked.device)
    nearest = torch.full_like(own, len(marked))
    nearest.scatter_reduce_(0, there[came], here[came], "amin")
    nearest = torch.where(nearest < len(marked), nearest, own)
    for _ in range(len(marked).bit_length()):  # each time twice as far along the ways
        nearest = nearest[nearest]
    return nearest, far
