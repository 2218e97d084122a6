# SPDX-License-Identifier: GPL-3.0-or-later
"""Squares of a picture, and what the networks are shown of them."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import EngineError
from ..space import Crop
from .picture import SMALLEST_SIDE, Box, Picture

Mask = NDArray[np.float32]

PERSON_SHARE = 0.86  # the person's larger extent over the crop's side, as in training
MID_GREY = 127.5  # what alpha is composited over: 0.5, as the released weights expect
DRAW_BOX = "Draw the box around the whole person."


def has_cutout(image: Picture) -> bool:
    """Whether alpha tells the person from the rest: parts mostly transparent, parts mostly opaque."""
    if image.shape[2] != 4:
        return False
    alpha = image[..., 3]
    return bool(alpha.min() < 128 <= alpha.max())


def composite(image: Picture) -> Picture:
    """(H, W, 3 or 4) to (H, W, 3) uint8, alpha composited over mid-grey."""
    if image.shape[2] == 3:
        return image
    flat = np.array(image[..., :3])
    for row, source in zip(flat, image):  # a row at a time: floats of a whole picture are 16 times its size
        if source[:, 3].min() < 255:
            alpha = source[:, 3:].astype(np.float32) / 255.0
            row[:] = np.round(source[:, :3] * alpha + MID_GREY * (1.0 - alpha))
    return flat


def whole_picture(image: Picture) -> Crop:
    """The smallest centred square that holds the whole picture."""
    height, width = image.shape[:2]
    side = max(height, width)
    return Crop((width - side) // 2, (height - side) // 2, side)


def crop_around(box: Box) -> Crop:
    """The square centred on a box (x0, y0, x1, y1) whose larger extent fills 86 % of it; both in pixels of
    the same picture.
    """
    x0, y0, x1, y1 = box
    side = max(SMALLEST_SIDE, round(max(x1 - x0, y1 - y0) / PERSON_SHARE))
    return Crop(round((x0 + x1 - side) / 2), round((y0 + y1 - side) / 2), side)


def cut(image: NDArray[Any], crop: Crop, padding: str) -> NDArray[Any]:
    """Cut a crop out of (H, W) or (H, W, C); returns (side, side[, C]).

    padding: what lies outside the picture, "black" (zeros) or "edge" (the nearest pixel).
    Raises EngineError bad_settings when the crop does not touch the picture.
    """
    height, width = image.shape[:2]
    left, top = max(crop.x, 0), max(crop.y, 0)
    right, bottom = min(crop.x + crop.side, width), min(crop.y + crop.side, height)
    if left >= right or top >= bottom:
        raise EngineError("bad_settings", "The person box lies outside the picture.", DRAW_BOX)
    border = cv2.BORDER_REPLICATE if padding == "edge" else cv2.BORDER_CONSTANT
    inner = np.ascontiguousarray(image[top:bottom, left:right])
    margins = (top - crop.y, crop.y + crop.side - bottom, left - crop.x, crop.x + crop.side - right)
    return np.asarray(cv2.copyMakeBorder(inner, *margins, border, value=(0, 0, 0, 0)))


def resize(picture: NDArray[Any], side: int, antialias: bool) -> NDArray[Any]:
    """Resize a square picture to side x side, half-pixel centres.

    antialias False: plain bilinear however large the step, what the released weights were trained on;
    True: area averaging where the picture shrinks, so that a large photograph does not turn to noise.
    """
    shrink = antialias and picture.shape[0] > side
    kind = cv2.INTER_AREA if shrink else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (side, side), interpolation=kind))


def network_input(picture: Picture, crop: Crop, side: int, padding: str) -> NDArray[np.float32]:
    """What a network is shown of a crop: (1, 3, side, side) float32 RGB in [-1, 1].

    picture: (H, W, 3) uint8, alpha already composited, so that only what lies outside it is padding.
    padding: the preset's. "black" is how the published program prepared what its weights were trained on:
    black outside, and each side straight from the crop by bilinear interpolation without antialiasing.
    "edge" repeats the picture's border and averages areas, which keeps fine patterns from turning to noise.
    """
    pixels = resize(cut(picture, crop, padding), side, antialias=padding != "black")
    values = (pixels.astype(np.float32) / 255.0 - 0.5) / 0.5
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None])


def coverage(image: Picture, crop: Crop, side: int) -> Mask:
    """How far the picture itself says that a pixel can hold the person: (side, side) float32 in [0, 1].

    0 outside the picture; inside it alpha where that is a cut-out, else 1.
    """
    height, width = image.shape[:2]
    if has_cutout(image):
        known = image[..., 3]
    elif min(crop.x, crop.y) >= 0 and crop.x + crop.side <= width and crop.y + crop.side <= height:
        return np.ones((side, side), dtype=np.float32)
    else:
        known = np.full((height, width), 255, dtype=np.uint8)
    return (resize(cut(known, crop, "black"), side, antialias=True) / 255.0).astype(np.float32)
