# SPDX-License-Identifier: GPL-3.0-or-later
"""A scan as its file describes it, and from that a colour for every vertex."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Ints = NDArray[np.int64]
Picture = NDArray[np.uint8]
GREY = 0.6
"""sRGB of what has neither texture nor colour."""
FINEST, MOST_FACES = 0.004, 400_000
"""Metres of the mean edge below which a picture of 512 pixels shows no more, and where subdividing ends."""


class UnusableScan(ValueError):
    """A scan that cannot be trained on: one sentence that names it and says why. It is listed and skipped."""


@dataclass(frozen=True)
class Surface:
    """vertices (V, 3) float64 in the file's frame and unit; faces (F, 3) int64; uv (F, 3, 2) float64, v DOWN
    from the top row; colour (F, 3, 3) float64 sRGB [0, 1] that textures multiply; texture (F,) int64, index
    into textures or -1; textures: (H, W, 3) uint8 RGB; notes: what was missing, one sentence each."""

    vertices: Array
    faces: Ints
    uv: Array
    colour: Array
    texture: Ints
    textures: tuple[Picture, ...]
    notes: tuple[str, ...] = field(default=())


def read_texture(path: Path) -> Picture | None:
    """RGB, or None where the file is missing or no picture."""
    return decode_texture(path.read_bytes()) if path.is_file() else None


def decode_texture(data: bytes) -> Picture | None:
    """RGB of a PNG or JPEG file's bytes, or None where they are no picture."""
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    return None if picture is None else cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).astype(np.uint8)


def welded(surface: Surface) -> Surface:
    """One vertex a position (GLB splits them at texture seams), no unused vertex, no face of less than three
    corners, no face twice."""
    used, faces = np.unique(surface.faces, return_inverse=True)
    vertices, same = np.unique(surface.vertices[used] + 0.0, axis=0, return_inverse=True)
    faces = same.reshape(-1)[faces.reshape(-1)].reshape(-1, 3)
    corner = faces.argmin(1)
    turned = np.take_along_axis(faces, (corner[:, None] + np.arange(3)) % 3, 1)
    _, first = np.unique(turned, axis=0, return_index=True)
    ordered = np.sort(faces, axis=1)
    real = (ordered[:, 0] < ordered[:, 1]) & (ordered[:, 1] < ordered[:, 2])
    keep = np.sort(first[real[first]])
    return replace(
        surface,
        vertices=vertices,
        faces=faces[keep].astype(np.int64),
        uv=surface.uv[keep],
        colour=surface.colour[keep],
        texture=surface.texture[keep],
    )


def subdivided(surface: Surface) -> Surface:
    """Four faces for each, with new vertices in the middle of the edges; closed stays closed."""
    faces, count = surface.faces, len(surface.vertices)
    ends = np.sort(np.stack([faces, faces[:, [1, 2, 0]]], -1), -1).reshape(-1, 2)
    keys, middle = np.unique(ends[:, 0] * count + ends[:, 1], return_inverse=True)
    middles = (surface.vertices[keys // count] + surface.vertices[keys % count]) / 2
    ab, bc, ca = (middle.reshape(-1, 3) + count).T
    a, b, c = faces.T

    def split(values: Array) -> Array:
        one, two, three = values[:, 0], values[:, 1], values[:, 2]
        x, y, z = (one + two) / 2, (two + three) / 2, (three + one) / 2
        quarters = [(one, x, z), (x, two, y), (z, y, three), (x, y, z)]
        return np.concatenate([np.stack(quarter, 1) for quarter in quarters])

    quarters = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    return replace(
        surface,
        vertices=np.concatenate([surface.vertices, middles]),
        faces=np.concatenate([np.stack(quarter, 1) for quarter in quarters]),
        uv=split(surface.uv),
        colour=split(surface.colour),
        texture=np.tile(surface.texture, 4),
    )


def refined(surface: Surface) -> Surface:
    """Subdivided until vertices (metres) are as fine as the pictures, where a texture has more to tell."""
    while (surface.texture >= 0).any() and 4 * len(surface.faces) <= MOST_FACES:
        corner = surface.vertices[surface.faces]
        edge = np.linalg.norm(corner - corner[:, [1, 2, 0]], axis=2).mean()
        if edge <= FINEST or sum(texture.size // 3 for texture in surface.textures) <= len(surface.vertices):
            break
        surface = subdivided(surface)
    return surface


def vertex_albedo(surface: Surface) -> Array:
    """(V, 3) float64 sRGB [0, 1]: the mean over the corners that meet in each vertex."""
    colour = surface.colour.copy()
    for index, texture in enumerate(surface.textures):
        mine = surface.texture == index
        height, width = texture.shape[:2]
        # textures repeat beyond 0..1; exactly 1 is the last texel, not the first
        uv = surface.uv[mine]
        uv = np.where((uv < 0) | (uv > 1), uv % 1, uv)
        column = np.minimum((uv[..., 0] * width).astype(np.int64), width - 1)
        row = np.minimum((uv[..., 1] * height).astype(np.int64), height - 1)
        colour[mine] *= texture[row, column] / 255
    corners, count = surface.faces.reshape(-1), len(surface.vertices)
    total = np.stack([np.bincount(corners, colour[..., k].reshape(-1), count) for k in range(3)], 1)
    albedo: Array = total / np.maximum(np.bincount(corners, minlength=count), 1)[:, None]
    return albedo.clip(0, 1)
