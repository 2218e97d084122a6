# SPDX-License-Identifier: GPL-3.0-or-later
"""An implicit function at points that share pixels: what depends on the pixel alone is computed once.

The grid is aligned with the view, so all points of a depth column see the same pixel. Their part of the
input, and its product with every layer that sees the input, is the column's; a point adds its depth, or its
Omega.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional

from .mlp import MLP, SLOPE, Affine


def columns_of(points: Tensor) -> tuple[Tensor, Tensor]:
    """The columns (C, 3) of points (N, 3), at the depth of their first, and each point's column (N,) int64.

    Only points that follow each other share one: sort them.
    """
    # torch.unique_consecutive along a dimension takes thirty times as long: 7 % of a whole job on a CPU.
    first = torch.ones(len(points), dtype=torch.bool, device=points.device)
    first[1:] = (points[1:, :2] != points[:-1, :2]).any(1)
    return points[first], first.cumsum(0) - 1


def along_columns(
    mlp: MLP, shared: Tensor, column: Tensor, own: Tensor, affines: Sequence[Affine | None], last: int
) -> Tensor:
    """Layers 0..last of mlp for the input [shared[column], own]: (N, width) activations, logits of the last.

    shared (C, S): the columns' part of the input; column (N,) int64; own (N, P): the points' part;
    affines: of `MLP.affines`, in place of its norms.
    """
    y: Tensor | None = None
    for i in range(last + 1):
        weight, bias = _folded(mlp, i, affines[i])
        if y is None or i in mlp.residual:
            above, pixel = -own.shape[1] - shared.shape[1], -own.shape[1]
            z = functional.linear(shared, weight[:, above:pixel], bias).index_select(0, column)
            z.addmm_(own, weight[:, pixel:].T)
            y = z if y is None else z.addmm_(y, weight[:, :above].T)
        else:
            y = functional.linear(y, weight, bias)
        if i < len(mlp.filters) - 1:
            y = functional.leaky_relu_(y, SLOPE)
    return cast(Tensor, y)


def _folded(mlp: MLP, i: int, affine: Affine | None) -> tuple[Tensor, Tensor]:
    """Weight (out, in) and bias (out,) of a layer and the norm behind it in one."""
    layer = mlp.filters[i]
    weight, bias = cast(Tensor, layer.weight)[..., 0], cast(Tensor, layer.bias)
    if affine is None:
        return weight, bias
    scale, shift = affine
    return weight * scale[:, None], bias * scale + shift
