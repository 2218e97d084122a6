# SPDX-License-Identifier: GPL-3.0-or-later
"""The implicit function: a point's features and depth -> occupancy (PIFu, section 3; PIFuHD, 3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..weights.presets import MLP_GROUPS, MLPNorm

SLOPE: Final = 0.01
"""Of the LeakyReLU between the layers."""

Affine: TypeAlias = tuple[Tensor, Tensor]
"""scale (C,) and shift (C,): what a norm amounts to once its statistics are known."""


class MLP(nn.Module):
    """1x1 convolutions over points; after each but the last its norm, then LeakyReLU.

    widths: from the input to the single output; residual: layers that see the input once more.
    """

    def __init__(self, widths: tuple[int, ...], residual: tuple[int, ...], norm: MLPNorm = "none") -> None:
        super().__init__()
        self.residual, self.norm = residual, norm
        self.filters = nn.ModuleList(
            nn.Conv1d(before + (widths[0] if i in residual else 0), after, 1)
            for i, (before, after) in enumerate(zip(widths, widths[1:], strict=False))
        )
        self.norms = nn.ModuleList()
        if norm != "none":
            self.norms.extend(_norm(norm, width) for width in widths[1:-1])

    def forward(
        self, x: Tensor, tap: int | None = None, affines: Sequence[Affine | None] | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """x (B, widths[0], N) -> logits (B, 1, N) and the activation (B, width, N) of layer `tap`, if any.

        affines: of `affines()`, in place of the norms. A group norm takes its statistics over all N points,
        so what it gives one point depends on which others are asked with it: evaluated in chunks, a surface
        gets seams. Frozen once a picture, the same numbers hold for every chunk.
        """
        y, tapped = x, None
        for i in range(len(self.filters)):
            y = self._layer(i, y, x)
            if i < len(self.filters) - 1:
                y = functional.leaky_relu(self._normed(i, y, affines), SLOPE)
            if i == tap:
                tapped = y
        return y, tapped

    def affines(self, x: Tensor | None) -> list[Affine | None]:
        """What each layer's norm amounts to, for `forward`; None for a layer without norm.

        Of batch norms from their running statistics. Of group norms over the reference input
        x (1, widths[0], N), all of its points as one set, layer by layer; ValueError without it.
        """
        found: list[Affine | None] = [None] * len(self.filters)
        if self.norm == "batch":
            for i, norm in enumerate(self.norms):
                assert isinstance(norm, nn.BatchNorm1d)
                assert norm.running_mean is not None
                assert norm.running_var is not None
                found[i] = _affine(norm, norm.running_mean, norm.running_var)
        if self.norm == "group":
            if x is None:
                raise ValueError("group norms need a reference input")
            y = x
            for i, norm in enumerate(self.norms):
                assert isinstance(norm, nn.GroupNorm)
                y = self._layer(i, y, x)
                size = y.shape[1] // norm.num_groups
                grouped = y[0].reshape(norm.num_groups, -1)
                variance, mean = torch.var_mean(grouped, 1, correction=0)
                found[i] = _affine(norm, mean.repeat_interleave(size), variance.repeat_interleave(size))
                y = functional.leaky_relu(self._normed(i, y, found), SLOPE)
        return found

    def _layer(self, i: int, y: Tensor, x: Tensor) -> Tensor:
        """Layer i of y (B, before, N), and of the input x where it sees that once more.

        As matrix products: a convolution copies its maps to another layout and back, and a joined input is
        one more copy.
        """
        layer = self.filters[i]
        weight, bias = cast(Tensor, layer.weight)[None, :, :, 0], cast(Tensor, layer.bias)[:, None]
        weight = weight.expand(len(y), -1, -1)
        z = torch.baddbmm(bias, weight[..., : y.shape[1]], y)
        return torch.baddbmm(z, weight[..., y.shape[1] :], x) if i in self.residual else z

    def _normed(self, i: int, y: Tensor, affines: Sequence[Affine | None] | None) -> Tensor:
        if affines is not None:
            affine = affines[i]
            return y if affine is None else y * affine[0][:, None] + affine[1][:, None]
        normed: Tensor = self.norms[i](y) if self.norms else y
        return normed


def _norm(kind: MLPNorm, width: int) -> nn.Module:
    return nn.GroupNorm(MLP_GROUPS, width) if kind == "group" else nn.BatchNorm1d(width)


def _affine(norm: nn.GroupNorm | nn.BatchNorm1d, mean: Tensor, variance: Tensor) -> Affine:
    scale = norm.weight * torch.rsqrt(variance + norm.eps)
    return scale, norm.bias - mean * scale
