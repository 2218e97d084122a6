# SPDX-License-Identifier: GPL-3.0-or-later
"""The two-level solver gives what a direct one gives; its steps hardly grow in number with the mesh."""

import numpy as np
import pytest
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import spsolve

from engine.errors import Cancelled
from engine.surface.isosurface import isosurface
from engine.surface.laplacian import solve_laplacian
from engine.surface.meshes import edge_graph
from tests.engine.fields import all_columns, ball, localised

KNOWN = np.array([(0.0, 128.0, 255.0), (255.0, 128.0, 30.0)])  # what is left and right of the unknown


def weights_of(vertices, faces, along):
    """(V, V): as colours have them: each edge as level as it is by a power, and next to none across a hem."""
    graph = edge_graph(faces, len(vertices)).tocoo()
    start, end = graph.coords
    way = (vertices[end] - vertices[start]).astype(np.float64)
    level = 0.002 + (1 - way[:, along] ** 2 / (way**2).sum(axis=1)) ** 6
    hem = (vertices[start, 1] > 0.2) != (vertices[end, 1] > 0.2)
    return csr_array((level * np.where(hem, 0.001, 1.0), (start, end)), shape=graph.shape)


def system(resolution, along=1):
    """The unknown back of a ball: inner, total, outside, start, as `solve_laplacian` takes them."""
    vertices, faces = isosurface(localised(ball, all_columns(resolution)))
    middle = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    free = np.flatnonzero(vertices[:, 2] < middle[2])
    colours = KNOWN[(vertices[:, 0] > middle[0]).astype(int)]
    rows = weights_of(vertices - middle, faces, along)[free]
    known = np.ones(len(vertices), dtype=np.bool_)
    known[free] = False
    total = np.asarray(rows.sum(axis=1)).ravel()
    return rows[:, free], total, rows @ np.where(known[:, None], colours, 0.0), np.full((free.size, 3), 90.0)


@pytest.mark.parametrize("along", [1, 2])
def test_it_is_the_direct_solution(along):
    inner, total, outside, start = system(64, along)
    exact = spsolve((diags_array(total) - inner).tocsc(), outside)
    found = solve_laplacian(inner, total, outside, start, precision=0.1)
    assert np.abs(exact - start).max() > 100
    assert np.abs(found - exact).max() < 0.7  # of 255
    closer = solve_laplacian(inner, total, outside, start, precision=1e-4)
    assert np.abs(closer - exact).max() < 1e-3


def test_a_mesh_of_sixteen_times_the_vertices_takes_hardly_more_steps():
    few, many = [], []
    solve_laplacian(*system(64), 0.1, lambda: few.append(1))
    solve_laplacian(*system(256), 0.1, lambda: many.append(1))
    assert len(many) < 1.3 * len(few) < 20  # measured: 12, 13


def test_a_part_without_known_vertices_keeps_its_guess():
    ring = np.roll(np.eye(12), 1, axis=0) + np.roll(np.eye(12), -1, axis=0)
    guess = np.full((12, 3), 77.0)
    found = solve_laplacian(csr_array(ring), np.full(12, 2.0), np.zeros((12, 3)), guess, precision=1e-3)
    np.testing.assert_allclose(found, 77.0, atol=1e-3)


def test_vertices_with_known_neighbours_only_are_their_means():
    total, outside = np.array([2.0, 4.0]), np.array([[20.0, 40.0], [4.0, 8.0]])
    found = solve_laplacian(csr_array((2, 2)), total, outside, np.zeros((2, 2)), precision=1e-9)
    np.testing.assert_allclose(found, [[10.0, 20.0], [1.0, 2.0]])


def test_a_cancel_between_steps_passes_through():
    def cancel():
        raise Cancelled

    with pytest.raises(Cancelled):
        solve_laplacian(*system(64), 0.1, cancel)
