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
from engine.surface.meshes import vertex_normals
from engine.weights import DEFAULT_WEIGHTS, load_weights
from training.render.rasterise import barycentric, rasterise, to_pixels

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
        grids.append(_drawn(mesh.vertices, mesh.faces, _clay(mesh.vertices, mesh.faces, 0), 0))
    _write(folder / "surface.png", *grids)

    result = pipeline.reconstruct(photo, weights, weights, Settings(), lambda *_: None)
    camera = pipeline.in_camera_space(result)
    views = []
    for turn in (0, 90, 180, 270):
        clay = _clay(camera.vertices, camera.faces, turn)
        coloured = camera.colors[:, 2::-1] * (0.45 + 0.55 * clay[:, :1] / 255)
        both = [_drawn(camera.vertices, camera.faces, colours, turn) for colours in (coloured, clay)]
        views.append(np.vstack(both))
    _write(folder / "mesh.png", *views)


def _turned(vectors: np.ndarray, degrees: float) -> np.ndarray:
    angle = np.radians(degrees)
    x, y, z = vectors.T
    return np.stack([np.cos(angle) * x + np.sin(angle) * z, y, np.cos(angle) * z - np.sin(angle) * x], axis=1)


def _clay(vertices: np.ndarray, faces: np.ndarray, degrees: float) -> np.ndarray:
    """(V, 3) grey of a matte surface under a light from the upper left of the viewer."""
    light = np.array([-0.4, 0.5, 0.77])
    share = np.clip(_turned(vertex_normals(vertices, faces), degrees) @ (light / np.linalg.norm(light)), 0, 1)
    return np.repeat((60 + 180 * share)[:, None], 3, axis=1)


def _drawn(vertices: np.ndarray, faces: np.ndarray, colours: np.ndarray, degrees: float) -> np.ndarray:
    """(SIDE, SIDE, 3) uint8: the mesh with its vertices' colours (V, 3), turned about the vertical axis."""
    pixels = to_pixels(torch.from_numpy(_turned(vertices, degrees).astype(np.float32)), 2 * SIDE)
    triangles = torch.from_numpy(faces.astype(np.int64))
    front, _ = rasterise(pixels, triangles, 2 * SIDE, 2 * SIDE)
    index, corners, share = barycentric(pixels, triangles, front)
    picture = np.full((4 * SIDE * SIDE, 3), 236.0)
    picture[index.numpy()] = (colours[corners.numpy()] * share.numpy()[..., None]).sum(axis=1)
    fine = picture.reshape(2 * SIDE, 2 * SIDE, 3).astype(np.uint8)
    return cv2.resize(fine, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


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
