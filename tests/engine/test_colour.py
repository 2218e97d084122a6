# SPDX-License-Identifier: GPL-3.0-or-later
"""Colours are the photo's where the viewer looks, and flow on along the surface where not."""

import numpy as np

from engine.colour import colour_vertices
from engine.space import camera_to_image, image_to_texel, texel_to_image
from engine.surface.isosurface import isosurface
from engine.surface.localise import localise

RESOLUTION = 128
SIDE = 128  # of the networks' pictures
PHOTO = 320
HAIR, FACE, BACKGROUND = (60, 30, 10), (230, 180, 150), (0, 255, 0)


def mesh_of(distance):
    def occupancy(points):
        return (1 / (1 + np.exp(np.clip(distance(points) / 0.02, -30, 30)))).astype(np.float32)

    return isosurface(localise(occupancy, np.ones((RESOLUTION, RESOLUTION), dtype=np.bool_)))


def ball(points):
    return np.linalg.norm(points, axis=1) - 0.6


def plane_grid(side):
    """Image-plane (x, y down) of the pixel centres of a picture of the crop, (side, side) each."""
    plane = texel_to_image(np.arange(side, dtype=np.float64), side)
    return np.meshgrid(plane, plane, indexing="xy")


def head():
    """A head from the front: hair around a face, on a green wall. Returns photo, mask."""
    x, y = plane_grid(PHOTO)
    photo = np.empty((PHOTO, PHOTO, 3), dtype=np.uint8)
    photo[:] = BACKGROUND
    photo[np.hypot(x, y) < 0.6] = HAIR
    photo[np.hypot(x, y) < 0.35] = FACE
    x, y = plane_grid(SIDE)
    return photo, np.hypot(x, y) < 0.6


def test_the_front_shows_the_photo_and_the_back_of_the_head_is_hair():
    photo, mask = head()
    vertices, faces = mesh_of(ball)
    colours = colour_vertices(vertices, faces, photo, mask, RESOLUTION)
    assert colours.shape == (len(vertices), 3)
    assert colours.dtype == np.uint8
    radius, front = np.hypot(vertices[:, 0], vertices[:, 1]), vertices[:, 2] > 0
    face, ring = front & (radius < 0.33), front & (radius > 0.37) & (radius < 0.52)
    np.testing.assert_array_equal(colours[face], [FACE] * int(face.sum()))
    np.testing.assert_array_equal(colours[ring], [HAIR] * int(ring.sum()))
    behind = colours[~front].astype(int)
    assert np.abs(behind - HAIR).max() <= 2
    assert colours[:, 1].max() <= max(FACE)  # nothing of the green wall anywhere


def test_pixels_land_where_they_are_seen():
    """The photo's colour is its own coordinates: each front vertex must carry its place, up being up."""
    x, y = plane_grid(PHOTO)
    photo = np.zeros((PHOTO, PHOTO, 3), dtype=np.uint8)
    photo[..., 0], photo[..., 1] = np.round(127.5 + 100 * x), np.round(127.5 + 100 * y)
    vertices, faces = mesh_of(ball)
    colours = colour_vertices(vertices, faces, photo, head()[1], RESOLUTION).astype(float)
    facing = (vertices[:, 2] > 0.35)
    image = camera_to_image(vertices)
    assert np.abs((colours[facing, :2] - 127.5) / 100 - image[facing, :2]).max() < 0.012
    assert image_to_texel(image[:, :2], SIDE).min() > 0


def test_a_hidden_part_does_not_take_the_colour_of_what_hides_it():
    """A red disc floats before a larger blue one: on the blue one is no red shadow."""

    def discs(points):
        radius = np.hypot(points[:, 0], points[:, 1])
        near = np.maximum(radius - 0.25, np.abs(points[:, 2] - 0.5) - 0.05)
        far = np.maximum(radius - 0.7, np.abs(points[:, 2] + 0.2) - 0.05)
        return np.minimum(near, far)

    x, y = plane_grid(PHOTO)
    photo = np.zeros((PHOTO, PHOTO, 3), dtype=np.uint8)
    photo[..., 2] = 200
    photo[np.hypot(x, y) < 0.25] = (200, 0, 0)
    x, y = plane_grid(SIDE)
    vertices, faces = mesh_of(discs)
    colours = colour_vertices(vertices, faces, photo, np.hypot(x, y) < 0.7, RESOLUTION).astype(int)
    far = vertices[:, 2] < 0.1
    assert np.abs(colours[far] - (0, 0, 200)).max() <= 2
    near_front = vertices[:, 2] > 0.54
    inner = near_front & (np.hypot(vertices[:, 0], vertices[:, 1]) < 0.22)
    assert np.abs(colours[inner] - (200, 0, 0)).max() <= 2


def test_between_two_colours_the_hidden_side_blends_smoothly():
    x, _ = plane_grid(PHOTO)
    photo = np.zeros((PHOTO, PHOTO, 3), dtype=np.uint8)
    photo[..., 0] = np.where(x < 0, 40, 220)
    vertices, faces = mesh_of(ball)
    red = colour_vertices(vertices, faces, photo, head()[1], RESOLUTION)[:, 0].astype(float)
    back = vertices[:, 2] < -0.3
    middle = red[back & (np.abs(vertices[:, 0]) < 0.05)].mean()
    assert red[back & (vertices[:, 0] < -0.45)].mean() < middle - 10
    assert abs(middle - 130) < 10
    edges = np.abs(red[faces[:, 0]] - red[faces[:, 1]])[back[faces[:, 0]] & back[faces[:, 1]]]
    assert edges.max() < 8


def test_a_belt_line_stays_a_line_on_the_back():
    _, y = plane_grid(PHOTO)
    photo = np.zeros((PHOTO, PHOTO, 3), dtype=np.uint8)
    photo[..., 0] = np.where(y < 0, 220, 40)
    vertices, faces = mesh_of(ball)
    red = colour_vertices(vertices, faces, photo, head()[1], RESOLUTION)[:, 0].astype(float)
    back = vertices[:, 2] < -0.4
    assert red[back & (vertices[:, 1] > 0.2)].mean() > 170  # 160 with all edges alike
    assert red[back & (vertices[:, 1] < -0.2)].mean() < 102  # 115


def test_a_part_of_which_nothing_is_seen_gets_the_mean_and_nothing_seen_gets_grey():
    def behind(points):
        hidden = np.linalg.norm(points - np.array([0, 0, -0.7]), axis=1) - 0.2
        return np.minimum(np.linalg.norm(points, axis=1) - 0.45, hidden)

    photo = np.full((PHOTO, PHOTO, 3), (90, 120, 200), dtype=np.uint8)
    mask = head()[1]
    vertices, faces = mesh_of(behind)
    colours = colour_vertices(vertices, faces, photo, mask, RESOLUTION)
    np.testing.assert_array_equal(colours, [(90, 120, 200)] * len(vertices))
    nothing = colour_vertices(vertices, faces, photo, np.zeros_like(mask), RESOLUTION)
    np.testing.assert_array_equal(nothing, [(128, 128, 128)] * len(vertices))
