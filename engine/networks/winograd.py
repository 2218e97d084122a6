# SPDX-License-Identifier: GPL-3.0-or-later
"""3x3 convolutions with a quarter of the multiplications: F(4x4, 3x3) of Lavin and Gray 2016.

Tiles of 6 x 6 pixels and the kernels are each transformed to 36 numbers, one product of matrices a number
gives those of the result, and these are transformed to tiles of 4 x 4 pixels. In float32 the result is off
by about ten times a direct convolution's rounding, 1e-5 of its largest values.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

TILE = 4
"""Pixels a side that a tile of the result has; it is made from TILE + 2."""
FEWEST_CHANNELS = 128
"""Of input, from which on it pays on a CPU. 1024 to 1024 channels of 32 x 32 pixels take 0.54 times as long
as a direct convolution, 256 to 128 of 512 x 512 0.57 times, 128 to 64 0.77 times."""
KERNEL_BYTES = 1 << 22
TILE_BYTES = 1 << 24
"""Of transformed kernels, and of transformed tiles, that are made before they are used up. All kernels of
1024 to 1024 channels would take 151 MB; a part of them is made anew for each part of the tiles, of which
there is one there."""
STEP = 16
"""Kernels are taken in multiples of it, which products are fastest with."""

# The transforms for the points 0, 1, -1, 2, -2 and infinity, along one axis.
_PIXELS = (
    (4, 0, -5, 0, 1, 0), (0, -4, -4, 1, 1, 0), (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0), (0, 2, -1, -2, 1, 0), (0, 4, 0, -5, 0, 1),
)  # fmt: skip
_KERNELS = (
    (1 / 4, 0, 0), (-1 / 6, -1 / 6, -1 / 6), (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6), (1 / 24, -1 / 12, 1 / 6), (0, 0, 1),
)  # fmt: skip
_RESULT = ((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1))


def _both_axes(matrix: tuple[tuple[float, ...], ...]) -> Tensor:
    one = torch.tensor(matrix, dtype=torch.float64)
    return torch.kron(one, one).float()


_PIXELS_2D, _KERNELS_2D, _RESULT_2D = (_both_axes(matrix) for matrix in (_PIXELS, _KERNELS, _RESULT))


class Conv3x3(nn.Conv2d):
    """A 3x3 convolution of stride 1, with fewer multiplications where that pays."""

    def __init__(self, before: int, after: int, padding: int = 0, bias: bool = True) -> None:
        super().__init__(before, after, 3, padding=padding, bias=bias)

    def forward(self, x: Tensor, bordered: bool = False) -> Tensor:
        """bordered: x has its padding already."""
        around = 0 if bordered else cast(tuple[int, int], self.padding)[0]
        if not _pays(self, x, around):
            return functional.conv2d(x, self.weight, self.bias, padding=around)
        return convolved(functional.pad(x, (around,) * 4) if around else x, self)


def _pays(layer: nn.Conv2d, x: Tensor, around: int) -> bool:
    """Whether `convolved` is faster than a 3x3 layer for x (1, C, H, W) with so many pixels around it: on a
    CPU in float32 and the channels-last layout, outside of training, where the result is whole tiles."""
    return (
        x.device.type == "cpu"
        and x.dtype == torch.float32
        and not torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
        and layer.in_channels >= FEWEST_CHANNELS
        and len(x) == 1
        and x.is_contiguous(memory_format=torch.channels_last)
        and all((side + 2 * around - 2) % TILE == 0 for side in x.shape[2:])
    )


def convolved(x: Tensor, layer: nn.Conv2d) -> Tensor:
    """What a 3x3 convolution without padding of its own makes of x (1, C, H, W) float32: (1, K, H - 2, W - 2)
    in the channels-last layout. H - 2 and W - 2 are multiples of TILE."""
    pixels = x.permute(0, 2, 3, 1)[0].contiguous()
    kernels = layer.weight.permute(0, 2, 3, 1).flatten(1, 2)  # (K, 9, C), a view where it is channels-last
    height, width = ((side - 2) // TILE for side in pixels.shape[:2])
    made, channels = len(kernels), pixels.shape[2]
    size = len(_PIXELS_2D) * channels * pixels.element_size()  # of a kernel, and of a tile
    few = max(KERNEL_BYTES // (size * STEP), 1) * STEP
    parts = torch.split(kernels, few if made > 2 * few else made)
    whole = _of_kernels(kernels) if len(parts) == 1 else None
    most = max(TILE_BYTES // (size * width), 1)
    rows = next(count for count in range(min(most, height), 0, -1) if height % count == 0)
    copied, tiles = pixels.new_empty(2, len(_PIXELS_2D), rows * width, channels)
    products = pixels.new_empty(len(_PIXELS_2D), rows * width, made)
    out = pixels.new_empty(height, TILE, width, TILE, made)
    for top in range(0, height, rows):
        copied.view(TILE + 2, TILE + 2, rows, width, channels).copy_(_tiles(pixels, top, rows, width))
        torch.mm(_PIXELS_2D, copied.flatten(1), out=tiles.view(len(tiles), -1))
        if whole is not None:
            torch.bmm(tiles, whole, out=products)
        else:
            for part, place in zip(parts, torch.split(products, len(parts[0]), 2), strict=True):
                place.copy_(tiles @ _of_kernels(part))
        result = (_RESULT_2D @ products.flatten(1)).view(TILE, TILE, rows, width, made)
        out[top : top + rows] = result.permute(2, 0, 3, 1, 4)
    if layer.bias is not None:
        out += layer.bias
    return out.view(1, height * TILE, width * TILE, made).permute(0, 3, 1, 2)


def _of_kernels(kernels: Tensor) -> Tensor:
    """(K, 9, C) to (36, C, K), a view whose last axis is not the closest in memory."""
    return torch.matmul(_KERNELS_2D, kernels).permute(1, 2, 0)


def _tiles(pixels: Tensor, top: int, rows: int, width: int) -> Tensor:
    """Those of so many rows of tiles from row top on of pixels (H, W, C): a view (6, 6, rows, width, C)."""
    row, column, channel = pixels.stride()
    size = (TILE + 2, TILE + 2, rows, width, pixels.shape[2])
    strides = (row, column, TILE * row, TILE * column, channel)
    return pixels.as_strided(size, strides, pixels.storage_offset() + TILE * top * row)
