# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept of a reconstruction, and exchanging the mesh of an older one."""

import json

import bpy
import numpy as np
import pytest
from conftest import choose, wait_for


def reconstruct():
    assert bpy.ops.pifuhd.reconstruct() == {'FINISHED'}
    return bpy.context.object


@pytest.fixture
def ada(ext, fake, photo):
    """A reconstruction that a user has gone on working with."""
    choose(photo)
    person = reconstruct()
    person.name = "Ada L."
    person.location = (1, 2, 3)
    person.modifiers.new("Soft", 'SUBSURF')
    person.data.materials[0].name = "Skin"
    return person


def test_again_keeps_name_place_materials_and_modifiers(ada):
    before, mesh = ada.data.materials[0], ada.data.name
    bpy.context.scene.pifuhd.height = 1.5
    assert bpy.ops.pifuhd.reconstruct_again() == {'FINISHED'}
    assert round(max(vertex.co.z for vertex in ada.data.vertices), 4) == 1.5
    assert (ada.name, tuple(ada.location), ada.data.name) == ("Ada L.", (1, 2, 3), mesh)
    assert [modifier.name for modifier in ada.modifiers] == ["Soft"]
    assert list(ada.data.materials) == [before]
    assert len(bpy.data.meshes) == len(bpy.data.materials) == 1


def test_again_brings_the_photograph_into_the_material_that_is_there(ada):
    bpy.context.scene.pifuhd.texture = True
    bpy.ops.pifuhd.reconstruct_again()
    bpy.ops.pifuhd.reconstruct_again()
    [material] = ada.data.materials
    nodes = material.node_tree.nodes
    assert material.name == "Skin"
    assert [node.bl_idname for node in nodes].count("ShaderNodeTexImage") == 1
    surface = next(node for node in nodes if node.bl_idname == "ShaderNodeBsdfPrincipled")
    mix = surface.inputs["Base Color"].links[0].from_node
    assert [link.from_node.bl_idname for socket in mix.inputs for link in socket.links] == [
        "ShaderNodeAttribute",
        "ShaderNodeVertexColor",
        "ShaderNodeTexImage",
    ]


def test_a_material_of_the_users_own_is_left_alone(ada):
    own = bpy.data.materials.new("Own")
    ada.data.materials[0] = own
    bpy.context.scene.pifuhd.texture = True
    bpy.ops.pifuhd.reconstruct_again()
    assert list(ada.data.materials) == [own]
    assert own.node_tree is None or "PIFuHD Photograph" not in own.node_tree.nodes


def test_again_uses_the_objects_image_and_its_person(ext, ada, tmp_path, photo):
    settings = bpy.context.scene.pifuhd
    (tmp_path / "ben.png").write_bytes(photo.read_bytes())
    choose(tmp_path / "ben.png")
    settings.person = 3
    bpy.ops.pifuhd.reconstruct_again()
    assert ext.results.settings_of(ada)["person"] == 1
    assert ext.results.image_of(ada).name == "ada.png"


def test_again_says_why_it_cannot(ada):
    bpy.ops.object.mode_set(mode='EDIT')
    with pytest.raises(RuntimeError, match="Go back to Object Mode"):
        bpy.ops.pifuhd.reconstruct_again()
    bpy.ops.object.mode_set(mode='OBJECT')
    bpy.data.images.remove(bpy.data.images["ada.png"])
    with pytest.raises(RuntimeError, match="The object's image is gone"):
        bpy.ops.pifuhd.reconstruct_again()
    bpy.context.view_layer.objects.active = None
    with pytest.raises(RuntimeError, match="no reconstruction"):
        bpy.ops.pifuhd.reconstruct_again()


def test_an_object_that_is_edited_when_the_mesh_comes_keeps_its_own(ext, ada):
    mesh = ada.data
    bpy.ops.object.mode_set(mode='EDIT')
    finish = ext.finish.Finish(replace=ada.name)
    scene, layer = bpy.context.scene, bpy.context.view_layer
    ext.jobs.start("late", b"a photo", {"height": 1.0}, scene, layer, finish)
    wait_for(lambda: ext.jobs._tick() is None)
    assert ada.data == mesh
    assert "late" in bpy.data.objects
    bpy.ops.object.mode_set(mode='OBJECT')


