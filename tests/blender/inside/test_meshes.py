# SPDX-License-Identifier: GPL-3.0-or-later
"""From the engine's arrays to an object in the scene."""

import json
from types import SimpleNamespace

import bpy
import numpy as np
import pytest

VERTICES = np.array([[-1, 0, 0], [1, 0, 0], [0, 0, 1.8], [0, 0.5, 0]], np.float32)
FACES = np.array([[0, 1, 2], [0, 2, 3], [1, 3, 2], [0, 3, 1]], np.int32)
COLOURS = np.array([[255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255], [10, 100, 200, 255]], np.uint8)


def result(**changes):
    fields = {"vertices": VERTICES, "faces": FACES, "colors": COLOURS, "info": {"preset": "compact"}}
    return SimpleNamespace(**(fields | changes))


def add(ext, name="ada", **changes):
    context = bpy.context
    return ext.results.place(
        name, result(**changes), {"height": 1.8}, context.scene, context.view_layer
    )


def test_the_mesh_is_what_the_engine_sent(ext):
    mesh = add(ext).data
    got = np.empty(12, np.float32)
    mesh.vertices.foreach_get("co", got)
    assert np.array_equal(got.reshape(4, 3), VERTICES)
    assert [list(polygon.vertices) for polygon in mesh.polygons] == FACES.tolist()
    assert len(mesh.edges) == 6
    assert all(polygon.use_smooth for polygon in mesh.polygons)
    assert mesh.validate() is False
    # Counter-clockwise seen from outside: the first triangle's normal points at the viewer, along -Y.
    assert mesh.polygons[0].normal.y < -0.99


def test_quads_stay_quads(ext):
    vertices = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], np.float32)
    quads = np.array(
        [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]], np.int32
    )
    mesh = add(ext, vertices=vertices, faces=quads, colors=np.full((8, 4), 255, np.uint8)).data
    assert [list(polygon.vertices) for polygon in mesh.polygons] == quads.tolist()
    assert len(mesh.edges) == 12
    assert mesh.validate() is False


def test_the_colours_come_back_exactly_and_are_the_shown_ones(ext):
    mesh = add(ext).data
    attribute = mesh.color_attributes["Color"]
    assert (attribute.data_type, attribute.domain) == ('BYTE_COLOR', 'POINT')
    got = np.empty(16, np.float32)
    attribute.data.foreach_get("color_srgb", got)
    assert np.array_equal(np.rint(got * 255).astype(np.uint8).reshape(4, 4), COLOURS)
    assert mesh.color_attributes.active_color.name == "Color"
    assert mesh.color_attributes[mesh.color_attributes.render_color_index].name == "Color"


def test_the_material_shows_the_colours(ext):
    material = add(ext).data.materials[0]
    kinds = sorted(node.bl_idname for node in material.node_tree.nodes)
    assert kinds == ["ShaderNodeBsdfPrincipled", "ShaderNodeOutputMaterial", "ShaderNodeVertexColor"]
    surface = next(n for n in material.node_tree.nodes if n.bl_idname == "ShaderNodeBsdfPrincipled")
    source = surface.inputs["Base Color"].links[0].from_node
    assert (source.bl_idname, source.layer_name) == ("ShaderNodeVertexColor", "Color")
    assert 0.4 < surface.inputs["Roughness"].default_value < 0.8
    assert surface.outputs["BSDF"].links[0].to_socket.name == "Surface"


def test_the_object_is_in_its_collection_selected_and_active(ext):
    other = bpy.data.objects.new("other", None)
    bpy.context.scene.collection.objects.link(other)
    other.select_set(True)
    person = add(ext)
    assert person.name == "ada"
    assert [collection.name for collection in person.users_collection] == ["PIFuHD"]
    assert bpy.context.view_layer.objects.active == person
    assert list(bpy.context.selected_objects) == [person]
    second = add(ext)
    assert second.users_collection == person.users_collection
    assert list(bpy.context.selected_objects) == [second]


def test_settings_and_info_are_kept_as_json(ext):
    person = add(ext)
    assert json.loads(person["pifuhd_settings"]) == {"height": 1.8}
    assert json.loads(person["pifuhd_info"]) == {"preset": "compact"}
    assert ext.results.is_reconstruction(person)
    assert not ext.results.is_reconstruction(bpy.data.objects.new("x", None))
    assert not ext.results.is_reconstruction(None)


def test_metres_stay_metres_in_a_scene_with_another_unit(ext):
    unit = bpy.context.scene.unit_settings
    unit.scale_length = 0.01  # one Blender unit is a centimetre
    assert round(add(ext).dimensions.z, 3) == 180.0
    unit.system = 'NONE'
    assert round(add(ext).dimensions.z, 3) == 1.8


def test_an_object_being_edited_keeps_its_mode(ext):
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.object
    bpy.ops.object.mode_set(mode='EDIT')
    person = add(ext)
    assert cube.mode == 'EDIT'
    assert bpy.context.view_layer.objects.active == cube
    assert person.name in bpy.context.scene.objects
    bpy.ops.object.mode_set(mode='OBJECT')


def test_a_collection_excluded_from_the_view_layer(ext):
    first = add(ext)
    bpy.context.view_layer.layer_collection.children["PIFuHD"].exclude = True
    second = add(ext)
    assert second.users_collection == first.users_collection
    assert bpy.context.view_layer.objects.active != second


@pytest.mark.parametrize(
    "changes",
    [
        {"faces": np.array([[0, 1, 4]], np.int32)},
        {"faces": np.array([[0, 1, -1]], np.int32)},
        {"faces": np.empty((0, 3), np.int32)},
        {"vertices": np.full((4, 3), np.nan, np.float32)},
        {"vertices": np.empty((0, 3), np.float32), "colors": np.empty((0, 4), np.uint8)},
        {"colors": COLOURS[:3]},
    ],
)
def test_arrays_that_are_no_mesh_are_refused_and_leave_nothing(ext, changes):
    with pytest.raises(ext.errors.EngineError) as raised:
        add(ext, **changes)
    assert raised.value.code == "broken_field"
    assert len(bpy.data.meshes) == len(bpy.data.objects) == len(bpy.data.materials) == 0


def test_a_degenerate_triangle_is_dropped(ext):
    mesh = add(ext, faces=np.concatenate([FACES, [[0, 0, 1]]]).astype(np.int32)).data
    assert len(mesh.polygons) == 4
