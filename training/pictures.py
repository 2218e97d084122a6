# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of people with known front normals, such as SynthHuman, to pretrain the front normal net with.

Nothing is known of the back, the depth and the scale: `back_known` is 0, and the loss of the back map has to
be multiplied by it.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# OpenCV leaves OpenEXR switched off unless this is set before it reads its first one
os.environ.setdefault("OPENCV_IO_ENABLE_OPENEXR", "1")

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from .camera_noise import degrade
from .crew import loaded
from .views import Batch

Array = NDArray[np.floating[Any]]
LENGTHS = (0.5, 1.3)
"""Lengths between which a stored vector is a normal: zero, and grey or black for zero, are not."""


@dataclass(frozen=True)
class PictureFormat:
    """Names relative to the folder, {} for what pairs them; without an alpha file the picture's own alpha
    counts, or else where there are normals. Normals are floats in [-1, 1] (.npy, .exr) or (n + 1) / 2 in 8 or
    16 bits, x to the right; y: up or down in the picture. The sign of z is told by the normals themselves."""

    image: str = "rgb_{}.png"
    normal: str = "normal_{}.exr"
    alpha: str = "alpha_{}.png"
    y: str = "up"


def usual_format(folder: Path) -> PictureFormat:
    """The usual names, with the ending that the folder's normal maps have: not every OpenCV reads OpenEXR."""
    endings = [ending for ending in ("exr", "npy", "png") if any(folder.glob(f"normal_*.{ending}"))]
    return PictureFormat(normal=f"normal_{{}}.{endings[0]}") if endings else PictureFormat()


@dataclass(frozen=True)
class Pair:
    """The files of one picture; alpha may be missing."""

    image: Path
    normal: Path
    alpha: Path | None


def find_pairs(folder: Path, form: PictureFormat) -> tuple[list[Pair], dict[str, str]]:
    """Pictures with their normal maps in the order of their names, and why others are left out, by name.

    Raises ValueError where there is no pair.
    """
    head, _, tail = form.image.partition("{}")
    pairs, skipped = [], {}
    for image in sorted(folder.glob(f"{head}*{tail}")):
        name = image.relative_to(folder).as_posix()
        key = name[len(head) : len(name) - len(tail)]
        normal, alpha = folder / form.normal.format(key), folder / form.alpha.format(key)
        if not normal.is_file():
            skipped[name] = f"no normal map {form.normal.format(key)}"
        elif normal != image and alpha != image:
            pairs.append(Pair(image, normal, alpha if alpha.is_file() else None))
    if not pairs:
        raise ValueError(f"No picture {form.image} with normals {form.normal} in {folder}.")
    return pairs, skipped


def read_pair(pair: Pair, form: PictureFormat) -> tuple[Array, Array, Array]:
    """Colour (H, W, 3) float32 sRGB in [0, 1]; mask (H, W) float32 in [0, 1]; normals (H, W, 3) float32, unit
    in camera space (x right, y up, z to the viewer) and zero outside the mask. Raises ValueError where a file
    cannot be read or the two do not belong together."""
    picture, stored = _read(pair.image), _read(pair.normal)
    if picture.ndim != 3 or stored.ndim != 3:
        raise ValueError(f"{pair.image.name} or {pair.normal.name} is grey: it has one channel, not three.")
    if picture.shape[:2] != stored.shape[:2]:
        raise ValueError(f"{pair.image.name} and {pair.normal.name} differ in size: they are no pair.")
    normals: Array = stored[..., :3].astype(np.float32)
    if np.issubdtype(stored.dtype, np.integer):
        normals = normals / np.iinfo(stored.dtype).max * 2 - 1
    normals = np.nan_to_num(normals)
    length = np.linalg.norm(normals, axis=-1)
    valid = (length > LENGTHS[0]) & (length < LENGTHS[1])
    mask = valid.astype(np.float32)
    if pair.alpha is not None:
        alpha = _read(pair.alpha)
        mask = _share(alpha[..., 0] if alpha.ndim == 3 else alpha)
    elif picture.shape[2] == 4:
        mask = _share(picture[..., 3])
    if mask.shape != valid.shape or not (valid & (mask >= 0.5)).any():
        raise ValueError(f"{pair.normal.name} holds no normals where {pair.image.name} shows somebody.")
    solid = valid & (mask >= 0.5)
    normals = normals / np.maximum(length, 1e-6)[..., None] * solid[..., None]
    # what is seen faces the viewer, so its z is positive or the file's axis points away
    sign = [1, -1 if form.y == "down" else 1, np.sign(normals[..., 2].sum())]
    return _share(picture[..., :3]), mask * valid, (normals * sign).astype(np.float32)


def _share(values: NDArray[Any]) -> Array:
    whole = np.iinfo(values.dtype).max if np.issubdtype(values.dtype, np.integer) else 1
    return (values / whole).astype(np.float32).clip(0, 1)


