# SPDX-License-Identifier: GPL-3.0-or-later
"""From occupancy on a grid to a closed triangle mesh (marching cubes)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage.measure import marching_cubes

from ..space import grid_to_camera
from .localise import LEVEL, Field
from .meshes import Faces, Vertices


def isosurface(field: Field) -> tuple[Vertices, Faces]:
    """The 0.5 level of a field.

    Returns vertices (V, 3) float32 in camera space and faces (F, 3) int32, counter-clockwise seen from
    outside. Closed: outside the field's box, and so outside the cube, occupancy is 0.
    """
    box = _active_box(field.values > LEVEL)
    padded = np.pad(field.values[box], 1)
    # "ascent" is what turns the faces outward for axes (x, y, z): a sphere's volume comes out positive.
    vertices, faces, _, _ = marching_cubes(  # type: ignore[no-untyped-call]
        padded, LEVEL, gradient_direction="ascent")
    corner = np.array(field.origin) + np.array([part.start for part in box]) - 1
    camera = grid_to_camera(vertices.astype(np.float64) + corner, field.resolution)
    return camera.astype(np.float32), np.ascontiguousarray(faces, dtype=np.int32)


def _active_box(inside: NDArray[np.bool_]) -> tuple[slice, slice, slice]:
    """The box of the nodes inside, with a node around it where the field has one."""
    bounds = []
    for axis in range(3):
        used = np.flatnonzero(inside.any(axis=tuple(other for other in range(3) if other != axis)))
        bounds.append(slice(max(int(used[0]) - 1, 0), int(used[-1]) + 2))
    return bounds[0], bounds[1], bounds[2]
