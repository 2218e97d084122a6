# SPDX-License-Identifier: GPL-3.0-or-later
"""Stacked hourglass image encoder (Newell et al. 2016, as used by PIFu, section 4 of its supplement)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..weights.presets import Encoder
from . import strips
from .strips import Spare
from .winograd import Conv3x3

Norm: TypeAlias = Callable[[int], nn.Module]
"""Makes the norm of so many channels."""


def _added(to: Tensor, more: Tensor) -> Tensor:
    """to + more. Outside of training in to's place: the fine encoder's widest maps take 268 MB each."""
    return to + more if torch.is_grad_enabled() else to.add_(more)


def _bicubic(x: Tensor, height: int, width: int) -> Tensor:
    return functional.interpolate(x, size=(height, width), mode="bicubic", align_corners=True)


def doubled(x: Tensor) -> Tensor:
    """x (B, C, H, W) at twice its size, bicubic, corners kept.

    On a CPU as a matrix product along each axis. The fine encoder's widest map of `pifuhd` takes 169 ms so
    instead of 637 in bfloat16 (469 instead of 564 in float32), that of `compact` 4 instead of 38 (12, 35).
    """
    height, width = x.shape[2:]
    if x.device.type != "cpu" or not x.is_contiguous(memory_format=torch.channels_last):
        return _bicubic(x, 2 * height, 2 * width)
    down, along = _doubling(x)
    wide = along @ x.permute(0, 2, 3, 1)
    return (down @ wide.flatten(2)).reshape(len(x), 2 * height, 2 * width, -1).permute(0, 3, 1, 2)


def _doubling(x: Tensor) -> tuple[Tensor, Tensor]:
    """The matrices (2 H, H) and (2 W, W) that double a map (B, C, H, W)."""
    down, along = (_bicubic(torch.eye(n)[None, None], 2 * n, n)[0, 0].to(x.dtype) for n in x.shape[2:])
    return down, along


class ConvBlock(nn.Module):
    """Pre-activation residual block; its three convolutions, out/2 + out/4 + out/4, are concatenated."""

    def __init__(self, before: int, after: int, norm: Norm) -> None:
        super().__init__()
        self.conv1 = Conv3x3(before, after // 2, padding=1, bias=False)
        self.conv2 = Conv3x3(after // 2, after // 4, padding=1, bias=False)
        self.conv3 = Conv3x3(after // 4, after // 4, padding=1, bias=False)
        self.bn1 = norm(before)
        self.bn2 = norm(after // 2)
        self.bn3 = norm(after // 4)
        # every block of the released checkpoint has bn4; only where the width changes is it used, by the skip
        self.bn4 = norm(before)
        self.downsample: nn.Sequential | None = None
        if before != after:
            self.downsample = nn.Sequential(self.bn4, nn.ReLU(True), nn.Conv2d(before, after, 1, bias=False))

    def forward(self, x: Tensor, spare: Spare) -> Tensor:
        """spare: what to make results of large maps in."""
        if strips.large(x) and not self.training:
            return self._in_strips(x, spare)
        first = self.conv1(functional.relu(self.bn1(x), True))
        second = self.conv2(functional.relu(self.bn2(first), True))
        third = self.conv3(functional.relu(self.bn3(second), True))
        joined = torch.cat([first, second, third], 1)
        del first, second, third
        return _added(joined, x if self.downsample is None else self.downsample(x))

    def _in_strips(self, x: Tensor, spare: Spare) -> Tensor:
        half, quarter = self.conv1.out_channels, self.conv2.out_channels
        joined = spare.map(x, 2 * half)
        first, second, third = torch.split(joined, [half, quarter, quarter], 1)
        given = strips.Normed(x, self.bn1)
        given = strips.Normed(first, self.bn2, strips.fill(first, given, self.conv1))
        given = strips.Normed(second, self.bn3, strips.fill(second, given, self.conv2))
        for _ in strips.fill(third, given, self.conv3):
            pass
        if self.downsample is None:
            return joined.add_(x)
        skipped = strips.Normed(x, self.bn4)
        for top, end in strips.strips(x):
            joined[:, :, top:end] += self.downsample[1:](skipped.rows(top, end))
        return joined


class Hourglass(nn.Module):
    """One hourglass: halves the map `depth` times and adds what comes back up to what stayed."""

    def __init__(self, depth: int, channels: int, norm: Norm) -> None:
        super().__init__()
        self.depth = depth
        for level in range(depth, 0, -1):
            self.add_module(f"b1_{level}", ConvBlock(channels, channels, norm))
            self.add_module(f"b2_{level}", ConvBlock(channels, channels, norm))
            if level == 1:
                self.add_module("b2_plus_1", ConvBlock(channels, channels, norm))
            self.add_module(f"b3_{level}", ConvBlock(channels, channels, norm))

    def forward(self, x: Tensor, spare: Spare) -> Tensor:
        return self._level(self.depth, x, spare)

    def _level(self, level: int, x: Tensor, spare: Spare) -> Tensor:
        upper = cast(Tensor, self.get_submodule(f"b1_{level}")(x, spare))
        lower = self.get_submodule(f"b2_{level}")(functional.avg_pool2d(x, 2), spare)
        inner = partial(self._level, level - 1) if level > 1 else self.get_submodule("b2_plus_1")
        for then in (inner, self.get_submodule(f"b3_{level}")):
            before, lower = lower, then(lower, spare)
            spare.give(before)
        if strips.large(upper):
            strips.add_doubled(upper, lower, *_doubling(lower))
        else:
            # autocast may resize in float32: without the cast all that follows would be carried on as wide
            upper = _added(upper, doubled(lower).to(upper.dtype))
        spare.give(lower)
        return upper


class HourglassEncoder(nn.Module):
    """Picture and normals (B, C, S, S) -> one feature map (B, out_channels, S / 4 or S / 2, same) a stack.

    All stacks are supervised in training; inference uses the last.
    """

    def __init__(self, shape: Encoder) -> None:
        super().__init__()
        self.shape = shape
        stem, second, third, width = shape.channels
        norm: Norm = nn.BatchNorm2d if shape.norm == "batch" else partial(nn.GroupNorm, shape.groups)
        self.conv1 = nn.Conv2d(shape.in_channels, stem, 7, stride=2, padding=3)
        self.bn1 = norm(stem)
        self.conv2 = ConvBlock(stem, second, norm)
        self.conv3 = ConvBlock(second, third, norm)
        self.conv4 = ConvBlock(third, width, norm)
        for i in range(shape.stacks):
            self.add_module(f"m{i}", Hourglass(shape.depth, width, norm))
            self.add_module(f"top_m_{i}", ConvBlock(width, width, norm))
            self.add_module(f"conv_last{i}", nn.Conv2d(width, width, 1))
            self.add_module(f"bn_end{i}", norm(width))
            self.add_module(f"l{i}", nn.Conv2d(width, shape.out_channels, 1))
            if i < shape.stacks - 1:
                self.add_module(f"bl{i}", nn.Conv2d(width, width, 1))
                self.add_module(f"al{i}", nn.Conv2d(shape.out_channels, width, 1))

    def forward(self, x: Tensor) -> list[Tensor]:
        at, spare = self.get_submodule, Spare()
        x = functional.relu(self.bn1(self.conv1(x)), True)
        x = self.conv2(x, spare)
        if self.shape.pool:
            x = functional.avg_pool2d(x, 2)
        for block in (self.conv3, self.conv4):
            before, x = x, block(x, spare)
            spare.give(before)
        outputs: list[Tensor] = []
        for i in range(self.shape.stacks):
            hour = at(f"m{i}")(x, spare)
            last = i == self.shape.stacks - 1
            if last:
                spare.give(x)
            h = at(f"top_m_{i}")(hour, spare)
            spare.give(hour)
            wide, norm, narrow = at(f"conv_last{i}"), at(f"bn_end{i}"), at(f"l{i}")
            if last and strips.large(h) and not self.training:
                outputs.append(strips.ended(h, wide, norm, narrow))
                break
            h = functional.relu(norm(wide(h)), True)
            outputs.append(narrow(h))
            if not last:
                x = x + at(f"bl{i}")(h) + at(f"al{i}")(outputs[-1])
        return outputs
