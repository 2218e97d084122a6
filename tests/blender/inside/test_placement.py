# SPDX-License-Identifier: GPL-3.0-or-later
"""Where objects go: points, the middle of the crop, and over a reference picture."""

from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from mathutils import Matrix, Vector

# 1.8 m tall in a crop of 400 pixels, of which the person fills 360: 200 pixels are a metre.
INFO = {
    "crop": {"x": 100, "y": 50, "side": 400},
    "box": [200, 70, 400, 430],
    "people": [[200, 70, 400, 430]],
    "camera": {"metres_per_unit": 1.0, "offset": [0.1, -0.05, 0.9]},
}
HEAD, FOOT, LEFT = (0.1, 0.0, 1.8), (0.1, 0.0, 0.0), (-0.4, 0.0, 0.9)
PIXELS = {HEAD: (300, 70), FOOT: (300, 430), LEFT: (200, 250)}  # by hand: 300 - 0.5 * 200 = 200
FACES = np.array([[0, 1, 2], [0, 2, 3], [1, 3, 2], [0, 3, 1]], np.int32)
COLOURS = np.full((4, 4), 255, np.uint8)
VERTICES = np.array([HEAD, FOOT, LEFT, (0.1, 0.3, 0.9)], np.float32)


def place(ext, **fields):
    context = bpy.context
    made = SimpleNamespace(vertices=VERTICES, faces=FACES, colors=COLOURS, info=INFO)
    finish = ext.finish.Finish(**fields)
    return ext.results.place("ada", made, {"height": 1.8}, context.scene, context.view_layer, finish)


def test_feet_at_a_point(ext):
    person = place(ext, point=(1.0, 2.0, 3.0))
    assert tuple(person.location) == (1.0, 2.0, 3.0)
    assert tuple(person.scale) == (1.0, 1.0, 1.0)


def test_off_the_floor_the_middle_of_the_crop_is_at_the_point(ext):
    bpy.context.scene.unit_settings.scale_length = 0.5  # a metre is two units
    person = place(ext, point=(1.0, 2.0, 3.0), floor=False)
    middle = person.matrix_world @ Vector((0.2, -0.1, 1.8))
    assert np.allclose(middle, (1.0, 2.0, 3.0), atol=1e-6)


def reference(width, height):
    empty = bpy.data.objects.new("reference", None)
    empty.empty_display_type = 'IMAGE'
    empty.data = bpy.data.images.new("photo", width, height)
    empty.empty_display_size = 5.0
    empty.empty_image_offset = (-0.5, 0.0)
    bpy.context.scene.collection.objects.link(empty)
    empty.matrix_world = Matrix.Translation((1, 2, 3)) @ Matrix.Rotation(np.pi / 2, 4, 'X')
    bpy.context.view_layer.update()
    return empty


@pytest.mark.parametrize("turned", range(1, 9))
def test_over_a_reference_each_vertex_lies_on_its_pixel(ext, turned):
    upright = (600, 500)
    width, height = ext.orientation.turned_size(upright, turned)
    empty = reference(width, height)
    person = place(ext, reference="reference", turned=turned)
    bpy.context.view_layer.update()
    for vertex, pixel in PIXELS.items():
        local = empty.matrix_world.inverted() @ person.matrix_world @ Vector(vertex)
        x, y = ext.orientation.to_stored(pixel, upright, turned)
        # Blender draws the picture with its longer side 5 units long, its lower edge at the empty.
        expected = ((x - width / 2) * 5 / 600, (height - y) * 5 / 600)
        assert np.allclose(local[:2], expected, atol=1e-5)
    front = empty.matrix_world.inverted() @ person.matrix_world @ Vector((0.1, -0.5, 0.9))
    back = empty.matrix_world.inverted() @ person.matrix_world @ Vector((0.1, 0.5, 0.9))
    assert front.z > 0 > back.z  # the viewer's side is before the picture


def test_a_reference_that_is_gone_gives_way_to_the_point(ext):
    assert tuple(place(ext, reference="gone", point=(1.0, 0.0, 0.0)).location) == (1.0, 0.0, 0.0)


def test_the_photograph_lies_on_the_pixels(ext):
    image = bpy.data.images.new("photo", 600, 500)
    mesh = place(ext, texture=True, image=image.name).data
    layer = mesh.uv_layers["Photograph"]
    got = np.empty((len(mesh.loops), 2), np.float32)
    layer.uv.foreach_get("vector", got.ravel())
    for loop, place_ in zip(mesh.loops, got):
        pixel = PIXELS.get(tuple(round(float(value), 4) for value in VERTICES[loop.vertex_index]))
        if pixel is not None:
            assert np.allclose(place_, (pixel[0] / 600, 1 - pixel[1] / 500), atol=1e-6)
    [material] = mesh.materials
    assert material.node_tree.nodes["PIFuHD Photograph"].image == image


def test_what_is_hidden_or_turned_away_is_not_taken_from_the_photograph(ext):
    vertices = np.array([(0, -0.5, 1), (0, 0.0, 1), (0, 0.5, 1), (0.5, 0, 1)], np.float32)
    normals = np.array([(0, -1, 0), (0, -1, 0), (0, 1, 0), (1, 0, 0)], np.float32)
    assert ext.projection.seen(vertices, normals, INFO).tolist() == [1, 0, 0, 0]
