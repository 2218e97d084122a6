# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures of docs/engine.md: `python docs/stages.py PHOTO FOLDER` from the checkout's root.

Writes FOLDER/crop.png, normals.png, surface.png and mesh.png for the largest person of PHOTO.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2
import numpy as np
import torch

from engine import pipeline
from engine.photo import choose_person, load_photo
from engine.settings import Settings
from engine.sight import Sight
from engine.weights import DEFAULT_WEIGHTS, load_weights
from training.evaluation.drawing import clay, drawn, shaded

SIDE, GAP, PAGE = 320, 8, 255
RED, GREEN = (60, 60, 230), (80, 170, 60)  # BGR


def main(photo_path: Path, folder: Path) -> None:
    """Run the stages one by one, as pipeline.reconstruct does, and keep a picture of each."""
    folder.mkdir(parents=True, exist_ok=True)
    photo, weights = load_photo(photo_path), load_weights(DEFAULT_WEIGHTS)
    sight = Sight(photo, weights, torch.device("cpu"))
    with torch.inference_mode():
        found = choose_person(photo, None, 1, lambda crop: sight.mask(crop, sight.normals(crop), 256))
        maps = sight.normals(found.crop)
        assert maps is not None
        picture = photo.pixels[..., 2::-1].copy()
        box, crop = [round(value) for value in found.box], found.crop
        cv2.rectangle(picture, box[:2], box[2:], GREEN, 3)
        cv2.rectangle(picture, (crop.x, crop.y), (crop.x + crop.side, crop.y + crop.side), RED, 3)
        seen = ((sight.tensor(crop, weights.preset.coarse_size)[0] + 1) * 127.5).byte().numpy()[::-1]
        _write(folder / "crop.png", _tall(picture), seen.transpose(1, 2, 0))

        silhouette = (maps.mask[0, 0] * 255).byte().numpy()
        front, back = (((one[0] + 1) * 127.5).byte().numpy()[::-1] for one in (maps.front, maps.back))
        grey = np.repeat(silhouette[None], 3, 0)
        _write(folder / "normals.png", *(one.transpose(1, 2, 0) for one in (front, back, grey)))

    grids = []
    for resolution in (64, 128, 256):
        settings = Settings(resolution=resolution)
        result = pipeline.reconstruct(photo, weights, weights, settings, lambda *_: None)
        mesh = pipeline.in_camera_space(result)
        grey = clay(mesh.vertices, mesh.faces, 0)
        grids.append(drawn(mesh.vertices, mesh.faces, grey, 0, SIDE))
    _write(folder / "surface.png", *grids)

    result = pipeline.reconstruct(photo, weights, weights, Settings(), lambda *_: None)
    camera = pipeline.in_camera_space(result)
    views = []
    for turn in (0, 90, 180, 270):
        grey = clay(camera.vertices, camera.faces, turn)
        pair = (shaded(camera.colors[:, 2::-1], grey), grey)
        both = [drawn(camera.vertices, camera.faces, colours, turn, SIDE) for colours in pair]
        views.append(np.vstack(both))
    _write(folder / "mesh.png", *views)


def _tall(picture: np.ndarray) -> np.ndarray:
    scale = SIDE / picture.shape[0]
    return cv2.resize(picture, (round(picture.shape[1] * scale), SIDE), interpolation=cv2.INTER_AREA)


def _write(path: Path, *pictures: np.ndarray) -> None:
    """Pictures side by side, all as tall as the tallest."""
    tallest = max(SIDE, *(picture.shape[0] for picture in pictures))
    widths = [round(picture.shape[1] * tallest / picture.shape[0]) for picture in pictures]
    scaled = [cv2.resize(one, (wide, tallest)) for one, wide in zip(pictures, widths, strict=True)]
    gap = np.full((tallest, GAP, 3), PAGE, np.uint8)
    row = [part for picture in scaled for part in (picture, gap)][:-1]
    if not cv2.imwrite(str(path), np.hstack(row)):
        raise OSError(f"{path} could not be written")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
