# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at a whole picture at once or through overlapping squares."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np

from ..space import Crop
from .crop import Mask

PredictMask = Callable[[Crop], Mask | None]
"""A crop in working pixels -> (S, S) float32 in [0, 1], how sure the networks are of a person there, 0
outside the picture; None where no network tells."""


def tiles(size: tuple[int, int], side: int) -> list[Crop]:
    """Squares of a side that cover a picture of (width, height), neighbours overlapping by at least half."""
    return [Crop(x, y, side) for y in _starts(size[1], side) for x in _starts(size[0], side)]


def _starts(extent: int, side: int) -> list[int]:
    if extent <= side:
        return [(extent - side) // 2]
    steps = math.ceil(2 * (extent - side) / side)
    return [round(step * (extent - side) / steps) for step in range(steps + 1)]


def mosaic(canvas: Crop, views: list[Crop], predict_mask: PredictMask) -> Mask | None:
    """The masks of views of one side laid on a canvas: (R, R) float32 in [0, 1], as fine as the masks are.

    Where views overlap the surer one counts, because a view that cuts somebody often misses them: of the
    three samples side by side, in three orders, all nine people are found whole; with averages one fell in
    two. None where no network tells.
    """
    sheet = np.zeros((0, 0), dtype=np.float32)
    for view in views:
        mask = predict_mask(view)
        if mask is None:
            return None
        scale = mask.shape[0] / view.side
        if not sheet.size:
            sheet = np.zeros((round(canvas.side * scale),) * 2, dtype=np.float32)
        shift = np.array([[1, 0, round((view.x - canvas.x) * scale)],
                          [0, 1, round((view.y - canvas.y) * scale)]], dtype=np.float32)
        laid = cv2.warpAffine(mask, shift, sheet.shape[::-1], flags=cv2.INTER_NEAREST)
        sheet = np.maximum(sheet, laid)
    return sheet
