# SPDX-License-Identifier: GPL-3.0-or-later
"""The normal maps that an object keeps: what a user has painted on them shapes its mesh anew."""

from __future__ import annotations

import bpy
import numpy as np

from . import images, materials, orientation, request, results
from .engine.errors import EngineError
from .finish import Finish


def kept(person: bpy.types.Object) -> list[bpy.types.Image]:
    """The maps of front and back; fewer than two where the object keeps none or the user removed one."""
    found = [person.get(key) for key in results.NORMALS_KEYS.values()]
    return [image for image in found if isinstance(image, bpy.types.Image)]


def problem(person: bpy.types.Object) -> str:
    """Why a reconstruction's mesh cannot be made of its maps, with the next step; "" where it can."""
    if len(kept(person)) == len(results.NORMALS_KEYS):
        return ""
    return "The object has no normal maps. Switch on Keep Normal Maps under Colour, and reconstruct again."


def order(person: bpy.types.Object) -> request.Order:
    """The job that makes the mesh of a reconstruction anew from its maps, all else as it was.

    What was painted is packed, so that the file holds what the mesh is made of. Raises EngineError
    "bad_image".
    """
    missing = problem(person)
    if missing:
        raise EngineError("bad_image", *missing.split(". ", 1))
    front, back = (_pixels(image) for image in kept(person))
    image, mesh = results.image_of(person), person.data
    picture = images.encode(image)
    finish = Finish(
        shade_smooth=len(mesh.polygons) == 0 or mesh.polygons[0].use_smooth,
        texture=materials.UV_MAP in mesh.uv_layers,
        image=image.name,
        turned=orientation.of_picture(picture),
        replace=person.name,
    )
    return request.Order(person.name, picture, results.settings_of(person), finish, (front, back))


def _pixels(image: bpy.types.Image) -> np.ndarray:
    """(S, S, 3) uint8, top row first, (n + 1) / 2: numbers, also where floats were made of them."""
    pixels = np.ascontiguousarray(images.pixels(image, linear=False)[..., :3])
    if image.is_dirty:
        image.pack()
    return pixels
