# SPDX-License-Identifier: GPL-3.0-or-later
"""Plots of how time and memory grow with the resolution, drawn with OpenCV."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 900, 600
LEFT, RIGHT, TOP, BOTTOM = 90, 250, 50, 60  # pixels around the axes
COLOURS = ((60, 76, 231), (219, 152, 52), (113, 174, 39), (173, 68, 142), (15, 156, 243), (80, 80, 80))  # BGR
INK, FAINT = (40, 40, 40), (225, 225, 225)
ROOM = 1.3  # factor between the outermost values and the frame

Pixel = tuple[int, int]


@dataclass(frozen=True)
class Line:
    """A name and its points (x, y), both > 0; dashed: a law rather than a measurement."""

    name: str
    points: Sequence[tuple[float, float]]
    dashed: bool = False


def square(name: str, resolutions: Sequence[int], c: float) -> Line:
    """The law c * r^2."""
    return Line(f"{name}: c r^2", [(r, c * r * r) for r in resolutions], dashed=True)


def draw(title: str, lines: Sequence[Line], target: Path) -> None:
    """Draw lines with both axes logarithmic, so that c * r^2 is straight, and write a PNG. A law takes the
    colour of the line before it. Raises OSError where it cannot be written."""
    canvas = np.full((HEIGHT, WIDTH, 3), 255, dtype=np.uint8)
    xs = sorted({x for line in lines for x, _ in line.points})
    ys = [y for line in lines for _, y in line.points]
    low, high = (min(xs) / ROOM, min(ys) / ROOM), (max(xs) * ROOM, max(ys) * ROOM)

    def pixel(x: float, y: float) -> Pixel:
        across, up = (math.log(at / a) / math.log(b / a) for at, a, b in zip((x, y), low, high))
        return (round(LEFT + across * (WIDTH - LEFT - RIGHT)),
                round(HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)))  # fmt: skip

    for x in xs:
        _rule(canvas, pixel(x, low[1]), pixel(x, high[1]))
        _write(canvas, f"{x:g}", (pixel(x, low[1])[0] - 15, HEIGHT - BOTTOM + 22))
    for y in _marks(low[1], high[1]):
        _rule(canvas, pixel(low[0], y), pixel(high[0], y))
        _write(canvas, f"{y:g}", (12, pixel(low[0], y)[1] + 5))
    cv2.rectangle(canvas, pixel(*low), pixel(*high), INK, 1, cv2.LINE_AA)
    _write(canvas, title, (LEFT, 30), 0.62)
    _write(canvas, "nodes a side", (LEFT + 220, HEIGHT - 14))

    number = -1
    for row, line in enumerate(lines):
        number += not line.dashed
        colour = COLOURS[number % len(COLOURS)]
        places = [pixel(*point) for point in line.points]
        for start, stop in zip(places, places[1:]):
            _stroke(canvas, start, stop, colour, line.dashed)
        for place in [] if line.dashed else places:
            cv2.circle(canvas, place, 5, colour, -1, cv2.LINE_AA)
        height = TOP + 12 + 24 * row
        _stroke(canvas, (WIDTH - RIGHT + 14, height), (WIDTH - RIGHT + 44, height), colour, line.dashed)
        _write(canvas, line.name, (WIDTH - RIGHT + 52, height + 5))
    if not cv2.imwrite(str(target), canvas):
        raise OSError(f"{target} cannot be written")


def _marks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten between two values."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    marks = [step * 10.0**power for power in decades for step in (1, 2, 5)]
    return [mark for mark in marks if low <= mark <= high]


def _rule(canvas: NDArray[np.uint8], start: Pixel, stop: Pixel) -> None:
    cv2.line(canvas, start, stop, FAINT, 1, cv2.LINE_AA)


def _stroke(
    canvas: NDArray[np.uint8], start: Pixel, stop: Pixel, colour: tuple[int, int, int], dashed: bool
) -> None:
    if not dashed:
        cv2.line(canvas, start, stop, colour, 2, cv2.LINE_AA)
        return
    pieces = max(round(math.dist(start, stop) / 12), 1)
    ends = np.linspace(start, stop, 2 * pieces).round().astype(int).tolist()
    for first, second in zip(ends[::2], ends[1::2]):
        cv2.line(canvas, first, second, colour, 1, cv2.LINE_AA)


def _write(canvas: NDArray[np.uint8], text: str, at: Pixel, size: float = 0.45) -> None:
    cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, INK, 1, cv2.LINE_AA)
