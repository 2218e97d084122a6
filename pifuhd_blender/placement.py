# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a reconstruction goes: 4 x 4 matrices from what the engine says of its camera. Free of bpy.

The engine's vertices are metres, feet on z = 0, the bounding box centred on x = y = 0. They came from camera
coordinates c (x right, y up, z toward the viewer; 1 is half the crop's side) as
(c.x, -c.z, c.y) * metres_per_unit + offset, with both numbers in `info.camera`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import orientation

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Frame:
    """A picture as an image empty shows it: in its local x-y plane.

    width, height: pixels as stored in the file. size: of the longer side, Blender units. shift: of the lower
    left corner, in widths and heights. turned: the file's orientation tag, which Blender does not apply.
    """

    width: int
    height: int
    size: float
    shift: tuple[float, float]
    turned: int = 1


def at_point(
    info: Mapping[str, Any], point: tuple[float, float, float], floor: bool, metre: float
) -> Matrix:
    """The world matrix that puts the feet (floor) or the middle of the crop at a point.

    metre: Blender units of a metre; the vertices are scaled by it already.
    """
    matrix = np.eye(4)
    matrix[:3, 3] = point
    if not floor:
        matrix[:3, 3] -= np.array(info["camera"]["offset"]) * metre
    return matrix


def over_picture(info: Mapping[str, Any], frame: Frame, metre: float) -> Matrix:
    """The matrix, local to the image empty, that lays the mesh over the person in its picture.

    The middle of the crop's depth comes to lie in the picture's plane, the viewer's side before it.
    """
    crop, camera = info["crop"], info["camera"]
    half = crop["side"] / 2
    upright = orientation.turned_size((frame.width, frame.height), frame.turned)
    # Where the crop's centre and the camera's x and y axes fall in the stored picture, in pixels.
    centre = np.array([crop["x"] + half, crop["y"] + half])
    steps = np.array([[0.0, 0.0], [half, 0.0], [0.0, -half]])
    here, right, up = orientation.to_stored(centre + steps, upright, frame.turned)
    pixel = frame.size / max(frame.width, frame.height)
    axes = np.zeros((3, 3))  # columns: where the camera's x, y and z go
    axes[:2, 0], axes[:2, 1] = _flipped(right - here) * pixel, _flipped(up - here) * pixel
    axes[2, 2] = half * pixel
    origin = np.array(
        [
            frame.shift[0] * frame.width * pixel + here[0] * pixel,
            frame.shift[1] * frame.height * pixel + (frame.height - here[1]) * pixel,
            0.0,
        ]
    )
    blender_to_camera = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
    matrix = np.eye(4)
    matrix[:3, :3] = axes @ blender_to_camera / (camera["metres_per_unit"] * metre)
    matrix[:3, 3] = origin - matrix[:3, :3] @ (np.array(camera["offset"]) * metre)
    return matrix


def to_picture(
    vertices: npt.NDArray[np.floating[Any]], info: Mapping[str, Any]
) -> npt.NDArray[np.float64]:
    """(V, 3) metres, as the engine sends them -> (V, 2) pixels of the upright picture, x right, y down."""
    crop, camera = info["crop"], info["camera"]
    offset, half = np.array(camera["offset"]), crop["side"] / 2
    plane = (np.asarray(vertices, np.float64)[:, [0, 2]] - offset[[0, 2]]) / camera["metres_per_unit"]
    return np.stack([crop["x"] + half * (1 + plane[:, 0]), crop["y"] + half * (1 - plane[:, 1])], axis=1)


def _flipped(step: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Pixels go down, Blender's y goes up."""
    return np.asarray(step * np.array([1.0, -1.0]))
