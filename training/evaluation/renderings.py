# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures in which a prediction and its truth are compared: normals, silhouettes and depth."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from ..render.rasterise import barycentric, rasterise, to_pixels
from ..render.views import vertex_normals
from .meshes import Mesh

FRAME = 512  # pixels a side of the renderings
FILL = 0.91  # of the frame: the person's height


@dataclass(frozen=True)
class Seen:
    """One surface in a picture of P = FRAME x FRAME pixels. normals (P, 3) float32 unit, in the mesh's frame
    (not turned with it), zero where nothing is hit; covered (P,) bool, where something is; depth (P,) float32
    frame units towards the viewer, meaningful where covered.
    """

    normals: Tensor
    covered: Tensor
    depth: Tensor


def framing(true: Mesh) -> tuple[float, Tensor]:
    """Frame units a metre and the point in the frame's middle. The height fills 91 %, or, of people who are
    wider than tall, the larger extent.
    """
    used = true.vertices[true.faces].reshape(-1, 3)
    low, high = used.amin(0), used.amax(0)
    return 2 * FILL / float((high - low).amax()), (low + high) / 2


def frame_pixels(mesh: Mesh, yaw: int, scale: float, middle: Tensor) -> tuple[Tensor, Tensor]:
    """Vertices (V, 3) in the frame's pixel space after a turn of yaw degrees about +y, and the turn (3, 3).
    scale, middle: of `framing`."""
    cosine, sine = round(math.cos(math.radians(yaw))), round(math.sin(math.radians(yaw)))
    turn = mesh.vertices.new_tensor([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    return to_pixels((mesh.vertices - middle) @ turn.T * scale, FRAME), turn


def both_sides(mesh: Mesh, yaw: int, scale: float, middle: Tensor) -> tuple[Seen, Seen]:
    """What is nearest to and what farthest from the viewer at each pixel; arguments as for `frame_pixels`.

    The farthest, mirrored, is what is seen from yaw + 180 degrees: one pass tells of both views.
    """
    pixels, _ = frame_pixels(mesh, yaw, scale, middle)
    normals = vertex_normals(mesh.vertices, mesh.faces)
    near, far = rasterise(pixels, mesh.faces, FRAME, FRAME)

    def seen(winner: Tensor) -> Seen:
        index, corners, weights = barycentric(pixels, mesh.faces, winner)
        picture, depth = normals.new_zeros(FRAME * FRAME, 3), normals.new_zeros(FRAME * FRAME)
        picture[index] = functional.normalize((normals[corners] * weights[..., None]).sum(1), dim=1)
        depth[index] = (pixels[:, 2][corners] * weights).sum(1)
        return Seen(picture, winner.reshape(-1) >= 0, depth)

    return seen(near), seen(far)


def normal_map(mesh: Mesh, yaw: int, scale: float, middle: Tensor) -> tuple[Tensor, Tensor]:
    """(P, 3) unit normals as the viewer of a turned mesh sees them, zero where nothing is hit, and (P,) bool,
    where something is."""
    seen, _ = both_sides(mesh, yaw, scale, middle)
    return seen.normals @ frame_pixels(mesh, yaw, scale, middle)[1].T, seen.covered
