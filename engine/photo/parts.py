# SPDX-License-Identifier: GPL-3.0-or-later
"""Telling people apart in a mask, and one person's part of it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..space import Crop
from .crop import Mask
from .picture import Box

Part = NDArray[np.bool_]

SPECK = 0.01  # of the largest component's area: smaller ones belong to nobody
NOISE = 0.08  # of the largest person's area: a person of 28 % of the height has as much, and noise less
GAP = 0.1  # of the common height: how far apart two pieces of one person may lie, as above and below a belt
SLENDER = 2.0  # height over width; two pieces that both reach it are two whole people, one above the other
HOLE = 0.01  # of a person's area: what they enclose and is smaller is left as it was seen
DOUBT = 0.3  # mean of the mask in what is no hole, from: between arm and hip it is 0.13, in a dark skirt 0.38
WIDENED = 0.15  # of a person's larger extent: how far beyond a box found before the person may reach


def split_people(solid: Part) -> list[Part]:
    """The people in a bool map (H, W): a bool map of the same shape each, the one of largest area first.

    A person is an 8-connected component, or several one above another with a small gap between, as what a
    belt or a rail divides. What has less than 8 % of the largest one's area is noise.
    """
    labels, boxes, areas = _components(solid)
    if len(areas) < 2:
        return []
    kept = [label for label in range(1, len(areas)) if areas[label] >= SPECK * areas[1:].max()]
    groups = [[label] for label in kept]
    extents = [boxes[label] for label in kept]
    joined = True
    while joined:
        joined = False
        for second in range(len(groups) - 1, 0, -1):
            for first in range(second):
                if _one_person(extents[first], extents[second]):
                    groups[first] += groups.pop(second)
                    extents[first] = _union(extents[first], extents.pop(second))
                    joined = True
                    break
    groups.sort(key=lambda group: -int(areas[group].sum()))
    largest = int(areas[groups[0]].sum())
    return [np.isin(labels, group) for group in groups if areas[group].sum() >= NOISE * largest]


def part_box(part: Part) -> Box:
    """The box (x0, y0, x1, y1) of a non-empty bool map, in its pixels, x1 and y1 exclusive."""
    columns, rows = np.flatnonzero(part.any(axis=0)), np.flatnonzero(part.any(axis=1))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def person_part(mask: Mask, crop: Crop, box: Box) -> Part:
    """The part of a crop's mask that is the person whom a box holds: (S, S) bool, all False where none is.

    mask: (S, S) in [0, 1]. box: x0, y0, x1, y1 in the pixels of crop's picture; the person may reach 15 % of
    its larger extent beyond. Of several people the one with most of their pixels in the box is taken, not
    the largest. What the person encloses belongs to them where the mask is in doubt, not sure of a gap.
    """
    side = mask.shape[0]
    inner = box_to_crop(box, crop, side)
    reach = WIDENED * max(inner[2] - inner[0], inner[3] - inner[1])
    outer = inner[0] - reach, inner[1] - reach, inner[2] + reach, inner[3] + reach
    people = split_people((mask > 0.5) & _within(outer, side))
    if not people:
        return np.zeros(mask.shape, dtype=np.bool_)
    return _mended(max(people, key=lambda part: int((part & _within(inner, side)).sum())), mask)


def _mended(part: Part, mask: Mask) -> Part:
    """The part with those of its holes in which the mask is in doubt: a plain skirt, rather than a gap."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats((~part).astype(np.uint8), connectivity=4)
    area = stats[:, cv2.CC_STAT_AREA]
    hole = area >= HOLE * part.sum()
    hole[labels[part]] = False
    for rim in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        hole[rim] = False
    sums = np.bincount(labels.ravel(), mask.ravel(), len(area))
    return np.asarray(part | (hole & (sums > DOUBT * area))[labels])


def box_to_source(box: Box, crop: Crop, side: int) -> Box:
    """A box in pixels of the crop resized to side x side, to pixels of the picture the crop is of."""
    x0, y0, x1, y1 = crop.crop_to_source(np.array(box).reshape(2, 2), side).ravel().tolist()
    return x0, y0, x1, y1


def box_to_crop(box: Box, crop: Crop, side: int) -> Box:
    """Inverse of box_to_source."""
    x0, y0, x1, y1 = crop.source_to_crop(np.array(box).reshape(2, 2), side).ravel().tolist()
    return x0, y0, x1, y1


def _components(solid: Part) -> tuple[NDArray[np.int32], list[Box], NDArray[np.int64]]:
    """8-connected components: the map of labels, and by label the box and the area; 0 is the rest, area 0."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(solid.astype(np.uint8), connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA].astype(np.int64)
    areas[0] = 0
    boxes = [(float(x), float(y), float(x + w), float(y + h)) for x, y, w, h in stats[:, :4].tolist()]
    return np.asarray(labels), boxes, areas


def _one_person(first: Box, second: Box) -> bool:
    """Whether two components are pieces of one person: one above the other, close, and not both slender."""
    shared = min(first[2], second[2]) - max(first[0], second[0])
    gap = max(first[1], second[1]) - min(first[3], second[3])
    height = max(first[3], second[3]) - min(first[1], second[1])
    if shared < 0.5 * min(first[2] - first[0], second[2] - second[0]) or abs(gap) > GAP * height:
        return False
    return any(box[3] - box[1] < SLENDER * (box[2] - box[0]) for box in (first, second))


def _union(first: Box, second: Box) -> Box:
    return (min(first[0], second[0]), min(first[1], second[1]),
            max(first[2], second[2]), max(first[3], second[3]))


def _within(box: Box, side: int) -> Part:
    """(side, side) bool: pixels whose centre lies in the box."""
    centres = np.arange(side) + 0.5
    columns = (centres > box[0]) & (centres < box[2])
    rows = (centres > box[1]) & (centres < box[3])
    return np.asarray(rows[:, None] & columns[None])
