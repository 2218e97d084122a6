# SPDX-License-Identifier: GPL-3.0-or-later
"""What every stage of training reads, whichever source it comes from, and a picture of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Batch:
    """B views on one device, but for index and person, which stay in CPU memory.

    image (B, 3, S, S) float32 sRGB in [-1, 1]; front, back (B, 3, s, s) float32 unit normals in camera space
    (x right, y up, z to the viewer), the zero vector outside the mask;
    mask (B, 1, s, s) float32, 0 or 1; depth (B, 2, s, s) float32, camera z of the front and the back surface,
    0 outside the mask; span (B,) float32 > 0, what the picture's side measures in the person's statures;
    points (B, N, 3) float32 camera space in the cube [-1, 1]^3, with labels (B, N) float32, 1 inside; of one
    level; back_known (B,) float32 1, or 0 where nothing but front and mask is known (training.pictures) and
    back, depth and span are zero, points and labels empty; back_colour (B, 3, s, s) float32 sRGB in [0, 1],
    the back surface in even light as the picture's camera would show it, 0 outside the mask, and colour_known
    (B,) float32 1, or 0 where it is not known and zero throughout; index (B,) int64, the view's place in
    the endless sequence of its source: whatever else is drawn at random for a view depends on it alone, so
    that resumed and shared runs see the same; person (B,) int64, the seed of who is shown.

    Where nobody is shown, front, back, mask, depth, back_colour and labels are zero; span and person say who
    is not there.
    """

    image: Tensor
    front: Tensor
    back: Tensor
    mask: Tensor
    depth: Tensor
    span: Tensor
    points: Tensor
    labels: Tensor
    back_known: Tensor
    back_colour: Tensor
    colour_known: Tensor
    index: Tensor
    person: Tensor


@dataclass(frozen=True)
class ViewSettings:
    """What a stage asks of its views.

    size: side of the pictures in pixels; maps: side of normals, mask and depth, which the normal nets work
    at; level: 0 for points of the coarse, 1 of the fine level; points: labelled ones a view; for_normals:
    show people small as well, as in the first look at a whole photograph, and now and then nobody. Such views
    are for the normal nets alone: the engine asks for no occupancy where it found nobody, and where every
    point is outside, lambda is 1 and the extended loss of the other stages vanishes.
    """

    size: int
    maps: int
    level: int
    points: int
    for_normals: bool


class Source(Protocol):
    """An endless sequence of views; each depends on the source's seed, its index and the pool alone."""

    def batches(
        self, count: int, workers: int, first: int = 0, rank: int = 0, world: int = 1
    ) -> Iterator[Batch]:
        """Batches of `count` views from step `first` on, prepared by `workers` helpers beside the caller
        (0: by the caller itself).

        Of `world` processes that train together each gets its own part: the parts of one step are what a
        single process would get with a batch `world` times as large.
        """
        ...


def view_numbers(step: int, count: int, rank: int, world: int) -> list[int]:
    """Indices of the views that `rank` of `world` gets in a step, `count` each."""
    start = (step * world + rank) * count
    return list(range(start, start + count))


def batch_picture(batch: Batch, columns: int = 4) -> NDArray[np.uint8]:
    """The views of a batch side by side, `columns` a row: (H, W, 3) uint8 sRGB, RGB order.

    Each tile is a row of image, front, back (grey where there is nobody), mask and the back's colour, all at
    the maps' size.
    """
    side = batch.mask.shape[-1]
    image = functional.interpolate(batch.image, size=(side, side), mode="area")
    mask, behind = batch.mask.expand(-1, 3, -1, -1) * 2 - 1, batch.back_colour * 2 - 1
    parts = [image, batch.front, batch.back, mask, behind]
    tiles = torch.cat(parts, 3).add(1).mul(127.5).round().clamp(0, 255)
    pictures = tiles.permute(0, 2, 3, 1).to("cpu", torch.uint8).numpy()
    rows = math.ceil(len(pictures) / columns)
    columns = min(columns, len(pictures))
    sheet = np.zeros((rows * columns, *pictures.shape[1:]), np.uint8)
    sheet[: len(pictures)] = pictures
    height, width = pictures.shape[1:3]
    grid = sheet.reshape(rows, columns, height, width, 3).transpose(0, 2, 1, 3, 4)
    return grid.reshape(rows * height, columns * width, 3)
