# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures with the faults of cameras, in torch: one path for training on the GPU and for single pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ..filters import filtered, gaussian
from .faults import Develop, Faults, Grain, Softness, draw_faults
from .jpeg import compressed

CRISP_SIGMA = 1.2
"""Pixels: radius of the unsharp mask of cameras."""


def degrade(rng: np.random.Generator, image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Makes a clean rendering look photographed: (H, W, 3) float32 sRGB in [0, 1] -> the same, a new array.

    Geometry is untouched, so normals and silhouettes stay valid. One picture in ten stays clean but for
    exposure. Deterministic from rng.
    """
    pictures = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1), np.float32))[None]
    taken = photographed(pictures, [draw_faults(rng)])[0].permute(1, 2, 0)
    return np.ascontiguousarray(taken.numpy())


def photographed(images: Tensor, faults: Sequence[Faults]) -> Tensor:
    """Pictures (B, 3, H, W) float32 sRGB in [0, 1], each with its own faults: the same shape and range.

    The noise is drawn on the device of `images`: the same on every run, but not on every kind of device.
    """
    images = developed(images, [fault.develop for fault in faults])
    images = _softened(images, [fault.softness for fault in faults])
    grainy = [i for i, fault in enumerate(faults) if fault.grain is not None]
    if grainy:
        grains = [fault.grain for fault in faults if fault.grain is not None]
        images = images.index_copy(0, _ids(images, grainy), _noisy(images[grainy], grains))
    lossy = [i for i, fault in enumerate(faults) if fault.quality is not None]
    if lossy:
        quality = images.new_tensor([fault.quality for fault in faults if fault.quality is not None])
        images = images.index_copy(0, _ids(images, lossy), compressed(images[lossy], quality))
    return images


def _ids(images: Tensor, numbers: list[int]) -> Tensor:
    return torch.tensor(numbers, device=images.device)


def developed(images: Tensor, develops: Sequence[Develop]) -> Tensor:
    """Pictures (B, 3, H, W) float32 sRGB in [0, 1], each exposed and balanced its own way, pixel by pixel:
    the same shape and range."""

    def each(values: list[float]) -> Tensor:
        return images.new_tensor(values)[:, None, None, None]

    images = images * images.new_tensor([d.gain for d in develops])[:, :, None, None]
    grey = images.mean(1, keepdim=True)
    images = grey + (images - grey) * each([d.saturation for d in develops])
    middle = each([d.middle for d in develops])
    images = middle + (images - middle) * each([d.contrast for d in develops])
    return images.clamp(0, 1) ** each([d.gamma for d in develops])


def _softened(images: Tensor, softnesses: list[Softness]) -> Tensor:
    """A little out of focus, shaken, enlarged from a smaller picture, or sharpened."""
    height, width = images.shape[2:]
    kernels = {}
    for i, softness in enumerate(softnesses):
        if softness.kind == "small":
            size = [max(8, round(side * softness.amount)) for side in (height, width)]
            small = functional.interpolate(images[i : i + 1], size, mode="bilinear", antialias=True)
            large = functional.interpolate(small, (height, width), mode="bilinear")
            images = images.index_copy(0, _ids(images, [i]), large)
        elif softness.kind != "sharp":
            kernels[i] = _kernel(softness, width)
    if not kernels:
        return images
    side = max(len(kernel) for kernel in kernels.values())
    padded = [np.pad(kernel, (side - len(kernel)) // 2) for kernel in kernels.values()]
    chosen = list(kernels)
    soft = filtered(images[chosen], images.new_tensor(np.stack(padded))).clamp(0, 1)
    return images.index_copy(0, _ids(images, chosen), soft)


def _kernel(softness: Softness, width: int) -> NDArray[np.float64]:
    """(K, K) weights that sum to 1, K odd."""
    unit = width / 512
    if softness.kind == "focus":
        row = gaussian(softness.amount * unit)
        return np.outer(row, row)
    if softness.kind == "crisp":
        row = gaussian(CRISP_SIGMA)
        kernel = -softness.amount * np.outer(row, row)
        kernel[len(row) // 2, len(row) // 2] += 1 + softness.amount
        return kernel
    reach = softness.amount * unit / 2
    radius = math.ceil(reach) + 1
    kernel = np.zeros((2 * radius + 1, 2 * radius + 1))
    steps = np.linspace(-reach, reach, 8 * radius + 1)
    x, y = radius + np.cos(softness.angle) * steps, radius + np.sin(softness.angle) * steps
    np.add.at(kernel, (y.round().astype(int), x.round().astype(int)), 1 / len(steps))
    return (kernel + kernel[::-1, ::-1]) / 2


def _noisy(images: Tensor, grains: list[Grain]) -> Tensor:
    """Shot noise grows with the root of the light, read noise is constant; cameras smooth both, colour
    more.
    """
    fields = []
    for grain in grains:
        generator = torch.Generator(images.device).manual_seed(grain.seed)
        fields.append(torch.randn(images.shape[1:], generator=generator, device=images.device))
    noise = torch.stack(fields)
    luminance = noise[:, :1]
    smoothed = [i for i, grain in enumerate(grains) if grain.smooth]
    if smoothed:
        rows = [gaussian(grains[i].smooth) for i in smoothed]
        side = max(len(row) for row in rows)
        # a blur takes the deviation down to the root of the sum of squares: what divides it out again
        rows = [np.pad(row / (row**2).sum() ** 0.5, (side - len(row)) // 2) for row in rows]
        weights = images.new_tensor(np.stack(rows))
        soft = filtered(filtered(noise[smoothed], weights[:, :, None]), weights[:, None])
        noise = noise.index_copy(0, _ids(images, smoothed), soft)
    colour = images.new_tensor([grain.colour for grain in grains])[:, None, None, None]
    strength = images.new_tensor([grain.strength for grain in grains])[:, None, None, None]
    deviation = strength * (images.clamp(min=0) + 0.15).sqrt()
    return (images + (luminance + colour * noise) * deviation).clamp(0, 1)
