# SPDX-License-Identifier: GPL-3.0-or-later
"""Blurs and other convolutions of pictures, each with its own kernel."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional


def gaussian(sigma: float) -> NDArray[np.float64]:
    """Weights (K,) that sum to 1 out to three sigma, K odd."""
    radius = max(1, math.ceil(3 * sigma))
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / max(sigma, 1e-3)) ** 2)
    return np.asarray(weights / weights.sum())


def filtered(images: Tensor, kernels: Tensor) -> Tensor:
    """Each picture of (B, C, H, W) with its own kernel (B, Kh, Kw), sides odd; borders are repeated."""
    count, channels = images.shape[:2]
    tall, wide = kernels.shape[1] // 2, kernels.shape[2] // 2
    padded = functional.pad(images, (wide, wide, tall, tall), mode="replicate").flatten(0, 1)[None]
    # one group a plane: channels as batch took three times as long on a CPU
    weights = kernels.repeat_interleave(channels, 0)[:, None]
    return functional.conv2d(padded, weights, groups=count * channels).reshape(images.shape)


def blurred(pictures: Tensor, sigma: Tensor, largest: float) -> Tensor:
    """Pictures (B, C, H, W), each with a Gaussian blur of its own sigma (B,) in pixels, none above `largest`;
    borders are repeated.
    """
    radius = max(1, math.ceil(3 * largest))
    steps = torch.arange(-radius, radius + 1, device=sigma.device)
    weights = torch.exp(-0.5 * (steps / sigma.clamp(min=1e-3)[:, None]) ** 2)
    weights = weights / weights.sum(1, keepdim=True)
    return filtered(filtered(pictures, weights[:, :, None]), weights[:, None])
