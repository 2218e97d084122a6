# SPDX-License-Identifier: GPL-3.0-or-later
"""Cleaning keeps the person and nothing else, on triangles and on quads; smoothing keeps the volume."""

import numpy as np
import pytest
import trimesh

from engine.surface.cleanup import Dropped, keep_person, smooth
from engine.surface.meshes import normals_of, triangulate
from tests.engine.fields import tensors, volume_of

SIDE = 128
BODY = 0.5  # the radius of the ball that stands for the person


def quad_ball(centre, radius, sides=24):
    """A closed ball of quads: a cube's sides, cut into sides x sides squares and blown up."""
    line = np.tan(np.linspace(-np.pi / 4, np.pi / 4, sides + 1))
    u, v = (grid.ravel() for grid in np.meshgrid(line, line, indexing="ij"))
    number = np.arange((sides + 1) ** 2).reshape(sides + 1, sides + 1)
    ring = (number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:])
    square = np.stack(ring, axis=-1).reshape(-1, 4)
    points, faces = [], []
    for axis in range(3):
        for side in (-1, 1):
            point = np.roll(np.stack([np.full_like(u, side), u, v], axis=1), axis, axis=1)
            points.append(point / np.linalg.norm(point, axis=1, keepdims=True))
            faces.append((square if side > 0 else square[:, ::-1]) + len(u) * len(faces))
    points = np.concatenate(points).round(9) + 0.0
    unique, index = np.unique(points, axis=0, return_inverse=True)
    vertices = (unique * radius + centre).astype(np.float32)
    return vertices, index.reshape(-1)[np.concatenate(faces)].astype(np.int32)


def scene(*balls, corners=4):
    """Balls (centre, radius) in one mesh; a negative radius turns one inside out."""
    vertices, faces = [], []
    for centre, radius in balls:
        points, quads = quad_ball(centre, abs(radius))
        faces.append((quads if radius > 0 else quads[:, ::-1]) + sum(map(len, vertices)))
        vertices.append(points)
    together, all_faces = np.concatenate(vertices), np.concatenate(faces).astype(np.int32)
    return together, all_faces if corners == 4 else triangulate(*tensors(together, all_faces)).int().numpy()


def disc(radius):
    """A silhouette (SIDE, SIDE), round the middle of the crop."""
    plane = (np.arange(SIDE) + 0.5) * 2 / SIDE - 1
    return np.hypot(plane[None, :], plane[:, None]) < radius


def part_centres(vertices, faces):
    mesh = trimesh.Trimesh(vertices, triangulate(*tensors(vertices, faces)).numpy(), process=False)
    parts = mesh.split(only_watertight=True)
    return sorted(tuple(float(x) for x in part.centroid.round(2)) for part in parts)


@pytest.mark.parametrize("corners", [3, 4])
def test_the_body_keeps_its_hand_and_its_fingertip_and_loses_the_rest(corners):
    vertices, faces = scene(
        ((0, 0, 0), BODY),
        ((0.0, 0.0, 0.0), -0.3),  # a hollow
        ((0.7, 0, 0), 0.05),  # a hand, far off but of significant size (0.01 of the body's area)
        ((0, 0, 0.55), 0.012),  # a fingertip: small, near
        ((0, 0, 0.7), 0.012),  # as small, but far
        ((0, 0, -0.52), 0.006),  # near, but a speck
        ((0.85, 0.85, 0), 0.1),  # large, but off the silhouette
        corners=corners,
    )
    kept_vertices, kept_faces, dropped = keep_person(vertices, faces, disc(0.8))
    assert part_centres(kept_vertices, kept_faces) == [(0, 0, 0), (0, 0, 0.55), (0.7, 0, 0)]
    assert kept_vertices.dtype == np.float32
    assert kept_faces.dtype == np.int32
    assert kept_faces.shape[1] == corners
    assert dropped == Dropped(floaters=3, hollows=1, faces=4 * len(faces) // 7)
    assert set(np.unique(kept_faces)) == set(range(len(kept_vertices)))
    expected = 4 / 3 * np.pi * (BODY**3 + 0.05**3 + 0.012**3)
    assert volume_of(kept_vertices, kept_faces) == pytest.approx(expected, rel=0.01)


def test_what_hangs_near_a_kept_hand_stays_too():
    vertices, faces = scene(((0, 0, 0), BODY), ((0.7, 0, 0), 0.05), ((0.78, 0, 0), 0.012))
    assert len(part_centres(*keep_person(vertices, faces, disc(0.9))[:2])) == 3


def test_the_silhouettes_y_points_down():
    """Only the upper half of the picture is the person: what is below in camera space goes."""
    vertices, faces = scene(((0, 0.3, 0), 0.3), ((0, -0.4, 0), 0.2))
    mask = np.zeros((SIDE, SIDE), dtype=np.bool_)
    mask[: SIDE // 2] = True
    assert part_centres(*keep_person(vertices, faces, mask)[:2]) == [(0, 0.3, 0)]


def test_nothing_to_drop_leaves_the_mesh_as_it_is():
    vertices, faces = scene(((0, 0, 0), BODY))
    same_vertices, same_faces, dropped = keep_person(vertices, faces, disc(0.4))  # the body stays regardless
    np.testing.assert_array_equal(same_vertices, vertices)
    np.testing.assert_array_equal(same_faces, faces)
    assert dropped == Dropped(0, 0, 0)


@pytest.mark.parametrize("corners", [3, 4])
def test_smoothing_takes_noise_and_leaves_the_volume(corners):
    vertices, faces = scene(((0, 0, 0), BODY), corners=corners)
    noise = np.random.default_rng(5).normal(scale=0.006, size=vertices.shape)
    rough = (vertices + noise).astype(np.float32)
    smoothed = smooth(rough, faces, 10)

    def unevenness(points):
        return np.abs(np.linalg.norm(points, axis=1) - BODY).mean()

    assert unevenness(smoothed) < 0.5 * unevenness(rough)
    assert volume_of(smoothed, faces) == pytest.approx(volume_of(vertices, faces), rel=0.01)
    np.testing.assert_array_equal(smooth(rough, faces, 0), rough)


def test_normals_of_quads_and_of_triangles_point_outward():
    for corners in (3, 4):
        vertices, faces = scene(((0, 0, 0), BODY), corners=corners)
        assert (normals_of(vertices, faces) * vertices / BODY).sum(axis=1).min() > 0.999


def test_a_quad_is_cut_where_it_does_not_fold():
    """An arrow head: the shorter diagonal runs outside of it. And a plain kite: the shorter one."""
    arrow = np.array([[0, 0, 0], [1, -1, 0], [0, 0.5, 0], [-1, -1, 0]], dtype=np.float32)
    kite = np.array([[0, -3, 0], [1, 0, 0], [0, 1, 0], [-1, 0, 0]], dtype=np.float32) + [5, 0, 0]
    vertices = np.concatenate([arrow, kite])
    triangles = triangulate(*tensors(vertices, np.array([[0, 1, 2, 3], [4, 5, 6, 7]]))).numpy()
    assert {frozenset(row) for row in triangles.tolist()} == {
        frozenset(row) for row in ([0, 1, 2], [0, 2, 3], [5, 6, 7], [7, 4, 5])
    }
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    assert (np.cross(b - a, c - a)[:, 2] > 0).all()
