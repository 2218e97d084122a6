# SPDX-License-Identifier: GPL-3.0-or-later
"""The normal maps that an object keeps, as images on which a user may paint."""

from __future__ import annotations

import json
import zlib
from typing import Any

import bpy
import numpy as np

from . import images
from .engine.client import NormalMaps, Result

KEYS = {"front": "pifuhd_normals_front", "back": "pifuhd_normals_back"}
CROP_KEY = "pifuhd_crop"
WRITTEN_KEY = "pifuhd_written"  # a checksum, which tells whether somebody has painted since


def keep(person: bpy.types.Object, result: Result) -> None:
    """Keep a reconstruction's maps with its object, in the place of older ones. Those that were painted stay
    in the file, with a fake user.
    """
    for side, key in KEYS.items():
        picture = getattr(result, f"normals_{side}")
        if picture is not None:
            person[key] = _image(f"{person.name} normals {side}", picture, person.get(key))
            person[key][CROP_KEY] = _crop(result.info)


def kept(person: bpy.types.Object) -> list[bpy.types.Image]:
    """The maps of front and back; fewer than two where the object keeps none or the user removed one."""
    found = [person.get(key) for key in KEYS.values()]
    return [image for image in found if isinstance(image, bpy.types.Image)]


def are_of(person: bpy.types.Object, info: dict[str, Any]) -> bool:
    """Whether the object has both maps, and they show the crop of a reconstruction with this info."""
    found = kept(person)
    return len(found) == len(KEYS) and all(image.get(CROP_KEY) == _crop(info) for image in found)


def read(person: bpy.types.Object) -> NormalMaps:
    """Both maps, (S, S, 3) uint8, top row first, (n + 1) / 2. What was painted is packed, so that the file
    holds what a mesh is made of. Raises EngineError "bad_image" where one has no pixels.
    """
    front, back = (_pixels(image) for image in kept(person))
    for image in kept(person):
        if image.is_dirty:
            image.pack()
    return front, back


def _crop(info: dict[str, Any]) -> str:
    return json.dumps(info["crop"], sort_keys=True)


def _pixels(image: bpy.types.Image) -> np.ndarray:
    # Numbers, no colours: also where somebody made floats of them, they are not to be taken for linear light.
    return np.ascontiguousarray(images.pixels(image, linear=False)[..., :3])


def _image(name: str, picture: np.ndarray, older: Any) -> bpy.types.Image:
    """A packed image of a map (S, S, 3) uint8, top row first; an older one that nobody painted on takes the
    new pixels.
    """
    height, width = picture.shape[:2]
    image = older if isinstance(older, bpy.types.Image) else None
    if image is not None and image.get(WRITTEN_KEY) != _checksum(_pixels(image)):
        image.use_fake_user = True
        image.pack()
        image = None
    if image is None or tuple(image.size) != (width, height):
        image = bpy.data.images.new(name, width, height, alpha=False, is_data=True)
    pixels = np.ones((height, width, 4), np.float32)
    pixels[..., :3] = picture[::-1] / np.float32(255.0)
    image.pixels.foreach_set(pixels.ravel())
    image.pack()
    image[WRITTEN_KEY] = _checksum(picture)
    return image


def _checksum(pixels: np.ndarray) -> str:
    return f"{zlib.crc32(np.ascontiguousarray(pixels).tobytes()):08x}"
