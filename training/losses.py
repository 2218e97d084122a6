# SPDX-License-Identifier: GPL-3.0-or-later
"""What training minimises.

Every loss is computed for each view by itself and then averaged over the views: processes that share a batch
evenly get, in the mean of their gradients, exactly the gradient of the whole batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .views import Batch

COLUMN_REACH = 0.7
"""Half the depth that columns are sampled over, in camera units: no person of the pool is deeper."""
THICKEST = 0.4
"""Camera units between front and back beyond which there may be a gap."""


def extended_bce(logits: Tensor, labels: Tensor, where: Tensor | None = None) -> Tensor:
    """PIFuHD's extended binary cross entropy (section 3.4), a mean over points, then views.

    -[lambda f* log f + (1 - lambda)(1 - f*) log(1 - f)], lambda = the share of a view's points outside the
    surface. logits, labels (B, N); where (B, N) bool: the points that count, all if not given. Their mean is
    the paper's weight 1 / (share of points inside the crop).
    """
    kept = torch.ones_like(labels) if where is None else where.to(labels.dtype)
    count = kept.sum(1).clamp(min=1)
    outside = (((1 - labels) * kept).sum(1) / count)[:, None]
    inner = functional.logsigmoid(logits) * labels
    outer = functional.logsigmoid(-logits) * (1 - labels)
    terms = outside * inner + (1 - outside) * outer
    return -((terms * kept).sum(1) / count).mean()


def masked_l1(predicted: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute difference (B, C, H, W) over the pixels of each view's mask (B, 1, H, W), 0 where a
    view's mask is empty; then the mean over views."""
    sums = ((predicted - target).abs() * mask).sum((1, 2, 3))
    return (sums / (mask.sum((1, 2, 3)) * predicted.shape[1]).clamp(min=1)).mean()


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


def back_colour_loss(colour: Tensor, batch: Batch) -> Tensor:
    """Mean absolute difference of the back's colour (B, 3, s, s) in [0, 1] over the true silhouette, 0 for
    views whose back's colour is not known; the mean over views."""
    return masked_l1(colour, batch.back_colour, batch.mask * batch.colour_known[:, None, None, None])


def span_loss(span: Tensor, batch: Batch) -> Tensor:
    """Absolute error of the span's logarithm (B,), 0 for pictures that show nobody or whose span is not
    known; the mean over views."""
    known = (batch.mask.sum((1, 2, 3)) > 0).float() * batch.back_known
    return ((span - batch.span.clamp(min=1e-6).log()).abs() * known).mean()


def column_loss(
    query: Callable[[Tensor], Tensor], batch: Batch, draws: Tensor, allowed: Tensor | None = None
) -> Tensor:
    """Plain cross entropy at points spread evenly along the depth of the person's pixels.

    Points near the surface alone say nothing of how probable each depth is: where the network is unsure of
    the depth, half of those it is shown are inside wherever they are, and legs grow into slabs. query: points
    (B, N, 3) -> logits (B, N); draws, allowed: as for `column_points`.
    """
    points, inside, known = column_points(batch, draws, allowed)
    logits = query(points).float()
    losses = functional.binary_cross_entropy_with_logits(logits, inside.float(), reduction="none")
    return ((losses * known).sum(1) / known.sum(1).clamp(min=1)).mean()


def column_points(
    batch: Batch, draws: Tensor, allowed: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Points (B, N, 3) spread evenly along the depth of the person's pixels, inside (B, N) bool, and whether
    that is known (B, N) bool.

    Front and back depth label a column exactly outside of the two; between them all is taken as inside, but
    where they are far apart (an arm before the body) only the outside is known. draws (B, N, 2) in [0, 1):
    which pixel, which depth; allowed (B, 1, s, s): pixels to draw from.
    """
    size = batch.mask.shape[-1]
    anywhere = torch.ones_like(batch.mask) if allowed is None else allowed
    share = (batch.mask * anywhere).flatten(1)
    share = torch.where(share.sum(1, keepdim=True) > 0, share, anywhere.flatten(1))
    chosen = weighted_choice(share, draws[..., 0])
    front, back = batch.depth.flatten(2).gather(2, chosen[:, None].expand(-1, 2, -1)).unbind(1)
    x = (chosen % size + 0.5) * (2 / size) - 1
    y = 1 - (torch.div(chosen, size, rounding_mode="floor") + 0.5) * (2 / size)
    z = (draws[..., 1] * 2 - 1) * COLUMN_REACH
    inside = (z < front) & (z > back)
    known = ~inside | (front - back < THICKEST)
    return torch.stack([x, y, z], -1), inside, known


def point_iou(logits: Tensor, labels: Tensor, where: Tensor | None = None) -> Tensor:
    """Intersection over union of predicted and true inside points (B, N) of each view; the views' mean."""
    predicted, true = logits > 0, labels > 0.5
    if where is not None:
        predicted, true = predicted & where, true & where
    return ((predicted & true).sum(1) / (predicted | true).sum(1).clamp(min=1)).mean()


def weighted_choice(weights: Tensor, draws: Tensor) -> Tensor:
    """Indices (B, N) int64 into weights (B, P) >= 0, as often as each weighs, from draws (B, N) in [0, 1)."""
    running = weights.double().cumsum(1)
    # right: an index of no weight is never hit, not even by a draw of 0
    found = torch.searchsorted(running, draws.double() * running[:, -1:], right=True)
    return found.clamp(max=weights.shape[1] - 1)


def view_draws(seed: int, stream: int, index: Sequence[int], shape: tuple[int, ...]) -> Tensor:
    """(B, *shape) float32 in [0, 1): what is left to chance for the views `index`, of each view alone.

    No global generator is asked, so that a resumed run, and each of several processes, draws what a single
    uninterrupted one would have. stream: tells the purposes of one stage apart.
    """
    views = [np.random.default_rng([seed, stream, at]).random(shape, np.float32) for at in index]
    return torch.from_numpy(np.stack(views))
