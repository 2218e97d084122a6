# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking hold of the person box and pulling its sides. Free of bpy. A box is (left, top, right, bottom)."""

from __future__ import annotations

SMALLEST = 8  # pixels, the engine's
SIDES = ("left", "top", "right", "bottom")

Box = tuple[float, float, float, float]


def grip(box: Box, x: float, y: float, reach: float) -> frozenset[str]:
    """Which sides a pointer takes hold of: one at an edge, two at a corner, all four inside, none outside.

    reach: how near to an edge counts; all in the same unit, y down.
    """
    left, top, right, bottom = box
    if not (left - reach <= x <= right + reach and top - reach <= y <= bottom + reach):
        return frozenset()
    held = set()
    for pair in ((abs(x - left), "left"), (abs(x - right), "right")), (
        (abs(y - top), "top"),
        (abs(y - bottom), "bottom"),
    ):
        distance, side = min(pair)
        if distance <= reach:
            held.add(side)
    return frozenset(held or SIDES)


def pulled(box: Box, sides: frozenset[str], dx: float, dy: float, size: tuple[int, int]) -> Box:
    """The box with the held sides moved; it stays in a picture of this size and at least 8 pixels wide and
    high. Held as a whole it keeps its size."""
    left, top, right, bottom = box
    width, height = size
    if sides == frozenset(SIDES):
        dx = min(max(dx, -left), width - right)
        dy = min(max(dy, -top), height - bottom)
    if "left" in sides:
        left += dx
    if "right" in sides:
        right += dx
    if "top" in sides:
        top += dy
    if "bottom" in sides:
        bottom += dy
    # The side that is not held gives way last, so that a box cannot be turned inside out.
    if "left" in sides:
        left = min(left, right - SMALLEST)
    if "top" in sides:
        top = min(top, bottom - SMALLEST)
    return fitted((left, top, right, bottom), size)


def fitted(box: Box, size: tuple[int, int]) -> Box:
    """A box inside a picture of this size and at least 8 pixels wide and high."""
    width, height = size
    left = min(max(box[0], 0), max(width - SMALLEST, 0))
    top = min(max(box[1], 0), max(height - SMALLEST, 0))
    right = min(max(box[2], left + SMALLEST), width)
    bottom = min(max(box[3], top + SMALLEST), height)
    return left, top, right, bottom
