# SPDX-License-Identifier: GPL-3.0-or-later
"""The photograph laid onto the mesh: where each vertex is in it, and how far it is seen. Free of bpy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from . import orientation, placement

CELLS = 256  # a side of the depth map, over the crop: coarser than the vertices, so that it has no holes
BEHIND = 0.02  # metres behind the nearest vertex of a cell that still count as seen: a cell's slope
GRAZING = 0.15, 0.45  # -y of a normal: the photograph is stretched below, and fully shown above

Floats = npt.NDArray[np.floating[Any]]


def uv(
    vertices: Floats, info: Mapping[str, Any], size: tuple[int, int], turned: int
) -> npt.NDArray[np.float32]:
    """(V, 2) float32 Blender texture coordinates. vertices: (V, 3) metres, as the engine sends them; size:
    (width, height) of the picture as stored; turned: its orientation."""
    upright = orientation.turned_size(size, turned)
    x, y = orientation.to_stored(placement.to_picture(vertices, info), upright, turned).T
    return np.stack([x / size[0], 1.0 - y / size[1]], axis=1).astype(np.float32)


def seen(vertices: Floats, normals: Floats, info: Mapping[str, Any]) -> npt.NDArray[np.float32]:
    """(V,) float32 in [0, 1]: 1 where the viewer looks straight at a vertex, 0 at the back and where
    something stands before it. vertices, normals: (V, 3), the viewer at -y."""
    low, high = GRAZING
    facing = np.clip((-np.asarray(normals)[:, 1] - low) / (high - low), 0.0, 1.0)
    reach = info["camera"]["metres_per_unit"]
    offset = info["camera"]["offset"]
    columns = ((vertices[:, [0, 2]] - (offset[0], offset[2])) / reach + 1.0) * (CELLS / 2)
    cell = np.clip(columns, 0, CELLS - 1).astype(np.intp) @ np.array([1, CELLS])
    nearest = np.full(CELLS * CELLS, np.inf)
    np.minimum.at(nearest, cell, vertices[:, 1])
    return np.where(vertices[:, 1] <= nearest[cell] + BEHIND, facing, 0.0).astype(np.float32)
