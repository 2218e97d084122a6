# SPDX-License-Identifier: GPL-3.0-or-later
"""The refined surface is the dense grid's, closed and facing outward; cleaning keeps the person."""

import numpy as np
import pytest
import trimesh
from skimage.measure import marching_cubes

from engine.errors import Cancelled, EngineError
from engine.space import grid_to_camera
from engine.surface.isosurface import isosurface
from engine.surface.localise import Field, localise
from engine.surface.meshes import signed_volume, vertex_normals


def soft(distance, width=0.02):
    """Occupancy from a signed distance (negative inside), as smooth as a network's."""
    return (1.0 / (1.0 + np.exp(np.clip(distance / width, -30, 30)))).astype(np.float32)


def sphere(points, centre=(0.0, 0.0, 0.0), radius=0.6):
    return np.linalg.norm(points - np.array(centre), axis=1) - radius


def two_balls(points):
    return soft(np.minimum(sphere(points, (-0.4, 0.1, 0.2), 0.3), sphere(points, (0.45, -0.2, -0.3), 0.25)))


def caped_ball(points):
    """A ball with a sheet one and a half fine cells thick hanging on it, oblique to the grid."""
    normal = np.array([0.5, 0.3, 0.81])
    sheet = np.maximum(np.abs(points @ normal - 0.2) - 0.012, np.linalg.norm(points, axis=1) - 0.85)
    return soft(np.minimum(sphere(points, radius=0.4), sheet), 0.01)


def lone_sheet(points):
    """A sheet facing the viewer that hangs between the coarse grid's nodes, behind it a ball."""
    x, y, z = points.T
    sheet = np.maximum(np.abs(z - 0.517) - 0.012, np.hypot(x, y) - 0.55)
    return soft(np.minimum(sheet, sphere(points, radius=0.45)), 0.003)


def crowded(points):
    """Smooth noise: surfaces all over, also through every side of the cube."""
    x, y, z = (points * 5.0).T
    return soft(np.sin(x + 0.3) + np.sin(1.3 * y) + np.sin(0.9 * z + x * 0.4) - 0.4, 0.5)


def ball(points):
    return soft(sphere(points))


def all_columns(resolution):
    return np.ones((resolution, resolution), dtype=np.bool_)


def disc_columns(resolution):
    x = np.arange(resolution) * 2 / resolution - 1
    return np.hypot(x[:, None] - 0.05, x[None, :]) < 0.53


