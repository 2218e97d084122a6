"""What training minimises."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def extended_bce(logits: Tensor, labels: Tensor) -> Tensor:
    """PIFuHD's extended binary cross entropy (section 3.4), mean over points; logits, labels (B, N).

    -[lambda f* log f + (1 - lambda)(1 - f*) log(1 - f)], lambda = the share of points outside the surface.
    """
    outside = (1 - labels).mean()
    inner = functional.logsigmoid(logits) * labels
    outer = functional.logsigmoid(-logits) * (1 - labels)
    return -(outside * inner + (1 - outside) * outer).mean()


def masked_l1(predicted: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute difference over the pixels of mask (B, 1, H, W)."""
    return ((predicted - target).abs() * mask).sum() / (mask.sum() * predicted.shape[1]).clamp(min=1)


def gradient_l1(predicted: Tensor, target: Tensor, mask: Tensor, scales: int = 3) -> Tensor:
    """Multi-scale difference of image gradients: keeps creases sharp where no VGG features can be had."""
    total = predicted.new_zeros(())
    for _ in range(scales):
        for axis in (2, 3):
            both = torch.minimum(
                mask.narrow(axis, 1, mask.shape[axis] - 1), mask.narrow(axis, 0, mask.shape[axis] - 1)
            )
            total = total + masked_l1(predicted.diff(dim=axis), target.diff(dim=axis), both)
        predicted, target, mask = (functional.avg_pool2d(x, 2) for x in (predicted, target, mask))
        mask = (mask > 0.99).to(mask.dtype)
    return total / scales
