# SPDX-License-Identifier: GPL-3.0-or-later
"""Many backgrounds in one file, generated or cut from a user's photographs: one costs as much as a training
step, so they are made once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..stacks import write_stack
from .photograph import photographic_background

SUFFIXES = (".jpg", ".jpeg", ".png")
CROPS = 4
"""Pictures cut from one photograph at most: where these do not suffice, generated ones fill up."""
SMALLEST = 128  # pixels of a photograph's shorter side: less is a thumbnail


def find_photographs(folder: Path) -> list[Path]:
    """The .jpg, .jpeg and .png files in a folder and below it. Raises ValueError where there are none."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not files:
        raise ValueError(
            f"No photographs ({', '.join(SUFFIXES)}) in {folder}: name a folder that holds some, "
            "or name none and backgrounds are generated."
        )
    return files


def _crop(rng: np.random.Generator, photograph: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """A square part, rather from the middle: (size, size, 3)."""
    height, width = photograph.shape[:2]
    side = int(min(height, width) * rng.uniform(0.6, 1))
    room = np.array([height - side, width - side])
    row, column = (room * np.clip(rng.normal(0.5, 0.2, 2), 0, 1)).astype(int)
    part = photograph[row : row + side, column : column + side]
    how = cv2.INTER_AREA if side >= size else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(part, (size, size), interpolation=how), np.uint8)


def _cut(
    rng: np.random.Generator, photographs: list[Path], count: int, size: int
) -> Iterator[NDArray[np.uint8]]:
    """Up to `count` parts of the photographs in random order; prints those that cannot be used, and why.
    Raises ValueError where none can."""
    each = min(CROPS, -(-count // len(photographs)))
    done = 0
    for index in rng.permutation(len(photographs)):
        if done == count:
            break
        path = photographs[index]
        try:
            picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
        except cv2.error as error:
            print(f"skipped {path.name}: {error.err}", flush=True)
            continue
        if picture is None:
            print(f"skipped {path.name}: it is no picture that OpenCV can read", flush=True)
        elif min(picture.shape[:2]) < SMALLEST:
            print(f"skipped {path.name}: its shorter side is below {SMALLEST} pixels", flush=True)
        else:
            rgb = np.ascontiguousarray(picture[..., ::-1], np.uint8)
            for _ in range(min(each, count - done)):
                done += 1
                yield _crop(rng, rgb, size)
    if done == 0:
        raise ValueError(
            f"None of the {len(photographs)} photographs can be used, the reasons are above: name a folder "
            "with others, or name none and backgrounds are generated."
        )


def _pictures(
    rng: np.random.Generator, photographs: list[Path], count: int, size: int
) -> Iterator[NDArray[np.uint8]]:
    done = 0
    if photographs:
        for picture in _cut(rng, photographs, count, size):
            done += 1
            yield picture
    for _ in range(count - done):
        generated = photographic_background(rng, size, size) * 255
        yield generated.round().astype(np.uint8)


def build_backgrounds(
    folder: Path, count: int, size: int, seed: int = 0, photographs: Path | None = None
) -> Path:
    """Write (count, size, size, 3) uint8 sRGB backgrounds into `folder`, unless they are there; returns the
    .npy.

    photographs: a folder of a user's own, of any size; at most `CROPS` squares are cut from each, and
    generated ones fill up what is missing. Photographs that cannot be used are printed with the reason and
    skipped. The name of the file tells its source: other arguments, or files that were added, changed or
    removed, make another. Deterministic from the seed and the photographs. Raises ValueError where no
    photograph can be used or the disk is full.
    """
    files = [] if photographs is None else find_photographs(photographs)
    source = [(path.as_posix(), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    name = hashlib.sha256(repr((count, size, seed, source)).encode()).hexdigest()[:12]
    path = folder / f"backgrounds-{name}.npy"
    if not path.exists():
        rng = np.random.default_rng([seed, 2])
        write_stack(path, count, (size, size, 3), _pictures(rng, files, count, size))
    return path
