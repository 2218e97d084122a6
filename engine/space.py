# SPDX-License-Identifier: GPL-3.0-or-later
"""Every change of frame, as inverse pairs.

Frames (units):

- source: pixels of the upright picture, continuous, x right, y down; pixel i covers [i, i + 1).
- crop: pixels of the square crop, as source but from the crop's upper left corner.
- image plane: x right, y DOWN, [-1, 1] across the crop; unit = half the crop's width.
- camera: x right, y UP, z toward the viewer; the cube [-1, 1]^3; same unit. Orthographic.
- grid: node indices of the occupancy grid of resolution r, axes (x, y, z) of the camera.
- Blender: x right, y away from the viewer, z UP; metres; the person stands on z = 0 and faces -Y.
- y-up (OBJ, glTF): x right, y UP, the person faces +z; metres.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor  # 80 MB, which a photograph is read without

Floats = NDArray[np.floating[Any]]
Coordinates = TypeVar("Coordinates", NDArray[Any], "Tensor")


def grid_to_camera(nodes: Coordinates, resolution: int) -> Coordinates:
    """Grid indices (..., any), fractional ones too, to camera coordinates: node i lies at -1 + 2 i / r."""
    return nodes * (2.0 / resolution) - 1.0


def camera_to_grid(points: Coordinates, resolution: int) -> Coordinates:
    """Inverse of grid_to_camera; gives fractional indices."""
    return (points + 1.0) * (resolution / 2.0)


def camera_to_image(points: Floats) -> Floats:
    """Camera points (..., 3) to (x, y down, z) on the image plane: (x, -y, z)."""
    return np.asarray(points) * np.array([1.0, -1.0, 1.0], dtype=np.asarray(points).dtype)


def image_to_camera(points: Floats) -> Floats:
    """Inverse of camera_to_image (the flip undoes itself)."""
    return camera_to_image(points)


def image_to_texel(plane: Coordinates, side: int) -> Coordinates:
    """Image plane [-1, 1] to indices of pixel CENTRES of the crop resized to side x side.

    -1 and 1 are the crop's outer edges, as for the camera that rendered the training pictures, so the same
    point is meant whatever the side. (The networks read their features with the rim's pixel centres at -1
    and 1, as published: at most half a feature pixel off, the same in training and here.)
    """
    return (plane + 1.0) * (side / 2.0) - 0.5


def texel_to_image(texels: Coordinates, side: int) -> Coordinates:
    """Inverse of image_to_texel."""
    return (texels + 0.5) * (2.0 / side) - 1.0


@dataclass(frozen=True)
class Crop:
    """A square of the source picture; may reach outside it. x, y, side in whole source pixels."""

    x: int
    y: int
    side: int

    def __post_init__(self) -> None:
        if self.side < 1:
            raise ValueError(f"a crop needs a side of at least one pixel, not {self.side}")

    def source_to_crop(self, pixels: Floats, side: int) -> Floats:
        """Source pixels (..., 2) to pixels of the crop resized to side x side."""
        return np.asarray((np.asarray(pixels) - np.array([self.x, self.y])) * (side / self.side))

    def crop_to_source(self, pixels: Floats, side: int) -> Floats:
        """Inverse of source_to_crop."""
        return np.asarray(np.asarray(pixels) * (self.side / side) + np.array([self.x, self.y]))


def camera_axes_to_blender(vectors: Floats) -> Floats:
    """Directions (..., 3): (x, y, z) -> (x, -z, y). A rotation, so windings stay as they are."""
    v = np.asarray(vectors)
    return np.stack([v[..., 0], -v[..., 2], v[..., 1]], axis=-1)


def blender_axes_to_camera(vectors: Floats) -> Floats:
    """Inverse of camera_axes_to_blender: (x, y, z) -> (x, z, -y)."""
    v = np.asarray(vectors)
    return np.stack([v[..., 0], v[..., 2], -v[..., 1]], axis=-1)


def blender_to_y_up(points: Floats) -> Floats:
    """Blender (..., 3) metres to y-up metres: the axes of OBJ and glTF, the person facing +z."""
    return blender_axes_to_camera(points)


def y_up_to_blender(points: Floats) -> Floats:
    """Inverse of blender_to_y_up."""
    return camera_axes_to_blender(points)


@dataclass(frozen=True)
class Placement:
    """Where the camera cube lies in Blender: rotate the axes, times metres_per_unit, plus offset (metres)."""

    metres_per_unit: float
    offset: tuple[float, float, float]

    def camera_to_blender(self, points: Floats) -> Floats:
        """Camera points (..., 3) to Blender metres (float64)."""
        turned = camera_axes_to_blender(np.asarray(points, dtype=np.float64))
        return np.asarray(turned * self.metres_per_unit + np.array(self.offset))

    def blender_to_camera(self, points: Floats) -> Floats:
        """Inverse of camera_to_blender."""
        turned = (np.asarray(points, dtype=np.float64) - np.array(self.offset)) / self.metres_per_unit
        return blender_axes_to_camera(turned)


def stand_on_floor(vertices: Floats, metres_per_unit: float) -> Placement:
    """The placement that puts the lowest of camera vertices (V, 3) on z = 0 and the middle of their bounding
    box on x = y = 0."""
    turned = camera_axes_to_blender(np.asarray(vertices, dtype=np.float64)) * metres_per_unit
    low, high = turned.min(axis=0), turned.max(axis=0)
    middle = (low + high) / 2
    return Placement(metres_per_unit, (float(-middle[0]), float(-middle[1]), float(-low[2])))