def test_normal_maps_become_packed_images(ext, fake, photo):
    choose(photo)
    bpy.context.scene.pifuhd.keep_normals = True
    person = reconstruct()
    front, back = person["pifuhd_normals_front"], person["pifuhd_normals_back"]
    assert (front.name, back.name) == ("ada normals front", "ada normals back")
    assert front.packed_file is not None
    assert front.colorspace_settings.name == "Non-Color"
    assert np.allclose(front.pixels[:4], (128 / 255, 128 / 255, 1.0, 1.0), atol=0.003)
    bpy.ops.pifuhd.reconstruct_again()
    assert person["pifuhd_normals_front"] == front
    assert len([image for image in bpy.data.images if "normals" in image.name]) == 2


@pytest.fixture
def eve(ext, fake, photo):
    """A reconstruction that keeps its normal maps."""
    choose(photo)
    bpy.context.scene.pifuhd.keep_normals = True
    return reconstruct()


def info_of(person):
    return json.loads(person["pifuhd_info"])


def paint(image):
    """What texture paint leaves: another colour in the upper left corner."""
    pixels = np.array(image.pixels[:], np.float32).reshape(*image.size, 4)
    pixels[-1, 0] = 1.0, 0.5, 0.2, 1.0
    image.pixels.foreach_set(pixels.ravel())
    image.update()


def test_a_mesh_is_rebuilt_from_painted_maps_with_the_settings_it_was_made_with(ext, eve):
    eve.location = (1, 2, 3)
    front, back = (eve[f"pifuhd_normals_{side}"] for side in ("front", "back"))
    paint(back)
    older = eve.data.name
    bpy.context.scene.pifuhd.height = 1.5  # the panel's is for new ones
    assert bpy.ops.pifuhd.rebuild() == {'FINISHED'}
    assert info_of(eve)["normals"] == [[128, 128, 255], [255, 128, 51]]
    assert round(max(vertex.co.z for vertex in eve.data.vertices), 4) == 1.75
    assert (tuple(eve.location), eve.data.name, len(bpy.data.objects)) == ((1, 2, 3), older, 1)
    assert eve.data.polygons[0].use_smooth
    # The maps are the user's now, and the file holds them.
    assert (eve["pifuhd_normals_front"], eve["pifuhd_normals_back"]) == (front, back)
    assert np.allclose(back.pixels[-64:-60], (1.0, 0.5, 0.2, 1.0), atol=0.003)
    assert not back.is_dirty


def test_a_rebuilt_mesh_keeps_its_shading_and_its_photograph(ext, fake, photo):
    choose(photo)
    settings = bpy.context.scene.pifuhd
    settings.keep_normals = settings.texture = True
    settings.shade_smooth = False
    person = reconstruct()
    settings.texture, settings.shade_smooth = False, True
    bpy.ops.pifuhd.rebuild()
    assert not person.data.polygons[0].use_smooth
    assert len(person.data.uv_layers) == 1


def test_scripts_rebuild_too(ext, eve):
    paint(eve["pifuhd_normals_front"])
    assert ext.api.rebuild(eve) == eve
    assert info_of(eve)["normals"][0] == [255, 128, 51]
    bpy.ops.mesh.primitive_cube_add()
    with pytest.raises(ext.errors.EngineError, match="no reconstruction"):
        ext.api.rebuild(bpy.context.object)


def test_maps_that_were_painted_outlive_reconstruct_again_and_others_do_not(ext, eve):
    front, back = (eve[f"pifuhd_normals_{side}"] for side in ("front", "back"))
    paint(back)
    bpy.ops.pifuhd.reconstruct_again()
    assert eve["pifuhd_normals_front"] == front
    assert eve["pifuhd_normals_back"] != back
    assert back.use_fake_user
    assert back.packed_file is not None
    assert not back.is_dirty
    assert np.allclose(back.pixels[-64:-60], (1.0, 0.5, 0.2, 1.0), atol=0.003)


def test_maps_of_another_crop_are_not_taken_for_the_meshs_own(ext, eve, fake):
    fake.mode = "two"
    settings = bpy.context.scene.pifuhd
    settings.keep_normals, settings.person = False, 2
    bpy.ops.pifuhd.reconstruct_again()
    with pytest.raises(RuntimeError, match="show another part of the image than its mesh"):
        bpy.ops.pifuhd.rebuild()
    settings.keep_normals = True
    bpy.ops.pifuhd.reconstruct_again()
    assert bpy.ops.pifuhd.rebuild() == {'FINISHED'}


