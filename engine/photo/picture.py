# SPDX-License-Identifier: GPL-3.0-or-later
"""A photograph as the engine works on it: upright, 8-bit, and reduced where it is huge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import EngineError
from ..sentences import Sentence
from ..space import Crop

Picture = NDArray[np.uint8]
Box = tuple[float, float, float, float]

SMALLEST_SIDE = 16  # pixels; below it there is nothing to see
WORKING_SIDE = 4096
"""Pixels of the longest side to work on. Pictures beyond it are halved until they fit, so more than 2048 are
left: the largest square that colours are taken from, and 1024, the finest input of a network, for a person
who fills half the picture."""
STRIP = 32  # working rows reduced at a time: of 4096 pixels at scale 4, 8 MiB of the source

Rows = Callable[[int, int], Image.Image]
"""(top, bottom) -> these rows of the source as an 8-bit Pillow picture."""


@dataclass(frozen=True, eq=False)
class Photo:
    """A picture to work on, and how its pixels lie in the source picture.

    pixels: (H, W, 3) or (H, W, 4) uint8 sRGB, upright, alpha straight. scale: source pixels a working pixel
    along each axis, a power of two, 1 unless the source is huge: working pixel i covers the source's
    [i * scale, (i + 1) * scale), to within one working pixel where a reduced picture was turned upright.
    size: width and height of the upright source, source pixels.
    """

    pixels: Picture
    scale: int
    size: tuple[int, int]

    def box_to_working(self, box: Box) -> Box:
        """A box (x0, y0, x1, y1) in source pixels, in working pixels."""
        x0, y0, x1, y1 = box
        return x0 / self.scale, y0 / self.scale, x1 / self.scale, y1 / self.scale

    def box_to_source(self, box: Box) -> Box:
        """Inverse of box_to_working."""
        x0, y0, x1, y1 = box
        return x0 * self.scale, y0 * self.scale, x1 * self.scale, y1 * self.scale

    def crop_to_source(self, crop: Crop) -> Crop:
        """A crop in working pixels, in source pixels: exactly, because the scale is whole."""
        return Crop(crop.x * self.scale, crop.y * self.scale, crop.side * self.scale)


def from_pixels(image: NDArray[Any], limit: int = WORKING_SIDE) -> Photo:
    """A Photo of an array (H, W, 3 or 4) uint8 sRGB, alpha straight, reduced to limit pixels a side.

    An array that is small enough is not copied. Raises EngineError bad_image for other arrays and for
    pictures of less than 16 pixels a side.
    """
    pixels = check_picture(image)
    height, width = pixels.shape[:2]
    factor = reduction((width, height), limit)
    if factor > 1:
        pixels = reduced(lambda top, bottom: Image.fromarray(pixels[top:bottom]), (width, height), factor)
    return Photo(pixels, factor, (width, height))


def check_picture(image: NDArray[Any]) -> Picture:
    """Return image if (H, W, 3 or 4) uint8 and at least 16 pixels each way; else EngineError bad_image."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (3, 4):
        text = Sentence(
            "The picture's array is {dtype} {shape}, not 8-bit RGB or RGBA.",
            dtype=image.dtype,
            shape=image.shape,
        )
        raise EngineError("bad_image", text, "Convert it to 8-bit RGB.")
    check_size((image.shape[1], image.shape[0]))
    return np.asarray(image)


def check_size(size: tuple[int, int], limit: int = WORKING_SIDE) -> None:
    """EngineError bad_image for a picture (width, height) in which no person can be seen."""
    hint = "Choose one in which the person is at least 200 pixels tall."
    if min(size) < SMALLEST_SIDE:
        raise EngineError(
            "bad_image",
            Sentence("The picture is only {width} x {height} pixels.", width=size[0], height=size[1]),
            hint,
        )
    if min(size) < SMALLEST_SIDE * reduction(size, limit):
        text = Sentence(
            "The picture of {width} x {height} pixels is too narrow to hold a person.",
            width=size[0],
            height=size[1],
        )
        raise EngineError("bad_image", text, "Cut the part with the person out of it.")


def reduction(size: tuple[int, int], limit: int) -> int:
    """The smallest power of two by which the longer side divided is at most limit."""
    factor = 1
    while max(size) > limit * factor:
        factor *= 2
    return factor


def reduced(rows: Rows, size: tuple[int, int], factor: int) -> Picture:
    """The picture whose rows are given, size (width, height), averaged over squares of factor x factor.

    Returns (ceil(H / factor), ceil(W / factor), 3 or 4) uint8 as the rows' mode is RGB or RGBA; colours are
    averaged by their alpha. Only a strip of the source is converted at a time.
    """
    if factor == 1:
        return np.asarray(rows(0, size[1]))
    return np.concatenate([
        np.asarray(rows(top, min(top + STRIP * factor, size[1])).reduce(factor))
        for top in range(0, size[1], STRIP * factor)
    ])
