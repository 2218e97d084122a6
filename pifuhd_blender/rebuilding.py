# SPDX-License-Identifier: GPL-3.0-or-later
"""A reconstruction's mesh made anew from the normal maps it keeps, which the user may have painted on."""

from __future__ import annotations

import json

import bpy

from . import images, materials, normal_images, orientation, request, results
from .engine.errors import EngineError
from .finish import Finish


def problem(person: bpy.types.Object | None) -> EngineError | None:
    """Why an object's mesh cannot be made of its maps; None where it can."""
    wrong = results.why_not_again(person)
    if wrong or person is None:
        return wrong
    hint = "Switch on Keep Normal Maps under Colour, and reconstruct again."
    if len(normal_images.kept(person)) < len(normal_images.KEYS):
        return EngineError("bad_settings", "The object has no normal maps.", hint)
    if not normal_images.are_of(person, json.loads(person[results.INFO_KEY])):
        text = "The object's normal maps show another part of the image than its mesh."
        return EngineError("bad_settings", text, hint)
    return None


def order(person: bpy.types.Object) -> request.Order:
    """The job for an object without problem: all but the maps as it was. Raises EngineError "bad_image"."""
    normals = normal_images.read(person)
    image, mesh = results.image_of(person), person.data
    picture = images.encode(image)
    finish = Finish(
        shade_smooth=len(mesh.polygons) == 0 or mesh.polygons[0].use_smooth,
        texture=materials.UV_MAP in mesh.uv_layers,
        image=image.name,
        turned=orientation.of_picture(picture),
        replace=person.name,
    )
    return request.Order(person.name, picture, results.settings_of(person), finish, normals)
