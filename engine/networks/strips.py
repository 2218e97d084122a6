# SPDX-License-Identifier: GPL-3.0-or-later
"""The encoders' widest layers in strips of rows, where a map outgrows the caches.

An operation on a whole map asks the system for memory as large, whose pages are cleared one by one: that
took a quarter of the fine encoder's time on two cores. A strip stays in memory that is used again, from one
operation to the next; what a residual block makes is written where it belongs, and maps take the place of
earlier ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from .winograd import TILE, Conv3x3

LARGE = 1 << 25
"""Bytes of a map above which strips pay: blocks of that size glibc always gives back and asks for anew."""
STRIP = 1 << 23
"""Bytes of a map's rows that are taken at once, about."""
TINY = 1e-12
"""Keeps the scale of a strip finite that is the same everywhere."""


def large(x: Tensor) -> bool:
    """Whether a map (B, C, H, W) is worked on in strips: one picture's, on a CPU, outside of training."""
    return (
        x.device.type == "cpu"
        and not torch.is_grad_enabled()
        and len(x) == 1
        and x.nbytes > LARGE
        and x.is_contiguous(memory_format=torch.channels_last)
    )


def strips(x: Tensor) -> Iterator[tuple[int, int]]:
    """First row and the row after the last of each strip: multiples of 4, as tiles of convolutions are."""
    height = x.shape[2]
    rows = max(STRIP // (x[:, :, :1].numel() * x.element_size()) // TILE, 1) * TILE
    return ((top, min(top + rows, height)) for top in range(0, height, rows))


class Spare:
    """Memory of maps that are done with, for new ones."""

    def __init__(self) -> None:
        self._taken: dict[int, Tensor] = {}
        self._free: list[Tensor] = []

    def map(self, x: Tensor, channels: int) -> Tensor:
        """A map as large as x with so many channels, channels-last; what is in it is of no meaning."""
        _, _, height, width = x.shape
        size = height * width * channels
        fitting = [flat for flat in self._free if flat.dtype == x.dtype and flat.numel() >= size]
        if fitting:
            flat = min(fitting, key=Tensor.numel)
            self._free = [one for one in self._free if one is not flat]
        else:
            flat = x.new_empty(size)
        self._taken[flat.data_ptr()] = flat
        return flat[:size].view(1, height, width, channels).permute(0, 3, 1, 2)

    def give(self, x: Tensor) -> None:
        """x is done with; maps that are not from here are left to whoever made them."""
        flat = self._taken.pop(x.data_ptr(), None)
        if flat is not None:
            self._free.append(flat)


class Normed:
    """A map (1, C, H, W) after its norm and a ReLU, a strip at a time.

    parts: the map's strips, one after the other, for who makes them just now; group norms look at them all.
    """

    def __init__(self, x: Tensor, norm: nn.Module, parts: Iterable[Tensor] | None = None) -> None:
        self.x, self.norm = x, cast("nn.GroupNorm | nn.BatchNorm2d", norm)
        parts = parts or (x[:, :, top:end] for top, end in strips(x))
        self.mean, self.variance = _moments(parts, self.norm)
        self._bordered: Tensor | None = None

    def rows(self, top: int, end: int) -> Tensor:
        """(1, C, end - top, W), a tensor of its own."""
        given = self.x[:, :, top:end].contiguous(memory_format=torch.channels_last)
        norm = self.norm
        return torch.batch_norm(
            given, norm.weight, norm.bias, self.mean, self.variance, False, 0.0, norm.eps, False
        )

    def bordered(self, top: int, end: int) -> Tensor:
        """After a ReLU, with the pixel around that a 3x3 convolution looks at, which is 0 beyond the map:
        (1, C, end - top + 2, W + 2), good until the next call."""
        _, channels, height, width = self.x.shape
        first, last = max(top - 1, 0), min(end + 1, height)
        if self._bordered is None or self._bordered.shape[1] != end - top + 2:
            self._bordered = self.x.new_zeros(1, end - top + 2, width + 2, channels)
        rows = self._bordered[0]
        rows[: first - (top - 1)] = 0
        rows[len(rows) - (end + 1 - last) :] = 0
        inside = rows[first - (top - 1) : len(rows) - (end + 1 - last), 1:-1]
        torch.clamp(self.rows(first, last)[0].permute(1, 2, 0), min=0, out=inside)
        return self._bordered.permute(0, 3, 1, 2)


def _moments(parts: Iterable[Tensor], norm: nn.GroupNorm | nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """The mean and the variance by which each channel is normed, (C,) float32; takes all parts."""
    if isinstance(norm, nn.BatchNorm2d):
        for _ in parts:
            pass
        return cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
    means, squares, shares = [], [], []
    for part in parts:
        _, channels, height, width = part.shape
        # of all that torch has, this goes through channels-last maps fastest; the map it makes is not used
        _, mean, scale = torch.native_group_norm(
            part, None, None, 1, channels, height * width, norm.num_groups, TINY
        )
        mean, scale = mean[0].double(), scale[0].double()
        means.append(mean)
        squares.append(mean * mean + 1 / (scale * scale))
        shares.append(height)
    share = torch.tensor(shares, dtype=torch.float64)[:, None] / sum(shares)
    mean = (torch.stack(means) * share).sum(0)
    variance = (torch.stack(squares) * share).sum(0) - mean * mean
    each = norm.num_channels // norm.num_groups
    return mean.float().repeat_interleave(each), variance.clamp(min=0).float().repeat_interleave(each)


def fill(result: Tensor, given: Normed, layer: Conv3x3) -> Iterator[Tensor]:
    """Fill result (1, K, H, W) with a convolution's of what is given, and give its strips."""
    for top, end in strips(given.x):
        made = layer(given.bordered(top, end), bordered=True)
        result[:, :, top:end] = made
        yield made


def add_doubled(x: Tensor, small: Tensor, down: Tensor, along: Tensor) -> None:
    """Add to x (1, C, 2 h, 2 w) in its place small (1, C, h, w), resized by products: down (2 h, h) along the
    height, along (2 w, w) along the width."""
    height = x.shape[2]
    rows, from_rows = x.permute(0, 2, 3, 1).view(height, -1), small.permute(0, 2, 3, 1)[0]
    for top, end in strips(x):
        used = down[top:end].any(0).nonzero()
        first, last = int(used[0]), int(used[-1]) + 1
        wide = along @ from_rows[first:last]
        rows[top:end].addmm_(down[top:end, first:last], wide.view(last - first, -1))


def ended(x: Tensor, wide: nn.Module, norm: nn.Module, narrow: nn.Module) -> Tensor:
    """What the 1x1 convolutions wide, which keeps the channels, and narrow, with a norm and a ReLU between,
    make of x, which is lost."""
    normed = Normed(x, norm, _replaced(x, wide))
    return torch.cat([narrow(functional.relu_(normed.rows(top, end))) for top, end in strips(x)], 2)


def _replaced(x: Tensor, layer: nn.Module) -> Iterator[Tensor]:
    for top, end in strips(x):
        made = layer(x[:, :, top:end])
        x[:, :, top:end] = made
        yield made
