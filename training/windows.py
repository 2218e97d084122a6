# SPDX-License-Identifier: GPL-3.0-or-later
"""Square windows of the fine picture, on which the fine level is trained (PIFuHD, section 3.2).

corner (B, 2) int64: x, y of each window's first pixel, rows from the top; size, window: pixels a side.
Nothing here reads a value back from the device: a training step must not wait for it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .losses import weighted_choice


def choose_corners(points: Tensor, labels: Tensor, draws: Tensor, size: int, window: int) -> Tensor:
    """Corners of windows whose centre lies about a random point of the person.

    points (B, N, 3) camera space, labels (B, N); draws (B, 3) in [0, 1): which point, how far off it.
    """
    chosen = weighted_choice(labels + 1e-3, draws[:, :1])[:, 0]
    at = points[torch.arange(len(points), device=points.device), chosen]
    centre = _pixels(at, size) + (draws[:, 1:] - 0.5) * window * 0.6
    return (centre - window / 2).round().clamp(0, size - window).long()


def in_window(points: Tensor, corner: Tensor, size: int, window: int) -> tuple[Tensor, Tensor]:
    """Points (B, N, 3) in the frame of their window's picture plane, and which lie in it (B, N) bool."""
    local = (_pixels(points, size) - corner[:, None]) / (window - 1) * 2 - 1
    inside = (local.abs() <= 1).all(-1)
    return torch.stack([local[..., 0], -local[..., 1], points[..., 2]], -1), inside


def covered(mask: Tensor, corner: Tensor, size: int, window: int) -> Tensor:
    """(B, 1, s, s): 1 in the pixels of the smaller picture mask (B, 1, s, s) that a window covers whole."""
    factor = size // mask.shape[-1]
    first = torch.arange(mask.shape[-1], device=mask.device) * factor
    begin, end = corner[:, :, None], corner[:, :, None] + window
    inside = (first >= begin) & (first + factor <= end)
    return (inside[:, 1, :, None] & inside[:, 0, None, :])[:, None].to(mask.dtype)


def cut(picture: Tensor, corner: Tensor, window: int) -> Tensor:
    """The windows (B, C, window, window) of picture (B, C, size, size)."""
    along = torch.arange(window, device=picture.device)
    rows, columns = corner[:, 1, None] + along, corner[:, 0, None] + along
    count, channels, _, size = picture.shape
    strip = picture.gather(2, rows[:, None, :, None].expand(count, channels, window, size))
    return strip.gather(3, columns[:, None, None].expand(count, channels, window, window))


def _pixels(points: Tensor, size: int) -> Tensor:
    """Column and row (..., 2) in the fine picture of camera-space points (..., 3)."""
    return torch.stack([points[..., 0], -points[..., 1]], -1).add(1).div(2).mul(size - 1)
