"""Views of the pool as batches: over changing backgrounds, flipped, recoloured, photographed badly."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from .backgrounds import build_backgrounds, cast_shadow
from .camera_noise import degrade
from .pool import list_pool, read_person
from .views import Batch

Array = NDArray[np.floating[Any]]
NOBODY = 0.04
"""Share of pictures without a person, from which the silhouette learns that there may be none."""
FRAMED, CUTTING = 0.5, 0.35
"""Share of pictures whose frame lies inside the square crop, and of those, whose frame cuts the person."""


class Views(torch.utils.data.Dataset[dict[str, NDArray[np.generic]]]):
    """Augmented views in an endless sequence; each depends on `seed`, its index and the pool alone.

    level: 0 points of the coarse, 1 of the fine level; shrink: also show people small, as in the first look
    at a whole photograph (for the normal nets alone, since points do not follow)."""

    def __init__(self, folder: Path, size: int, level: int, points: int, shrink: bool, seed: int) -> None:
        super().__init__()
        self.size, self.level, self.points, self.shrink = size, level, points, shrink
        self.files = list_pool(folder)
        self.background_file = build_backgrounds(folder, 300, 512)
        self.seed = seed

    def __getitem__(self, index: int) -> dict[str, NDArray[np.generic]]:
        cv2.setNumThreads(1)
        rng = np.random.default_rng([self.seed, index])
        backgrounds: NDArray[np.uint8] = np.load(self.background_file, mmap_mode="r")
        file = self.files[rng.integers(len(self.files))]
        data = read_person(file)
        # portraits are rare in the pool and the hardest to tell from what is behind them
        share = 1 / data["span"].astype(np.float64)
        view = rng.choice(len(share), p=share / share.sum())
        return {
            **self._view(rng, backgrounds, {key: value[view] for key, value in data.items()}),
            "back_known": np.array(1, np.float32),
            "index": np.array(index),
            "person": np.array(int(file.stem)),
        }

    def _view(
        self,
        rng: np.random.Generator,
        backgrounds: NDArray[np.uint8],
        view: dict[str, NDArray[np.generic]],
    ) -> dict[str, NDArray[np.generic]]:
        colour: Array = view["colour"].astype(np.float32) / 255
        mask: Array = view["mask"].astype(np.float32)[..., None] / 255
        normals: Array = np.concatenate([view["front"], view["back"]], -1).astype(np.float32) / 127.5 - 1
        depth = view["depth"].astype(np.float32)
        span = float(view["span"])
        if rng.random() < NOBODY and self.shrink:
            colour, mask, normals = colour * 0, mask * 0, normals * 0
        elif rng.random() < 0.3 and self.shrink:
            scale = rng.uniform(0.35, 0.9)
            colour, mask, normals = _shrunk(rng, scale, colour, mask, normals)
            span /= scale
        frame = _random_frame(rng, mask[..., 0]) if rng.random() < FRAMED else WHOLE
        image: Array = self._photograph(rng, backgrounds, colour, mask, frame)
        mask = mask * _within(frame, len(mask))[..., None]
        # 128 stands for the zero vector: bytes cannot hold it exactly, the mask can
        half = _resized(mask, len(normals))[..., None] >= 0.5
        length = np.linalg.norm(normals.reshape(*normals.shape[:2], 2, 3), axis=-1)
        normals = (normals / np.maximum(length, 1e-6).repeat(3, -1) * half).astype(np.float32)
        points = view["points"][self.level]
        # nothing is asked beyond the frame: the engine cuts the person off there
        inside = np.all(np.abs(points[:, :2] - frame.middle) <= frame.reach, axis=1) | self.shrink
        seen = np.flatnonzero(inside)
        chosen = seen[rng.integers(0, len(seen), self.points)]
        points = points[chosen].astype(np.float32)
        if rng.random() < 0.5:
            image, half, depth = image[:, ::-1], half[:, ::-1], depth[:, :, ::-1]
            normals = normals[:, ::-1] * np.array([-1, 1, 1, -1, 1, 1], np.float32)
            points = points * np.array([-1, 1, 1], np.float32)
        return {
            "image": np.ascontiguousarray(image.transpose(2, 0, 1)) * 2 - 1,
            "normals": np.ascontiguousarray(normals.transpose(2, 0, 1)),
            "mask": np.ascontiguousarray(half.transpose(2, 0, 1)).astype(np.float32),
            "depth": np.ascontiguousarray(depth),
            "span": np.float32(span),
            "points": points,
            "labels": view["labels"][self.level][chosen].astype(np.float32),
        }

    def _photograph(
        self,
        rng: np.random.Generator,
        backgrounds: NDArray[np.uint8],
        colour: Array,
        mask: Array,
        frame: Frame,
    ) -> Array:
        """The person (H, W, 3) over a background, as a camera would show them: (size, size, 3) in [0, 1]."""
        size = len(colour)
        if self.size < size:
            colour, mask = _resized(colour * mask, self.size), _resized(mask, self.size)[..., None]
            colour = colour / np.maximum(mask, 1e-3)
        background: Array = self._background(rng, backgrounds)
        if rng.random() < 0.35:
            background = cast_shadow(rng, background, mask[..., 0])
        picture: Array = _recoloured(rng, colour) * mask + background * (1 - mask)
        picture = _edged(picture, frame)
        return degrade(rng, picture.astype(np.float32))

    def _background(self, rng: np.random.Generator, backgrounds: NDArray[np.uint8]) -> Array:
        if rng.random() < 0.12:
            flat = 1 - rng.random() ** 3 if rng.random() < 0.5 else rng.random(3)
            return np.ones((self.size, self.size, 3), np.float32) * np.asarray(flat, np.float32)
        picture = backgrounds[rng.integers(len(backgrounds))]
        side = int(len(picture) * rng.uniform(0.55, 1))
        x, y = rng.integers(0, len(picture) - side + 1, 2)
        crop = picture[y : y + side, x : x + side][:, :: 1 if rng.random() < 0.5 else -1]
        return _resized(np.ascontiguousarray(crop), self.size).astype(np.float32) / 255


def _resized(picture: NDArray[Any], size: int) -> NDArray[Any]:
    """A picture (H, W, 1..4) at size x size, of the same type; a single channel loses its axis."""
    return cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)


def _recoloured(rng: np.random.Generator, colour: Array) -> Array:
    """Vary the person's colours alone, since the generator's wardrobe is narrower than the world's."""
    grey = colour.mean(-1, keepdims=True)
    colour = grey + (colour - grey) * rng.uniform(0.6, 1.4)
    colour = colour * (1 + rng.normal(0, 0.06, 3)) * np.exp(rng.normal(0.05, 0.2))
    toned: Array = np.clip(colour, 0, 1) ** np.exp(rng.normal(-0.08, 0.2))
    return toned


