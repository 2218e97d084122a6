# SPDX-License-Identifier: GPL-3.0-or-later
"""The quads of a field close into a 2-manifold that faces outward, whatever the field."""

import numpy as np
import pytest
from scipy.spatial import cKDTree
from skimage.measure import marching_cubes

from engine.surface.meshes import normals_of
from engine.surface.surface_nets import surface_nets
from tests.engine.fields import field_from, volume_of


def values_of(distance, resolution, width=0.02):
    """Occupancy (r, r, r) of a signed distance (negative inside), asked of points (..., 3)."""
    nodes = np.arange(resolution) * 2 / resolution - 1
    points = np.stack(np.meshgrid(nodes, nodes, nodes, indexing="ij"), axis=-1)
    return (1 / (1 + np.exp(np.clip(distance(points) / width, -30, 30)))).astype(np.float32)


def field_of(distance, resolution):
    return field_from(values_of(distance, resolution), 0, resolution)


def ball(points):
    return np.linalg.norm(points, axis=-1) - 0.6


def assert_closed_manifold(vertices, faces):
    """Each edge has two faces, which run along it in opposite directions; each vertex one ring of faces."""
    start, end = faces.ravel().astype(np.int64), np.roll(faces, -1, axis=1).ravel().astype(np.int64)
    there, back = start * len(vertices) + end, end * len(vertices) + start
    assert len(np.unique(there)) == len(there)
    np.testing.assert_array_equal(np.sort(there), np.sort(back))
    # A vertex' ring of faces as a permutation of its sides: one cycle a vertex, if it is 2-manifold there.
    order = np.argsort(there)
    twin = order[np.searchsorted(there[order], back)]
    side = np.arange(len(there))
    corners = faces.shape[1]
    # the next side from the same vertex, one face on
    following = twin // corners * corners + (twin % corners + 1) % corners
    lowest, jump = side.copy(), following
    for _ in range(7):  # pointer doubling: rings of up to 128 sides
        lowest, jump = np.minimum(lowest, lowest[jump]), jump[jump]
    assert len(np.unique(lowest)) == len(np.unique(start))
    assert len(np.unique(start)) == len(vertices)


def test_a_ball():
    vertices, quads = surface_nets(field_of(ball, 96))
    assert vertices.dtype == np.float32
    assert quads.dtype == np.int32
    assert quads.shape[1] == 4
    assert_closed_manifold(vertices, quads)
    assert len(vertices) - len(quads) == 2  # Euler: as many edges as twice the quads
    assert volume_of(vertices, quads) == pytest.approx(4 / 3 * np.pi * 0.6**3, rel=0.002)
    assert np.abs(np.linalg.norm(vertices, axis=1) - 0.6).max() < 0.05 * 2 / 96  # of a cell
    outward = vertices / np.linalg.norm(vertices, axis=1, keepdims=True)
    assert (normals_of(vertices, quads) * outward).sum(axis=1).min() > 0.995


def test_the_surface_lies_where_marching_cubes_finds_it():
    def body(points):
        x, y, z = np.moveaxis(points, -1, 0)
        return np.minimum(np.hypot(x, z * 1.3) * 0.6 + 0.2 * y * y - 0.15, ball(points + [0, 0.6, 0]) + 0.3)

    values = values_of(body, 64)
    vertices, quads = surface_nets(field_from(values, 0, 64))
    assert_closed_manifold(vertices, quads)
    nodes, triangles, _, _ = marching_cubes(np.pad(values, 1), 0.5, gradient_direction="ascent")
    reference = ((nodes - 1) / 32 - 1).astype(np.float32)
    _, nearest = cKDTree(reference).query(vertices)
    normals = normals_of(reference, triangles)
    across = ((vertices - reference[nearest]) * normals[nearest]).sum(axis=1)
    assert np.abs(across).max() < 0.5 / 32  # of a cell's side, in the crease between the two parts
    assert np.abs(across).mean() < 0.05 / 32
    assert volume_of(vertices, quads) == pytest.approx(volume_of(reference, triangles), rel=0.01)


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("side", [-1, 1])
def test_what_touches_the_cubes_border_is_closed_there(axis, side):
    centre = np.zeros(3)
    centre[axis] = 0.8 * side
    vertices, quads = surface_nets(field_of(lambda points: ball(points - centre), 32))
    assert_closed_manifold(vertices, quads)
    # half the ball and then 0.2 (low side: the last cell more) up to the border
    assert 0.6 < volume_of(vertices, quads) / (4 / 3 * np.pi * 0.6**3) < 0.85


def test_a_full_cube_has_its_volume():
    vertices, quads = surface_nets(field_from(np.ones((16, 16, 16), dtype=np.float32), 0, 16))
    assert_closed_manifold(vertices, quads)
    assert volume_of(vertices, quads) == pytest.approx(8, rel=0.02)


@pytest.mark.parametrize("seed", range(6))
def test_noise_with_every_ambiguous_cell_is_a_manifold(seed):
    """At this share of inside nodes all 256 kinds of cell occur, and pairs that share a pinched face."""
    generator = np.random.default_rng(seed)
    values = generator.random((14, 12, 13), dtype=np.float32) ** (0.5 + 0.3 * seed)
    field = field_from(values, (3, 1, 2), 20)
    vertices, quads = surface_nets(field)
    assert_closed_manifold(vertices, quads)
    nodes = (vertices.astype(np.float64) + 1) * 10
    assert (np.abs(nodes - np.round(nodes)).max(axis=1) > 0).all()
    assert nodes.min() > 0
    assert set(map(tuple, np.floor(nodes).astype(int))) <= set(map(tuple, field.cells.tolist()))
    assert volume_of(vertices, quads) > 0


def test_crosswise_neighbours_do_not_share_an_edge_of_four_quads():
    """Two diagonal nodes bridged on both sides: without care both cells put one vertex on either sheet."""
    values = np.zeros((4, 4, 5), dtype=np.float32)
    values[1, 1, 1:4] = values[2, 2, 1:4] = 1  # two rods,
    values[1:3, 1:3, 1] = values[1:3, 1:3, 3] = 1  # joined above and below: a ring with a crosswise face
    vertices, quads = surface_nets(field_from(values, 0, 8))
    assert_closed_manifold(vertices, quads)


def test_the_same_field_placed_elsewhere_is_the_same_mesh():
    values = np.random.default_rng(1).random((6, 7, 8), dtype=np.float32)
    vertices, quads = surface_nets(field_from(values, 0, 32))
    moved, same = surface_nets(field_from(values, (5, 9, 20), 32))
    np.testing.assert_array_equal(quads, same)
    assert np.abs(moved - vertices - [5 / 16, 9 / 16, 20 / 16]).max() < 1e-6
