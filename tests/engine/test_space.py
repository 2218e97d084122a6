# SPDX-License-Identifier: GPL-3.0-or-later
"""Every change of frame undoes its inverse and turns the axes the way the frames are defined."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine import space

COUNTS = st.integers(1, 5)
POINTS = arrays(np.float64, st.tuples(COUNTS, st.just(3)), elements=st.floats(-3, 3, width=32))
PIXELS = arrays(np.float64, st.tuples(COUNTS, st.just(2)), elements=st.floats(-4000, 4000, width=32))
SIDES = st.integers(2, 4096)


@given(POINTS, st.integers(1, 16))
def test_grid_and_camera_are_inverse(points, blocks):
    resolution = 32 * blocks
    back = space.grid_to_camera(space.camera_to_grid(points, resolution), resolution)
    np.testing.assert_allclose(back, points, atol=1e-12)


def test_grid_nodes_lie_as_the_method_says():
    nodes = np.array([0, 64, 127])
    np.testing.assert_array_equal(space.grid_to_camera(nodes, 128), [-1.0, 0.0, -1.0 + 254 / 128])


@given(POINTS)
def test_axis_changes_are_inverse_rotations_or_flips(points):
    pairs = [
        (space.camera_to_image, space.image_to_camera, -1.0),
        (space.camera_axes_to_blender, space.blender_axes_to_camera, 1.0),
        (space.blender_to_y_up, space.y_up_to_blender, 1.0),
    ]
    for there, back, determinant in pairs:
        np.testing.assert_array_equal(back(there(points)), points)
        np.testing.assert_array_equal(there(back(points)), points)
        assert np.linalg.det(there(np.eye(3))) == pytest.approx(determinant)


def test_axes_point_where_the_frames_say():
    up, toward_viewer, right = np.array([0.0, 1, 0]), np.array([0.0, 0, 1]), np.array([1.0, 0, 0])
    np.testing.assert_array_equal(space.camera_to_image(up), [0, -1, 0])
    np.testing.assert_array_equal(space.camera_axes_to_blender(up), [0, 0, 1])
    np.testing.assert_array_equal(space.camera_axes_to_blender(toward_viewer), [0, -1, 0])
    np.testing.assert_array_equal(space.camera_axes_to_blender(right), [1, 0, 0])
    np.testing.assert_array_equal(space.blender_to_y_up(np.array([0.0, -1, 0])), [0, 0, 1])


@given(PIXELS, SIDES)
def test_image_and_texel_are_inverse(plane, side):
    back = space.texel_to_image(space.image_to_texel(plane, side), side)
    np.testing.assert_allclose(back, plane, atol=1e-8)


def test_texels_are_pixel_centres_between_the_crops_edges():
    np.testing.assert_array_equal(space.image_to_texel(np.array([-1.0, 0.0, 1.0]), 4), [-0.5, 1.5, 3.5])


@given(PIXELS, st.integers(1, 1000), st.integers(1, 8))
def test_a_place_on_the_image_plane_is_the_same_source_pixel_at_every_size(plane, crop_side, factor):
    crop = space.Crop(7, -3, crop_side)
    sides = (64, 64 * factor)
    small, large = (crop.crop_to_source(space.image_to_texel(plane, side) + 0.5, side) for side in sides)
    np.testing.assert_allclose(small, large, rtol=1e-9, atol=1e-6)


@given(PIXELS, st.integers(-500, 500), st.integers(-500, 500), st.integers(1, 3000), SIDES)
def test_crop_and_source_are_inverse(pixels, x, y, crop_side, side):
    crop = space.Crop(x, y, crop_side)
    back = crop.source_to_crop(crop.crop_to_source(pixels, side), side)
    np.testing.assert_allclose(back, pixels, rtol=1e-9, atol=1e-6 * max(1.0, side / crop_side))
    np.testing.assert_allclose(crop.crop_to_source(np.array([[0.0, 0.0], [side, side]]), side),
                               [[x, y], [x + crop_side, y + crop_side]])


def test_a_crop_without_area_is_refused():
    with pytest.raises(ValueError, match="side"):
        space.Crop(0, 0, 0)


@given(arrays(np.float64, (6, 3), elements=st.floats(-1, 1, width=32)), st.floats(0.1, 10))
def test_standing_on_the_floor(vertices, metres_per_unit):
    vertices[0, 1], vertices[1, 1] = -1.5, 1.5
    placement = space.stand_on_floor(vertices, metres_per_unit)
    placed = placement.camera_to_blender(vertices)
    assert placed[:, 2].min() == pytest.approx(0, abs=1e-9)
    assert placed[:, 2].max() == pytest.approx(3.0 * metres_per_unit)
    np.testing.assert_allclose(placed.min(axis=0)[:2], -placed.max(axis=0)[:2], atol=1e-9)
    np.testing.assert_allclose(placement.blender_to_camera(placed), vertices, atol=1e-9)
