"""People to look at: a sheet with colour and normals of each, or one as a photograph."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from pathlib import Path

import cv2
import numpy as np

from .backgrounds import cast_shadow, photographic_background
from .camera_noise import degrade
from .humans import make_person
from .render import Camera, random_light, render

SIZE, COLUMNS = 256, 8


def write_sheet(seeds: Iterable[int], path: Path) -> None:
    """Write a PNG of the people of `seeds`, turned by up to 40 degrees. Raises ValueError if it cannot."""
    tiles = []
    for seed in seeds:
        rng = np.random.default_rng([seed, 3])
        person = make_person(seed)
        extent = (person.vertices.amax(0) - person.vertices.amin(0)).max()
        camera = Camera(float(rng.uniform(-0.7, 0.7)), 1.8 / float(extent), (0.0, 0.0))
        view = render(person, camera, SIZE, random_light(rng))
        colour = view.colour * view.mask + 0.78 * (1 - view.mask)
        maps = [
            np.asarray(picture.permute(1, 2, 0))
            for picture in (colour, view.front / 2 + 0.5, view.back / 2 + 0.5)
        ]
        tiles.append(np.concatenate(maps, 0))
    rows = ceil(len(tiles) / COLUMNS)
    tiles += [np.full_like(tiles[0], 0.78)] * (rows * COLUMNS - len(tiles))
    sheet = np.concatenate(
        [np.concatenate(tiles[i * COLUMNS : (i + 1) * COLUMNS], 1) for i in range(rows)], 0
    )
    if not cv2.imwrite(str(path), (sheet[..., ::-1] * 255).round().astype(np.uint8)):
        raise ValueError(f"Could not write {path}: name a .png in a folder that exists.")


def write_photograph(seed: int, path: Path, height: int = 1024) -> None:
    """Write the person of `seed` as a portrait-shaped picture (height x 3/4 height) over a generated
    background.

    The project's sample pictures are made so, from seeds that are never trained on. Raises ValueError if it
    cannot.
    """
    rng = np.random.default_rng([seed, 4])
    person = make_person(seed)
    extent = (person.vertices.amax(0) - person.vertices.amin(0)).max()
    camera = Camera(float(rng.uniform(-0.4, 0.4)), 1.7 / float(extent), (0.0, 0.0))
    view = render(person, camera, height, random_light(rng))
    mask, colour = np.asarray(view.mask[0]), np.asarray(view.colour.permute(1, 2, 0))
    background = cast_shadow(rng, photographic_background(rng, height, height), mask)
    picture = degrade(rng, colour * mask[..., None] + background * (1 - mask[..., None]))
    side = height // 8
    cropped = (picture[:, side : height - side, ::-1] * 255).round().astype(np.uint8)
    if not cv2.imwrite(str(path), cropped, [cv2.IMWRITE_JPEG_QUALITY, 90]):
        raise ValueError(f"Could not write {path}: name a .jpg in a folder that exists.")
