# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture of what the network makes of a few views of a batch, to watch it learn."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.networks import PIFuHD

from ..losses import COLUMN_REACH
from ..stages import coarse_picture, frozen_maps
from ..views import Batch

TILE, MOST_VIEWS = 192, 4
"""Pixels a side of each tile; rows at most."""
GRID = 64
"""Nodes along each side of a shown slice of the occupancy."""


@torch.no_grad()
def snapshot(network: PIFuHD, stage: str, batch: Batch) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB, a row a view: the picture; predicted and true front and back normals as colours,
    and the back's colour where the network tells it, or for stages of occupancy the predicted and true slice
    through the middle of the person from the side (the viewer to the right) and the predicted one from the
    front.

    The true slice is filled from the front surface to the back one: it does not know of gaps between.
    """
    count = min(MOST_VIEWS, len(batch.image))
    image = coarse_picture(network, batch.image[:count])
    maps = frozen_maps(network, image)
    rows = [[(view + 1) / 2] for view in image]
    if stage == "normals":
        assert maps is not None
        for predicted, true in ((maps.front, batch.front), (maps.back, batch.back)):
            for row, own, wanted in zip(rows, predicted, true):
                row += [(own + 1) / 2, (wanted + 1) / 2]
        if maps.back_colour is not None:
            for row, own, wanted in zip(rows, maps.back_colour * maps.mask, batch.back_colour):
                row += [own, wanted]
    else:
        coarse = network.coarse_features(image, maps)[-1].float()
        fine = network.fine_features(batch.image[:count], maps)[-1].float() if stage != "coarse" else None
        rows_shown = ((torch.arange(GRID) + 0.5) / GRID * batch.mask.shape[-1]).long()
        for k, row in enumerate(rows):
            column = _middle_column(batch.mask[k])
            side, front = _slices(column, batch.mask.shape[-1])
            points = torch.stack([side, front]).to(image).reshape(1, -1, 3)
            logits, omega = network.netG.query(coarse[k : k + 1], points)
            if fine is not None:
                logits = network.query_fine(fine[k : k + 1], points, omega)
            shown = torch.sigmoid(logits).reshape(2, 1, GRID, GRID)
            depth = batch.depth[k, :, rows_shown, column, None]
            z = side[..., 2].to(depth)
            true = ((z < depth[0]) & (z > depth[1])).float()[None]
            row += [shown[0], true, shown[1]]
    return np.concatenate([np.concatenate([_tile(tile) for tile in row], 1) for row in rows])


def _middle_column(mask: Tensor) -> int:
    """The column of mask (1, s, s) that most of the person lies in."""
    return int(mask[0].sum(0).argmax())


def _slices(column: int, size: int) -> tuple[Tensor, Tensor]:
    """Points (GRID, GRID, 3) of the plane through a pixel column, z to the right, and of the plane z = 0."""
    along = (torch.arange(GRID) + 0.5) * (2 / GRID) - 1
    down, right = torch.meshgrid(-along, along, indexing="ij")
    x = torch.full_like(right, (column + 0.5) * (2 / size) - 1)
    return torch.stack([x, down, right * COLUMN_REACH], -1), torch.stack([right, down, 0 * right], -1)


def _tile(picture: Tensor) -> NDArray[np.uint8]:
    """(1 or 3, h, w) in [0, 1] as (TILE, TILE, 3) bytes."""
    values = picture.float().clamp(0, 1).expand(3, -1, -1).permute(1, 2, 0).cpu().numpy()
    small = values.shape[0] < TILE
    resized = cv2.resize(values, (TILE, TILE), interpolation=cv2.INTER_NEAREST if small else cv2.INTER_AREA)
    tile: NDArray[np.uint8] = (resized * 255).round().astype(np.uint8)
    return tile
