# SPDX-License-Identifier: GPL-3.0-or-later
"""From a reconstruction to an object in the scene: new, or in the place of an older one's mesh."""

from __future__ import annotations

import json
from typing import Any

import bpy
import mathutils

from . import materials, meshes, normal_images, people, placement
from .engine.client import Result
from .engine.errors import EngineError
from .finish import PLAIN, Finish

COLLECTION = "PIFuHD"
SETTINGS_KEY = "pifuhd_settings"
INFO_KEY = "pifuhd_info"
IMAGE_KEY = "pifuhd_image"
JOINED_KEY = "pifuhd_joined"


def place(
    name: str,
    result: Result,
    settings: dict[str, Any],
    scene: bpy.types.Scene,
    view_layer: bpy.types.ViewLayer,
    finish: Finish = PLAIN,
) -> bpy.types.Object:
    """Make the object, or replace the mesh of finish.replace where that object can still take it.

    Raises EngineError "broken_field" for arrays that are no mesh, and leaves nothing then.
    """
    older = bpy.data.objects.get(finish.replace)
    if older is not None and can_be_replaced(older):
        person = _replace(older, result, settings, scene, finish)
    else:
        person = _add(name, result, settings, scene, view_layer, finish)
    person[SETTINGS_KEY] = json.dumps(settings, sort_keys=True)
    person[INFO_KEY] = json.dumps(result.info, sort_keys=True)
    image = bpy.data.images.get(finish.image)
    if image is not None:
        person[IMAGE_KEY] = image
        remember_people(result.info, finish)
    if finish.keep_normals:
        normal_images.keep(person, result)
    return person


def remember_people(info: dict[str, Any], finish: Finish) -> None:
    """Have the panel list, and the Image Editor show, who was found in a job's image."""
    image = bpy.data.images.get(finish.image)
    if image is not None and info["people"] and min(image.size) > 0:
        people.remember(image, info["people"], finish.turned)


def is_reconstruction(item: bpy.types.Object | None) -> bool:
    return item is not None and SETTINGS_KEY in item


def image_of(item: bpy.types.Object) -> bpy.types.Image | None:
    """The image a reconstruction was made from, while it is in the file."""
    image = item.get(IMAGE_KEY)
    return image if isinstance(image, bpy.types.Image) else None


def settings_of(item: bpy.types.Object) -> dict[str, Any]:
    """The engine's settings a reconstruction was made with."""
    settings: dict[str, Any] = json.loads(item[SETTINGS_KEY])
    return settings


def can_be_replaced(item: bpy.types.Object) -> bool:
    """Whether the object's mesh may be exchanged now: not while it is edited, nor where it is linked."""
    return item.type == 'MESH' and item.mode == 'OBJECT' and item.library is None


def why_not_again(item: bpy.types.Object | None) -> EngineError | None:
    """Why an object's mesh cannot be made anew; None where it can."""
    if item is None or not is_reconstruction(item):
        return EngineError("bad_settings", "The active object is no reconstruction.", "Select one.")
    if not can_be_replaced(item):
        text = "The object is being edited, or belongs to another file."
        return EngineError("bad_settings", text, "Go back to Object Mode.")
    if JOINED_KEY in item:
        text = "The object is several people, joined."
        return EngineError("bad_settings", text, "Reconstruct its image anew.")
    if image_of(item) is None:
        hint = "Choose an image and reconstruct anew."
        return EngineError("bad_settings", "The object's image is gone.", hint)
    return None


def metre(scene: bpy.types.Scene) -> float:
    """Blender units of a metre."""
    unit = scene.unit_settings
    return 1.0 if unit.system == 'NONE' else 1.0 / unit.scale_length


def world_matrix(info: dict[str, Any], scene: bpy.types.Scene, finish: Finish) -> mathutils.Matrix:
    """Where a reconstruction with this info goes."""
    empty = bpy.data.objects.get(finish.reference)
    if empty is not None and empty.data is not None and min(empty.data.size) > 0:
        width, height = empty.data.size
        frame = placement.Frame(
            width, height, empty.empty_display_size, tuple(empty.empty_image_offset), finish.turned
        )
        return empty.matrix_world @ mathutils.Matrix(placement.over_picture(info, frame, metre(scene)))
    return mathutils.Matrix(placement.at_point(info, finish.point, finish.floor, metre(scene)))


def _add(
    name: str,
    result: Result,
    settings: dict[str, Any],
    scene: bpy.types.Scene,
    view_layer: bpy.types.ViewLayer,
    finish: Finish,
) -> bpy.types.Object:
    """A new object in the scene's "PIFuHD" collection, selected and active."""
    mesh = _mesh(name, result, settings, scene, finish)
    _dress(mesh, name, finish)
    person = bpy.data.objects.new(name, mesh)
    person.matrix_world = world_matrix(result.info, scene, finish)
    _collection(scene).objects.link(person)
    select([person], view_layer)
    return person


def select(people: list[bpy.types.Object], view_layer: bpy.types.ViewLayer) -> None:
    """Select these alone, the first one active.

    Selection and active object stay as they are where another object is being edited, because changing them
    would throw the user out of that mode.
    """
    # False where the user has excluded the collection from the view layer, or is in Edit or Sculpt Mode.
    active = view_layer.objects.active
    if people[0].name in view_layer.objects and (active is None or active.mode == 'OBJECT'):
        for other in view_layer.objects.selected:
            other.select_set(False, view_layer=view_layer)
        for person in people:
            person.select_set(True, view_layer=view_layer)
        view_layer.objects.active = people[0]


def _replace(
    person: bpy.types.Object,
    result: Result,
    settings: dict[str, Any],
    scene: bpy.types.Scene,
    finish: Finish,
) -> bpy.types.Object:
    """Exchange the mesh; name, transform, modifiers and materials stay."""
    older = person.data
    mesh = _mesh(older.name, result, settings, scene, finish)
    for material in older.materials:
        mesh.materials.append(material)
    _dress(mesh, person.name, finish)
    person.data = mesh
    if older.users == 0:
        name = older.name
        bpy.data.meshes.remove(older)
        mesh.name = name
    return person


def _mesh(
    name: str, result: Result, settings: dict[str, Any], scene: bpy.types.Scene, finish: Finish
) -> bpy.types.Mesh:
    coloured = settings.get("colour") != "none"
    return meshes.build(name, result, metre(scene), coloured=coloured, finish=finish)


def _dress(mesh: bpy.types.Mesh, name: str, finish: Finish) -> None:
    """Give a coloured mesh without material one, and the photograph to those that show the colours."""
    if not mesh.materials and materials.COLOUR_ATTRIBUTE in mesh.color_attributes:
        mesh.materials.append(materials.vertex_colour_material(name))
    if materials.UV_MAP in mesh.uv_layers:
        for material in mesh.materials:
            if material is not None and material.node_tree is not None:
                materials.add_photograph(material, bpy.data.images[finish.image])


def _collection(scene: bpy.types.Scene) -> bpy.types.Collection:
    for collection in scene.collection.children_recursive:
        if collection.name.split(".")[0] == COLLECTION and collection.library is None:
            return collection
    collection = bpy.data.collections.new(COLLECTION)
    scene.collection.children.link(collection)
    return collection
