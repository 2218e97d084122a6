# SPDX-License-Identifier: GPL-3.0-or-later
"""Marching cubes: scikit-image's mesh of the whole grid, closed, without a seam, facing outward."""

import numpy as np
import pytest
import trimesh

from engine.surface.isosurface import isosurface
from tests.engine.fields import (
    all_columns,
    assert_same,
    ball,
    dense_mesh,
    dense_values,
    disc_columns,
    field_from,
    localised,
    soft,
    sphere,
    volume_of,
)


def assert_closed(vertices, faces):
    """Every edge belongs to two faces, which run along it in opposite directions."""
    edges = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2).astype(np.int64)
    there = np.sort(edges[:, 0] * len(vertices) + edges[:, 1])
    back = np.sort(edges[:, 1] * len(vertices) + edges[:, 0])
    assert (np.diff(there) > 0).all()
    np.testing.assert_array_equal(there, back)


def full_of_holes(points):
    """Walls about a cell thick in all directions, through every side of the cube: many ambiguous cells."""
    x, y, z = (points * 21.0).T
    return soft(np.sin(x + 0.3) * np.cos(y) + np.sin(y - 0.2) * np.cos(z) + np.sin(z) * np.cos(x), 0.4)


def boxes_on_the_nodes(points):
    """Faces exactly on nodes of the grid, where occupancy is exactly 0.5; two boxes meet in one edge."""
    first = np.abs(points - np.array([0.25, 0.0, 0.0])).max(axis=1) - 0.25
    second = np.abs(points - np.array([-0.25, 0.5, 0.0])).max(axis=1) - 0.25
    return soft(np.minimum(first, second))


@pytest.mark.parametrize("function, columns", [
    (ball, all_columns), (ball, disc_columns), (full_of_holes, all_columns), (full_of_holes, disc_columns),
    (boxes_on_the_nodes, all_columns), (lambda points: soft(sphere(points, radius=1.2)), all_columns),
    (lambda points: soft(sphere(points, (0.9, 0.9, 0.9), 0.5)), all_columns),
    (lambda points: soft(sphere(points, (-0.9, -0.9, -0.9), 0.5)), all_columns),
])
def test_the_mesh_is_closed_and_faces_outward(function, columns):
    vertices, faces = isosurface(localised(function, columns(64)))
    assert vertices.dtype == np.float32
    assert faces.dtype == np.int32
    assert_closed(vertices, faces)
    assert np.array_equal(np.unique(faces), np.arange(len(vertices)))
    assert vertices.min() >= -1 - 2 / 64
    assert volume_of(vertices, faces) > 0


def test_no_face_reaches_farther_than_its_cell():
    vertices, faces = isosurface(localised(full_of_holes, all_columns(64)))
    grid = (vertices[faces].astype(np.float64) + 1) * 32
    assert np.ptp(grid, axis=1).max() <= 1 + 1e-4


def test_vertices_lie_where_occupancy_is_a_half(monkeypatch):
    monkeypatch.setattr("engine.surface.isosurface.CHUNK", 1000)
    field = localised(ball, all_columns(64))
    assert len(field.cells) > 3 * 1000
    vertices, faces = isosurface(field)
    np.testing.assert_allclose(np.linalg.norm(vertices, axis=1), 0.6, atol=2e-3)
    assert volume_of(vertices, faces) == pytest.approx(4 / 3 * np.pi * 0.6**3, rel=5e-3)
    assert trimesh.Trimesh(vertices, faces, process=False).body_count == 1


def test_a_field_of_one_node_is_an_octahedron():
    def grain(points):
        return np.where(np.abs(points).max(axis=1) < 1e-3, 0.75, 0.25).astype(np.float32)

    vertices, faces = isosurface(localised(grain, all_columns(64)))
    assert len(vertices) == 6
    assert len(faces) == 8
    np.testing.assert_allclose(np.abs(vertices).sum(axis=1), 1 / 64, rtol=1e-5)
    assert volume_of(vertices, faces) == pytest.approx(4 / 3 / 64**3, rel=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_noise_is_the_whole_grids_mesh(seed):
    """At such a share of inside nodes every kind of cell occurs, those with a vertex within too."""
    values = np.random.default_rng(seed).random((16, 16, 16), dtype=np.float32) ** (0.5 + 0.5 * seed)
    assert_same(isosurface(field_from(values, 0, 16)), dense_mesh(values))


@pytest.mark.parametrize("seed", range(3))
def test_each_pattern_of_inside_corners_gives_scikit_images_triangles(seed):
    """Whatever the values: where the table is looked up, the triangles follow from the pattern alone."""
    generator = np.random.default_rng(seed)
    for pattern in range(1, 256):
        inside = (pattern >> np.arange(8) & 1).reshape(2, 2, 2)
        values = (generator.uniform(0.001, 0.499, (2, 2, 2)) + 0.5 * inside).astype(np.float32)
        assert_same(isosurface(field_from(values, 0, 2)), dense_mesh(values))


@pytest.mark.parametrize("function", [ball, full_of_holes])
def test_where_the_cells_are_parted_makes_no_difference(function, monkeypatch):
    field = field_from(dense_values(function, disc_columns(64)), 0, 64)
    whole = isosurface(field)
    monkeypatch.setattr("engine.surface.isosurface.CHUNK", 97)
    vertices, faces = isosurface(field)
    np.testing.assert_array_equal(vertices, whole[0])
    np.testing.assert_array_equal(faces, whole[1])


def test_a_cancel_passes_through_wherever_it_comes(monkeypatch):
    class Cancelled(Exception):
        pass

    def ask():
        nonlocal left
        left -= 1
        if left < 0:
            raise Cancelled

    field = field_from(np.random.default_rng(0).random((16, 16, 16), dtype=np.float32), 0, 16)
    monkeypatch.setattr("engine.surface.isosurface.CHUNK", 512)
    left = asked = 1000
    isosurface(field, ask)
    asked -= left
    assert asked > 3 * len(field.cells) // 512  # twice to find neighbours, once to build; and in each crate
    for begun in range(asked):
        left = begun
        with pytest.raises(Cancelled):
            isosurface(field, ask)