def dense_mesh(function, columns):
    resolution = columns.shape[0]
    index = np.stack(np.meshgrid(*[np.arange(resolution)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    values = function(grid_to_camera(index, resolution).astype(np.float32)).reshape([resolution] * 3)
    values[~columns] = 0
    vertices, faces, _, _ = marching_cubes(np.pad(values, 1), 0.5)
    return grid_to_camera(vertices - 1.0, resolution), faces


@pytest.mark.parametrize("function, columns", [
    (ball, all_columns), (ball, disc_columns), (two_balls, all_columns), (two_balls, disc_columns),
    (caped_ball, all_columns), (caped_ball, disc_columns), (lone_sheet, disc_columns),
    (crowded, all_columns), (crowded, disc_columns),
])
def test_the_mesh_is_the_dense_grids(function, columns):
    resolution = 128
    field = localise(function, columns(resolution))
    vertices, faces = isosurface(field)
    dense_vertices, dense_faces = dense_mesh(function, columns(resolution))
    assert len(vertices) == len(dense_vertices)
    np.testing.assert_array_equal(faces, dense_faces[:, ::-1])
    np.testing.assert_allclose(vertices, dense_vertices, atol=2e-6)
    assert trimesh.Trimesh(vertices, faces, process=False).is_watertight


def test_refinement_asks_for_few_nodes_and_in_batches():
    sizes, shares = [], []

    def query(points):
        sizes.append(len(points))
        return soft(sphere(points), 0.005)

    resolution = 256
    field = localise(query, all_columns(resolution), batch=10_000, tick=shares.append)
    assert max(sizes) <= 10_000
    assert sum(sizes) == field.asked < 0.04 * resolution**3
    assert shares[-1] == 1.0
    assert all(0 < share <= 1 for share in shares)


@pytest.mark.parametrize("resolution", [64, 96, 160, 192])
def test_resolutions_that_halve_seldom_work_too(resolution):
    vertices, faces = isosurface(localise(lambda points: soft(sphere(points)), all_columns(resolution)))
    np.testing.assert_allclose(np.linalg.norm(vertices, axis=1), 0.6, atol=2e-3)
    assert signed_volume(vertices, faces) == pytest.approx(4 / 3 * np.pi * 0.6**3, rel=5e-3)


def test_only_columns_of_the_silhouette_are_asked():
    columns = disc_columns(128)

    def query(points):
        assert np.hypot(points[:, 0] - 0.05, points[:, 1]).max() < 0.53 + 0.06
        return soft(sphere(points))

    vertices, _ = isosurface(localise(query, columns))
    assert np.hypot(vertices[:, 0] - 0.05, vertices[:, 1]).max() < 0.53 + 2 / 128


def test_a_body_that_leaves_the_cube_is_closed_there():
    vertices, faces = isosurface(localise(lambda points: soft(sphere(points, radius=1.2)), all_columns(64)))
    assert trimesh.Trimesh(vertices, faces, process=False).is_watertight
    assert vertices.min() >= -1 - 2 / 64
    assert signed_volume(vertices, faces) > 0


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0, np.nan])
def test_a_field_without_surface_is_named(value):
    with pytest.raises(EngineError) as caught:
        localise(lambda points: np.full(len(points), value, dtype=np.float32), all_columns(128))
    assert caught.value.code == "broken_field"


def test_one_nan_among_good_answers_is_named():
    def query(points):
        answer = soft(sphere(points))
        answer[-1] = np.nan
        return answer

    with pytest.raises(EngineError) as caught:
        localise(query, all_columns(64))
    assert caught.value.code == "broken_field"


def test_an_empty_silhouette_is_named():
    with pytest.raises(EngineError) as caught:
        localise(lambda points: soft(sphere(points)), np.zeros((64, 64), dtype=np.bool_))
    assert caught.value.code == "broken_field"


def test_a_cancel_passes_through():
    def cancel(share):
        raise Cancelled

    with pytest.raises(Cancelled):
        localise(lambda points: soft(sphere(points)), all_columns(64), tick=cancel)


def test_normals_of_a_sphere_point_outward():
    vertices, faces = isosurface(localise(lambda points: soft(sphere(points)), all_columns(64)))
    outward = vertices / np.linalg.norm(vertices, axis=1, keepdims=True)
    assert (vertex_normals(vertices, faces) * outward).sum(axis=1).min() > 0.95


def field_of(function, resolution=96):
    index = np.stack(np.meshgrid(*[np.arange(resolution)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    values = function(grid_to_camera(index, resolution)).reshape([resolution] * 3)
    return Field(values, (0, 0, 0), resolution, values.size)


def test_crossing_cells_hold_every_corner_of_the_surface():
    field = localise(lambda points: soft(sphere(points, (0.5, 0, 0))), all_columns(64))
    cells, corners = field.crossing_cells()
    assert cells.dtype == np.int32
    assert corners.dtype == np.float32
    offsets = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    nodes = cells[:, None] + offsets
    points = grid_to_camera(nodes.reshape(-1, 3), 64).astype(np.float32)
    expected = soft(sphere(points, (0.5, 0, 0))).reshape(-1, 8) * (nodes < 64).all(2)
    np.testing.assert_array_equal(corners, expected)
    dense = np.zeros((66, 66, 66), dtype=np.bool_)
    dense[1:-1, 1:-1, 1:-1] = field_of(lambda points: soft(sphere(points, (0.5, 0, 0))), 64).values > 0.5
    count = sum(dense[i : i + 65, j : j + 65, k : k + 65].astype(int) for i, j, k in offsets)
    np.testing.assert_array_equal(cells, np.argwhere((count > 0) & (count < 8)) - 1)
