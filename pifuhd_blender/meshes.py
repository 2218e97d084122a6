# SPDX-License-Identifier: GPL-3.0-or-later
"""From the engine's arrays to an object in the scene."""

from __future__ import annotations

import json
from typing import Any

import bpy
import numpy as np

from .engine.client import Result
from .engine.errors import EngineError
from .materials import COLOUR_ATTRIBUTE, vertex_colour_material

COLLECTION = "PIFuHD"
SETTINGS_KEY = "pifuhd_settings"
INFO_KEY = "pifuhd_info"


def build(
    name: str, vertices: np.ndarray, faces: np.ndarray, colors: np.ndarray, scale: float
) -> bpy.types.Mesh:
    """A smooth shaded mesh with the colour attribute "Color" and its material.

    vertices: (V, 3) float32, Blender frame, metres. faces: (F, 3) or (F, 4) int32, counter-clockwise seen
    from outside.
    colors: (V, 4) uint8 sRGB + alpha. scale: Blender units per metre.
    Raises EngineError "broken_field" where the arrays do not describe a mesh (Blender would crash on such).
    """
    count = len(vertices)
    if (
        vertices.shape != (count, 3)
        or faces.shape not in ((len(faces), 3), (len(faces), 4))
        or colors.shape != (count, 4)
        or count == 0
        or len(faces) == 0
        or not np.isfinite(vertices).all()
        or faces.min() < 0
        or faces.max() >= count
    ):
        raise EngineError(
            "broken_field",
            "The engine returned no usable surface.",
            "Try a photo that shows one whole person against a calm background.",
        )
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(count)
    mesh.loops.add(faces.size)
    mesh.polygons.add(len(faces))
    # Attributes and not `vertices.foreach_set`: 0.38 s against 0.65 s for a million triangles.
    positions = np.ascontiguousarray(vertices * np.float32(scale), np.float32)
    mesh.attributes["position"].data.foreach_set("vector", positions.ravel())
    mesh.attributes[".corner_vert"].data.foreach_set("value", np.ascontiguousarray(faces, np.int32).ravel())
    mesh.polygons.foreach_set("loop_start", np.arange(0, faces.size, faces.shape[1], dtype=np.int32))
    mesh.update(calc_edges=True)
    mesh.validate()
    colour = mesh.color_attributes.new(COLOUR_ATTRIBUTE, 'BYTE_COLOR', 'POINT')
    colour.data.foreach_set("color_srgb", (colors.astype(np.float32) / np.float32(255.0)).ravel())
    mesh.color_attributes.active_color = colour
    mesh.color_attributes.render_color_index = mesh.color_attributes.find(COLOUR_ATTRIBUTE)
    mesh.materials.append(vertex_colour_material(name))
    return mesh


def add_to_scene(
    name: str,
    result: Result,
    settings: dict[str, Any],
    scene: bpy.types.Scene,
    view_layer: bpy.types.ViewLayer,
) -> bpy.types.Object:
    """Build the object in the scene's "PIFuHD" collection; select it and make it active.

    Selection and active object stay as they are where another object is being edited, because changing them
    would throw the user out of that mode.
    """
    unit = scene.unit_settings
    metre = 1.0 if unit.system == 'NONE' else 1.0 / unit.scale_length
    mesh = build(name, result.vertices, result.faces, result.colors, metre)
    person = bpy.data.objects.new(name, mesh)
    person[SETTINGS_KEY] = json.dumps(settings, sort_keys=True)
    person[INFO_KEY] = json.dumps(result.info, sort_keys=True)
    _collection(scene).objects.link(person)
    # False where the user has excluded the collection from the view layer, or is in Edit or Sculpt Mode.
    active = view_layer.objects.active
    if person.name in view_layer.objects and (active is None or active.mode == 'OBJECT'):
        for other in view_layer.objects.selected:
            other.select_set(False, view_layer=view_layer)
        person.select_set(True, view_layer=view_layer)
        view_layer.objects.active = person
    return person


def _collection(scene: bpy.types.Scene) -> bpy.types.Collection:
    for collection in scene.collection.children_recursive:
        if collection.name.split(".")[0] == COLLECTION and collection.library is None:
            return collection
    collection = bpy.data.collections.new(COLLECTION)
    scene.collection.children.link(collection)
    return collection


def is_reconstruction(item: bpy.types.Object | None) -> bool:
    return item is not None and SETTINGS_KEY in item