def _read(path: Path) -> NDArray[Any]:
    """(H, W, C) with channels in the order R, G, B or x, y, z, or (H, W) of a grey picture."""
    try:
        if path.suffix == ".npy":
            return np.asarray(np.load(path))
        picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    except (cv2.error, OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read ({error}).") from error
    if picture is None:
        hint = " OpenCV was built without OpenEXR: convert it to .npy." if path.suffix == ".exr" else ""
        raise ValueError(f"{path} cannot be read.{hint}")
    return picture if picture.ndim == 2 else picture[..., [2, 1, 0, 3][: picture.shape[2]]]


class Pictures(torch.utils.data.Dataset[dict[str, NDArray[np.generic]]]):
    """Crops of pictures about their people in an endless sequence, flipped and photographed badly.

    Each depends on `seed`, its index and the folder alone. An item holds what is known of one: image, front
    (3, S, S) and mask (1, S, S) float32 as in training.views.Batch; index; person, which is -1 less the
    picture's place among the pairs, so that no seed is like it.
    """

    def __init__(self, folder: Path, form: PictureFormat, size: int, seed: int) -> None:
        super().__init__()
        self.form, self.size, self.seed = form, size, seed
        self.pairs, self.skipped = find_pairs(folder, form)

    def __getitem__(self, index: int) -> dict[str, NDArray[np.generic]]:
        cv2.setNumThreads(1)
        rng = np.random.default_rng([self.seed, index])
        chosen = int(rng.integers(len(self.pairs)))
        return {
            **self._crop(rng, *read_pair(self.pairs[chosen], self.form)),
            "index": np.array(index),
            "person": np.array(-1 - chosen),
        }

    def batches(
        self, count: int, workers: int, first: int = 0, rank: int = 0, world: int = 1
    ) -> Iterator[Batch]:
        """Batches of `count` pictures from step `first` on, made by `workers` processes; back_known is 0.

        Of `world` processes that train together each gets its own part of a step.
        """
        starts = ((step * world + rank) * count for step in itertools.count(first))
        numbers = (list(range(start, start + count)) for start in starts)
        nothing = torch.zeros(count)
        for item in loaded(self, numbers, workers):
            yield Batch(
                back=torch.zeros_like(item["front"]),
                depth=torch.zeros_like(item["front"][:, :2]),
                span=nothing,
                points=torch.zeros(count, 0, 3),
                labels=torch.zeros(count, 0),
                back_known=nothing,
                back_colour=torch.zeros_like(item["front"]),
                colour_known=nothing,
                **item,
            )

    def _crop(
        self, rng: np.random.Generator, colour: Array, mask: Array, normals: Array
    ) -> dict[str, NDArray[np.generic]]:
        rows, columns = np.nonzero(mask.max(1) >= 0.5)[0], np.nonzero(mask.max(0) >= 0.5)[0]
        low, high = np.array([columns[0], rows[0]]), np.array([columns[-1], rows[-1]]) + 1
        # the person fills as much of the crop as in the pool (training.render.random_camera)
        side = (high - low).max() / rng.uniform(0.55, 0.95)
        room = (side - (high - low)) / 2
        corner = (low + high - side) / 2 + rng.uniform(-1, 1, 2) * np.minimum(room, 0.06 * side)
        image = degrade(rng, self._cut(colour, corner, side, cv2.BORDER_REPLICATE))
        half = self._cut(mask, corner, side, cv2.BORDER_CONSTANT)[..., None] >= 0.5
        front = self._cut(normals, corner, side, cv2.BORDER_CONSTANT)
        length = np.linalg.norm(front, axis=-1, keepdims=True)
        half = half & (length > 1e-3)
        front = front / np.maximum(length, 1e-3) * half
        if rng.random() < 0.5:
            image, half, front = image[:, ::-1], half[:, ::-1], front[:, ::-1] * [-1, 1, 1]
        return {
            "image": np.ascontiguousarray(image.transpose(2, 0, 1), np.float32) * 2 - 1,
            "front": np.ascontiguousarray(front.transpose(2, 0, 1), np.float32),
            "mask": np.ascontiguousarray(half.transpose(2, 0, 1)).astype(np.float32),
        }

    def _cut(self, picture: Array, corner: Array, side: float, border: int) -> Array:
        """The square at `corner` (x, y) with `side`, in whole pixels, at size x size."""
        (left, top), wide = (int(at) for at in np.floor(corner)), max(round(side), 1)
        height, width = picture.shape[:2]
        above, before = max(0, -top), max(0, -left)
        below, after = max(0, top + wide - height), max(0, left + wide - width)
        padded = cv2.copyMakeBorder(picture, above, below, before, after, border, value=0)
        top, left = top + above, left + before
        square = padded[top : top + wide, left : left + wide]
        cut: Array = cv2.resize(square, (self.size, self.size), interpolation=cv2.INTER_AREA).astype(
            np.float32
        )
        return cut
