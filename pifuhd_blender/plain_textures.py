# SPDX-License-Identifier: GPL-3.0-or-later
"""The photograph for glTF, which has none of Blender's nodes: a plain texture on the faces that it shows.

In Blender the material mixes photograph and vertex colours smoothly. glTF multiplies a texture with them, so
a face is either textured, and its colours are white, or has its colours alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import bpy
import numpy as np
import numpy.typing as npt

from . import images, materials, orientation, results

MOSTLY = 0.5  # of a face: from here on the photograph shows it


@contextmanager
def given(people: Sequence[bpy.types.Object]) -> Iterator[None]:
    """For a while the people with a photograph show it by a material of its own."""
    older = {person: person.data for person in people if materials.UV_MAP in person.data.uv_layers}
    spare: set[bpy.types.ID] = set()
    try:
        for person, mesh in older.items():
            image = results.image_of(person)
            if image is not None:
                plain = as_shown(image)
                person.data = copy = _with_plain_materials(mesh, plain)
                spare |= {copy, *copy.materials} | ({plain} - {image})
        yield
    finally:
        for person, mesh in older.items():
            person.data = mesh
        bpy.data.batch_remove(spare)


def as_shown(image: bpy.types.Image) -> bpy.types.Image:
    """The image, or a packed copy of it where its file says that it is to be turned: some programs turn it,
    others do not, and the UV map is that of the picture as it is stored."""
    if orientation.of_picture(images.encode(image)) == orientation.UPRIGHT:
        return image
    copy = image.copy()
    images.pack(copy)
    return copy


def _with_plain_materials(mesh: bpy.types.Mesh, image: bpy.types.Image) -> bpy.types.Mesh:
    copy = mesh.copy()
    shown = _shown(copy)
    copy.materials.clear()
    copy.materials.append(materials.photograph_material(f"{mesh.name} photograph", image))
    copy.materials.append(materials.vertex_colour_material(f"{mesh.name} colours"))
    copy.polygons.foreach_set("material_index", np.where(shown, 0, 1).astype(np.int32))
    _whiten(copy, shown)
    return copy


def _shown(mesh: bpy.types.Mesh) -> npt.NDArray[np.bool_]:
    """(F,) whether the photograph shows a face."""
    seen = np.empty(len(mesh.vertices), np.float32)
    mesh.attributes[materials.SEEN_ATTRIBUTE].data.foreach_get("value", seen)
    starts, totals = _loops(mesh)
    shown: npt.NDArray[np.bool_] = np.add.reduceat(seen[_corners(mesh)], starts) >= MOSTLY * totals
    return shown


def _whiten(mesh: bpy.types.Mesh, shown: npt.NDArray[np.bool_]) -> None:
    """Make the colours those of corners, white on the faces that are shown."""
    older = mesh.color_attributes[materials.COLOUR_ATTRIBUTE]
    values = np.empty((len(mesh.vertices), 4), np.float32)
    older.data.foreach_get("color_srgb", values.ravel())
    values = values[_corners(mesh)]
    values[np.repeat(shown, _loops(mesh)[1])] = 1.0
    mesh.color_attributes.remove(older)
    newer = mesh.color_attributes.new(materials.COLOUR_ATTRIBUTE, 'BYTE_COLOR', 'CORNER')
    newer.data.foreach_set("color_srgb", values.ravel())
    mesh.color_attributes.active_color = newer
    mesh.color_attributes.render_color_index = mesh.color_attributes.find(materials.COLOUR_ATTRIBUTE)


def _corners(mesh: bpy.types.Mesh) -> npt.NDArray[np.int32]:
    """(C,) the vertex of each corner."""
    corners = np.empty(len(mesh.loops), np.int32)
    mesh.attributes[".corner_vert"].data.foreach_get("value", corners)
    return corners


def _loops(mesh: bpy.types.Mesh) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """(F,) the first corner of each face, and how many it has."""
    starts, totals = (np.empty(len(mesh.polygons), np.int32) for _ in range(2))
    mesh.polygons.foreach_get("loop_start", starts)
    mesh.polygons.foreach_get("loop_total", totals)
    return starts, totals