def test_joined_people_are_not_made_one(ext, fake, photo):
    fake.mode = "two"
    choose(photo)
    settings = bpy.context.scene.pifuhd
    settings.keep_normals, settings.people = True, 'JOINED'
    person = reconstruct()
    assert len(person.data.vertices) == 48
    for button in (bpy.ops.pifuhd.rebuild, bpy.ops.pifuhd.reconstruct_again):
        with pytest.raises(RuntimeError, match=r"is several people, joined\. Reconstruct its image anew"):
            button()


def test_maps_that_are_missing_are_named_with_a_next_step(ext, eve):
    bpy.data.images.remove(eve["pifuhd_normals_back"])
    with pytest.raises(RuntimeError, match=r"has no normal maps\. Switch on Keep Normal Maps under Colour"):
        bpy.ops.pifuhd.rebuild()
    with pytest.raises(ext.errors.EngineError, match="has no normal maps"):
        ext.api.rebuild(eve)


def test_flat_shading(ext, fake, photo):
    choose(photo)
    bpy.context.scene.pifuhd.shade_smooth = False
    assert not any(polygon.use_smooth for polygon in reconstruct().data.polygons)


def test_no_colours_means_no_attribute_and_no_material(ext, fake, photo):
    choose(photo)
    settings = bpy.context.scene.pifuhd
    settings.colour, settings.texture = 'none', True
    mesh = reconstruct().data
    assert len(mesh.color_attributes) == len(mesh.materials) == len(mesh.uv_layers) == 0


def test_the_person_found_is_shown_on_the_picture(ext, fake, photo):
    choose(photo)
    reconstruct()
    image = bpy.context.scene.pifuhd.image
    [(number, box)] = ext.people.boxes(image).items()
    assert number == 1
    assert np.allclose(box, (1 - 0.6 / 1.75, 0, 1 + 0.6 / 1.75, 2))
    bpy.ops.wm.read_homefile(use_empty=True)
    assert ext.people._found == {}


@pytest.fixture
def two(fake, photo):
    fake.mode = "two"
    choose(photo)
    return bpy.context.scene.pifuhd


def test_everybody_stands_side_by_side_as_in_the_picture(ext, two):
    two.people = 'SEPARATE'
    bpy.context.scene.cursor.location = (1, 2, 0)
    reconstruct()
    ada, ben = bpy.data.objects["ada"], bpy.data.objects["ada 2"]
    assert tuple(ada.location) == (1, 2, 0)
    # The second stands a picture's height, which is 1.75 m, further to the right.
    assert np.allclose(ben.location, (2.75, 2, 0), atol=1e-5)
    assert (ext.results.settings_of(ada)["person"], ext.results.settings_of(ben)["person"]) == (1, 2)
    assert set(bpy.context.selected_objects) == {ada, ben}
    assert sorted(ext.people.boxes(two.image)) == [1, 2]


def test_everybody_in_one_object(two):
    two.people, two.texture = 'JOINED', True
    person = reconstruct()
    assert [item.name for item in bpy.data.objects] == ["ada"]
    assert len(person.data.vertices) == 48
    assert np.allclose(person.dimensions, (0.6 + 1.75, 0.4, 1.75), atol=1e-5)
    assert len(bpy.data.materials) == len(bpy.data.meshes) == len(person.data.materials) == 1
    assert len(person.data.color_attributes) == len(person.data.uv_layers) == 1


def test_again_keeps_to_the_objects_own_person(ext, two):
    two.people = 'SEPARATE'
    reconstruct()
    ben = bpy.data.objects["ada 2"]
    bpy.context.view_layer.objects.active = ben
    assert bpy.ops.pifuhd.reconstruct_again() == {'FINISHED'}
    assert ext.results.settings_of(ben)["person"] == 2
    assert len(bpy.data.objects) == 2


def test_who_is_there_stays_when_the_next_one_fails(ext, two, monkeypatch):
    two.people = 'SEPARATE'
    client = ext.job.EngineClient
    plain = client.reconstruct

    def fails_for_the_second(self, image, settings, *rest, **named):
        if settings["person"] == 2:
            raise ext.errors.EngineError("broken_field", "No surface.", "Choose another.")
        return plain(self, image, settings, *rest, **named)

    monkeypatch.setattr(client, "reconstruct", fails_for_the_second)
    reconstruct()
    assert [item.name for item in bpy.data.objects] == ["ada"]
    assert ext.jobs.notice().code == "broken_field"
