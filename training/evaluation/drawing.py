# SPDX-License-Identifier: GPL-3.0-or-later
"""Meshes as pictures for people to look at, without Blender."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from engine.surface.meshes import Faces, normals_of

from ..render.rasterise import barycentric, rasterise, to_pixels
from ..whole import written_whole

Picture = NDArray[np.uint8]
"""(H, W, 3) sRGB."""
Array = NDArray[np.floating[Any]]
PAPER = 236  # sRGB grey round a mesh
INK = (50, 50, 50)
LIGHT = (-0.4, 0.5, 0.77)  # from the upper left of the viewer
FINE = 2  # samples a pixel along each axis


def turned(vectors: Array, degrees: float) -> Array:
    """(N, 3) turned about +y: what faced the viewer's left faces the viewer after 90."""
    angle = np.radians(degrees)
    x, y, z = vectors.T
    return np.stack([np.cos(angle) * x + np.sin(angle) * z, y, np.cos(angle) * z - np.sin(angle) * x], axis=1)


def clay(vertices: Array, faces: Faces, degrees: float) -> Array:
    """(V, 3) sRGB grey in [0, 255] of a matte surface that is seen turned by `degrees`. Arguments as in
    `drawn`."""
    light = np.array(LIGHT) / np.linalg.norm(LIGHT)
    share = np.clip(turned(normals_of(vertices, faces), degrees) @ light, 0, 1)
    return np.repeat((60 + 180 * share)[:, None], 3, axis=1)


def shaded(colours: NDArray[np.uint8], grey: Array) -> Array:
    """(V, 3): colours (V, 3 or 4) uint8 sRGB with a hint of the light of `clay`, which shows the form."""
    return np.asarray(colours[:, :3] * (0.45 + 0.55 * grey[:, :1] / 255))


def drawn(vertices: Array, faces: Faces, colours: Array, degrees: float, size: int) -> Picture:
    """(size, size, 3): a mesh turned about the vertical axis.

    vertices (V, 3) in the cube [-1, 1]^3, x right, y up, z to the viewer; faces (F, 3); colours (V, 3) sRGB
    in [0, 255].
    """
    fine = FINE * size
    pixels = to_pixels(torch.from_numpy(turned(vertices, degrees).astype(np.float32)), fine)
    triangles = torch.from_numpy(faces.astype(np.int64))
    index, corners, share = barycentric(pixels, triangles, rasterise(pixels, triangles, fine, fine)[0])
    picture = np.full((fine * fine, 3), float(PAPER))
    picture[index.numpy()] = (colours[corners.numpy()] * share.numpy()[..., None]).sum(axis=1)
    levels = picture.round().clip(0, 255).astype(np.uint8).reshape(fine, fine, 3)
    return np.asarray(cv2.resize(levels, (size, size), interpolation=cv2.INTER_AREA))


def fitted(picture: Picture, width: int, height: int) -> Picture:
    """The whole picture in the middle of width x height pixels of paper."""
    scale = min(width / picture.shape[1], height / picture.shape[0])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    page = np.full((height, width, 3), PAPER, np.uint8)
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    page[top : top + size[1], left : left + size[0]] = small
    return page


def captioned(picture: Picture, text: str) -> Picture:
    """The picture below a line of text."""
    head = np.full((22, picture.shape[1], 3), 255, np.uint8)
    cv2.putText(head, text, (4, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.42, INK, 1, cv2.LINE_AA)
    return np.concatenate([head, picture])


def check_picture(path: Path) -> None:
    """Raise ValueError where `write_picture` would, for the name's ending: before hours of work."""
    if path.suffix not in (".png", ".jpg"):
        raise ValueError(f"{path} names no picture that can be written: let it end in .png or .jpg.")


def write_picture(path: Path, picture: Picture, most: int | None = None) -> None:
    """Write a .png or .jpg; a .jpg with at most `most` bytes where that is given, by lowering its quality.

    Raises ValueError for another ending or where no quality is low enough, OSError where it cannot be
    written.
    """
    check_picture(path)
    for quality in range(88, 20, -4):
        encoded = cv2.imencode(path.suffix, picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        if most is None or len(encoded) <= most:
            path.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(path) as partial:
                partial.write_bytes(encoded.tobytes())
            return
    raise ValueError(f"{path} would not fit into {most} bytes.")
