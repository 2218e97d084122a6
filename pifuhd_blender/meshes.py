# SPDX-License-Identifier: GPL-3.0-or-later
"""From the engine's arrays to a mesh with its colours, its photograph and its material."""

from __future__ import annotations

import bpy
import numpy as np

from . import projection
from .engine.client import Result
from .engine.errors import EngineError
from .finish import PLAIN, Finish
from .materials import COLOUR_ATTRIBUTE, SEEN_ATTRIBUTE, UV_MAP


def build(
    name: str, result: Result, scale: float, *, coloured: bool = True, finish: Finish = PLAIN
) -> bpy.types.Mesh:
    """A mesh with the colour attribute "Color", the UV map "Photograph" if wanted, and no material yet.

    result: as the engine sends it. scale: Blender units per metre. coloured: whether it has colours.
    Raises EngineError "broken_field" where the arrays do not describe a mesh (Blender would crash on such).
    """
    vertices, faces, colors = result.vertices, result.faces, result.colors
    check(vertices, faces, colors)
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(vertices))
    mesh.loops.add(faces.size)
    mesh.polygons.add(len(faces))
    # Attributes and not `vertices.foreach_set`: 0.38 s against 0.65 s for a million triangles.
    positions = np.ascontiguousarray(vertices * np.float32(scale), np.float32)
    mesh.attributes["position"].data.foreach_set("vector", positions.ravel())
    mesh.attributes[".corner_vert"].data.foreach_set("value", np.ascontiguousarray(faces, np.int32).ravel())
    mesh.polygons.foreach_set("loop_start", np.arange(0, faces.size, faces.shape[1], dtype=np.int32))
    mesh.update(calc_edges=True)
    mesh.validate()
    if coloured:
        colour = mesh.color_attributes.new(COLOUR_ATTRIBUTE, 'BYTE_COLOR', 'POINT')
        colour.data.foreach_set("color_srgb", (colors.astype(np.float32) / np.float32(255.0)).ravel())
        mesh.color_attributes.active_color = colour
        mesh.color_attributes.render_color_index = mesh.color_attributes.find(COLOUR_ATTRIBUTE)
    if not finish.shade_smooth:
        mesh.shade_flat()
    image = bpy.data.images.get(finish.image)
    if finish.texture and image is not None and min(image.size) > 0:
        _project(mesh, result, image, finish.turned)
    return mesh


def check(vertices: np.ndarray, faces: np.ndarray, colors: np.ndarray) -> None:
    """Raise EngineError "broken_field" unless these are a mesh's arrays.

    vertices: (V, 3) float32, Blender frame, metres. faces: (F, 3) or (F, 4) int32, counter-clockwise seen
    from outside. colors: (V, 4) uint8 sRGB + alpha.
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


def _project(mesh: bpy.types.Mesh, result: Result, image: bpy.types.Image, turned: int) -> None:
    normals = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertex_normals.foreach_get("vector", normals)
    weights = projection.seen(result.vertices, normals.reshape(-1, 3), result.info)
    mesh.attributes.new(SEEN_ATTRIBUTE, 'FLOAT', 'POINT').data.foreach_set("value", weights)
    places = projection.uv(result.vertices, result.info, tuple(image.size), turned)
    corners = np.empty(len(mesh.loops), np.int32)
    mesh.attributes[".corner_vert"].data.foreach_get("value", corners)
    layer = mesh.uv_layers.new(name=UV_MAP)
    layer.uv.foreach_set("vector", places[corners].ravel())
