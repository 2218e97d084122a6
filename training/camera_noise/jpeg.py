# SPDX-License-Identifier: GPL-3.0-or-later
"""What a round trip through JPEG does to pictures, without writing any: the coefficients of 8 x 8 blocks are
rounded and everything else is lossless, so the entropy coding can be left out.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

# ITU-T T.81, annex K.1: the tables that encoders scale by quality
_LUMINANCE = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
_CHROMINANCE = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99, *(99,) * 32,
)  # fmt: skip
# JFIF: luminance and the two colour differences of R, G, B, and back
_TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
_TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))


def compressed(images: Tensor, quality: Tensor) -> Tensor:
    """Pictures after JPEG with halved colour resolution (4:2:0), as OpenCV and most cameras write it.

    images (B, 3, H, W) float32 sRGB in [0, 1]; quality (B,) in 1..100, libjpeg's scale. Returns the same
    shape and range, in steps of 1/255. Within 1.5 of 255 levels of OpenCV's on average, at any quality.
    """
    height, width = images.shape[2:]
    pad = (0, -width % 16, 0, -height % 16)
    levels = functional.pad((images.clamp(0, 1) * 255).round(), pad, mode="replicate")
    ycc = _mixed(levels, _TO_YCC)
    quality = quality.to(images)
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)
    light = _rounded_blocks(ycc[:, :1] - 128, _table(_LUMINANCE, scale)) + 128
    colour = _rounded_blocks(functional.avg_pool2d(ycc[:, 1:], 2), _table(_CHROMINANCE, scale))
    # libjpeg's "fancy" upsampling is the triangle filter, which bilinear is at a factor of two
    colour = functional.interpolate(colour, scale_factor=2.0, mode="bilinear", align_corners=False)
    rgb = _mixed(torch.cat([light, colour], 1), _TO_RGB)
    return rgb[..., :height, :width].round().clamp(0, 255) / 255


def _mixed(images: Tensor, matrix: tuple[tuple[float, ...], ...]) -> Tensor:
    return torch.einsum("dc,bchw->bdhw", images.new_tensor(matrix), images)


def _table(base: tuple[int, ...], scale: Tensor) -> Tensor:
    """Quantisation steps (B, 1, 1, 8, 1, 8), which broadcast over blocks."""
    steps = ((scale[:, None] * scale.new_tensor(base) + 50) / 100).floor().clamp(1, 255)
    return steps.reshape(-1, 1, 1, 8, 1, 8)


def _rounded_blocks(planes: Tensor, steps: Tensor) -> Tensor:
    """planes (B, C, H, W), sides multiples of 8, with the cosine coefficients of each block rounded."""
    k = torch.arange(8, device=planes.device, dtype=planes.dtype)
    cosine = torch.cos((2 * k + 1) * k[:, None] * (math.pi / 16)) / 2
    cosine[0] = math.sqrt(1 / 8)
    count, channels, height, width = planes.shape
    blocks = planes.reshape(count, channels, height // 8, 8, width // 8, 8)
    found = torch.einsum("ux,vy,bcixjy->bciujv", cosine, cosine, blocks)
    kept = (found / steps).round() * steps
    return torch.einsum("ux,vy,bciujv->bcixjy", cosine, cosine, kept).reshape(planes.shape)