def _shrunk(
    rng: np.random.Generator, scale: float, colour: Array, mask: Array, normals: Array
) -> tuple[Array, Array, Array]:
    """The same person smaller by `scale` and elsewhere in the picture."""
    shift = rng.uniform(0, 1 - scale, 2)

    def moved(picture: Array, border: float) -> Array:
        size = len(picture)
        target = max(8, round(size * scale))
        # OpenCV resizes four channels at most
        small = np.stack([_resized(picture[..., k], target) for k in range(picture.shape[2])], -1)
        result = np.full_like(picture, border)
        x, y = (shift * (size - len(small)) / (1 - scale)).astype(int)
        result[y : y + len(small), x : x + len(small)] = small
        return result

    return moved(colour, 0), moved(mask, 0), moved(normals, 0)


@dataclass(frozen=True)
class Frame:
    """Where the photograph ends inside the square crop: shares of its side, 0..1, rows from the top."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def middle(self) -> Array:
        """Camera x and y of its middle."""
        return np.array([self.left + self.right - 1, 1 - self.top - self.bottom], np.float32)

    @property
    def reach(self) -> Array:
        """Half its width and height in camera units."""
        return np.array([self.right - self.left, self.bottom - self.top], np.float32)


WHOLE = Frame(0, 0, 1, 1)


def _random_frame(rng: np.random.Generator, mask: Array) -> Frame:
    """A photograph that is not square: it ends beside the person, or goes through them, mostly below."""
    columns, rows = np.nonzero(mask.max(0) > 0.02)[0], np.nonzero(mask.max(1) > 0.02)[0]
    if len(columns) == 0:
        return WHOLE
    left, right = columns[0] / len(mask), (columns[-1] + 1) / len(mask)
    top, bottom = rows[0] / len(mask), (rows[-1] + 1) / len(mask)
    wide, tall = right - left, bottom - top
    if rng.random() < CUTTING:
        side = rng.choice(4, p=[0.1, 0.6, 0.15, 0.15])
        loss = rng.uniform(0.05, 0.6) if side == 1 else rng.uniform(0.03, 0.3)
        end = [top + loss * tall, bottom - loss * tall, left + loss * wide, right - loss * wide]
        frame = [rng.uniform(0, top), rng.uniform(bottom, 1), rng.uniform(0, left), rng.uniform(right, 1)]
        frame[side] = end[side]
        return Frame(frame[2], frame[0], frame[3], frame[1])
    upper = rng.uniform(0, top) if rng.random() < 0.3 else 0
    lower = rng.uniform(bottom, 1) if rng.random() < 0.3 else 1
    return Frame(rng.uniform(0, left), upper, rng.uniform(right, 1), lower)


def _within(frame: Frame, size: int) -> Array:
    """(size, size) float32: 1 for pixels inside the frame, 0 outside."""
    at = (np.arange(size) + 0.5) / size
    inside = ((at >= frame.top) & (at <= frame.bottom))[:, None] & (at >= frame.left) & (at <= frame.right)
    return inside.astype(np.float32)


def _edged(picture: Array, frame: Frame) -> Array:
    """The picture with its edge pixels repeated outside the frame, as the engine pads a crop."""
    size = len(picture)
    left, top, right, bottom = (round(share * size) for share in astuple(frame))
    rows = np.arange(size).clip(min(top, size - 1), max(bottom - 1, top))
    columns = np.arange(size).clip(min(left, size - 1), max(right - 1, left))
    edged: Array = picture[rows][:, columns]
    return edged


def batches(
    views: Views, count: int, workers: int, first: int = 0, rank: int = 0, world: int = 1
) -> Iterator[Batch]:
    """Batches of `count` views from step `first` on, made by `workers` processes.

    Of `world` processes that train together each gets its own part: the parts of one step are what a single
    process would get with a batch `world` times as large.
    """
    starts = ((step * world + rank) * count for step in itertools.count(first))
    loader = torch.utils.data.DataLoader(
        views,
        batch_sampler=(list(range(start, start + count)) for start in starts),
        num_workers=workers,
        prefetch_factor=3 if workers else None,
        multiprocessing_context="spawn" if workers else None,
    )
    for item in loader:
        front, back = item.pop("normals").chunk(2, 1)
        yield Batch(front=front, back=back, **item)
