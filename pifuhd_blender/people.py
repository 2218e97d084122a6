# SPDX-License-Identifier: GPL-3.0-or-later
"""Who was found in which image: kept in memory, for the list on the panel and the overlay."""

from __future__ import annotations

from typing import Any

import bpy

from . import orientation
from .box_geometry import Box

_found: dict[str, dict[int, Box]] = {}  # image name -> person's number, from 1 -> box, pixels as stored


def boxes(image: bpy.types.Image) -> dict[int, Box]:
    """The boxes known for an image, (left, top, right, bottom) as it is stored; those of no file's own."""
    return _found.get(image.name, {})


def remember(image: bpy.types.Image, found: list[list[float]], turned: int) -> None:
    """Keep who was found, the first is person 1. found: each x0, y0, x1, y1 of the upright picture."""
    upright = orientation.turned_size(image.size, turned)
    _found[image.name] = {
        number: orientation.boxed(orientation.to_stored([box[:2], box[2:]], upright, turned))
        for number, box in enumerate(found, 1)
    }


def forget(*_: Any) -> None:
    """All of it: another file has other images under the same names."""
    _found.clear()
