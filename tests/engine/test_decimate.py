# SPDX-License-Identifier: GPL-3.0-or-later
"""Decimated meshes have at most the faces asked for, stay closed, and stay where they were."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree
from skimage.measure import marching_cubes

from engine.errors import Cancelled, EngineError
from engine.surface import collapse
from engine.surface.decimate import decimate, nearest_colours
from tests.engine.fields import volume_of
from tests.link.processes import is_running


def mesh_of(values):
    """The 0 level of (r, r, r) values, which are positive inside, in the cube [-1, 1]^3."""
    padded = np.pad(values, 1, constant_values=-1)
    vertices, faces, _, _ = marching_cubes(padded, 0, gradient_direction="ascent")
    return (vertices * (2 / len(values)) - 1).astype(np.float32), np.ascontiguousarray(faces, dtype=np.int32)


@pytest.fixture(scope="module")
def figure():
    """A trunk, a head on a neck, two thin arms: capsules, blended as a network does."""
    nodes = np.linspace(-1, 1, 96)
    points = np.stack(np.meshgrid(nodes, nodes, nodes, indexing="ij"), axis=-1)
    value = np.zeros(points.shape[:-1])
    for start, end, radius in [((0, -0.7, 0), (0, 0.3, 0), 0.22), ((0, 0.3, 0), (0, 0.75, 0.05), 0.12),
                               ((0, 0.2, 0), (0.6, -0.3, 0.2), 0.05), ((0, 0.2, 0), (-0.7, 0.1, 0), 0.05)]:
        low, along = np.array(start), np.subtract(end, start)
        share = np.clip((points - low) @ along / (along @ along), 0, 1)
        value += np.exp((radius - np.linalg.norm(points - low - share[..., None] * along, axis=-1)) / 0.03)
    return mesh_of(np.log(value + 1e-9))


@pytest.fixture(scope="module")
def sponge():
    noise = gaussian_filter(np.random.default_rng(0).standard_normal((40, 40, 40)), 1.5)
    return mesh_of(noise - 0.02)


def assert_closed(vertices, faces):
    """Each edge has exactly two faces, which run along it in opposite directions."""
    start, end = faces.ravel().astype(np.int64), np.roll(faces, -1, axis=1).ravel().astype(np.int64)
    there, back = start * len(vertices) + end, end * len(vertices) + start
    assert len(np.unique(there)) == len(there)
    np.testing.assert_array_equal(np.sort(there), np.sort(back))
    assert (start != end).all()
    assert len(np.unique(start)) == len(vertices)


def farthest(points, vertices, faces):
    """How far points are from samples of a mesh, at most."""
    weights = np.random.default_rng(0).dirichlet([1, 1, 1], (len(faces), 1 + 200_000 // len(faces)))
    samples = np.einsum("fsc,fcx->fsx", weights, vertices[faces].astype(np.float64)).reshape(-1, 3)
    return cKDTree(samples).query(points)[0].max()


@pytest.mark.parametrize("count, volume, distance", [
    (100, 0.12, 0.12), (301, 0.04, 0.05), (1000, 0.01, 0.02), (10_000, 0.001, 0.012),
])
def test_a_figure(figure, count, volume, distance):
    vertices, faces = figure
    fewer, triangles = decimate(vertices, faces, count)
    assert count * 0.95 - 1 <= len(triangles) <= count
    assert (fewer.dtype, triangles.dtype) == (np.float32, np.int32)
    assert_closed(fewer, triangles)
    assert volume_of(fewer, triangles) == pytest.approx(volume_of(vertices, faces), rel=volume)
    assert farthest(vertices, fewer, triangles) < distance


def test_the_count_of_the_mesh_or_more_leaves_it(figure):
    vertices, faces = figure
    for count in (len(faces), 10 * len(faces)):
        same_vertices, same_faces = decimate(vertices, faces, count)
        np.testing.assert_array_equal(same_vertices, vertices)
        np.testing.assert_array_equal(same_faces, faces)
    assert len(faces) - 2 <= len(decimate(vertices, faces, len(faces) - 1)[1]) < len(faces)


def test_the_same_mesh_gives_the_same_result(figure):
    first, second = decimate(*figure, 500), decimate(*figure, 500)
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])


@pytest.mark.parametrize("count", [2000, 10_000])
def test_pinched_edges_are_repaired(sponge, count):
    """The collapses alone leave dozens of edges with four faces in a mesh of so many holes."""
    fewer, triangles = decimate(*sponge, count)
    assert len(triangles) <= count
    assert_closed(fewer, triangles)
    assert volume_of(fewer, triangles) == pytest.approx(volume_of(*sponge), rel=0.2)


def test_too_few_faces_are_refused_with_a_next_step(sponge):
    with pytest.raises(EngineError) as caught:
        decimate(*sponge, 100)
    assert caught.value.code == "bad_settings"
    assert "100 faces" in caught.value.text
    assert "more faces" in caught.value.hint


def test_colours_are_the_mean_of_what_a_vertex_stands_for(figure):
    vertices, faces = figure
    fewer, _ = decimate(vertices, faces, 600)
    upper = vertices[:, 1] > 0
    colours = np.where(upper[:, None], (200, 100, 0, 255), (0, 100, 200, 255)).astype(np.uint8)
    colours[::2, 1] = 0  # detail finer than the new mesh
    carried = nearest_colours(colours, vertices, fewer)
    assert carried.dtype == np.uint8
    assert (carried[fewer[:, 1] > 0.2][:, [0, 2, 3]] == (200, 0, 255)).all()
    assert (carried[fewer[:, 1] < -0.2][:, [0, 2, 3]] == (0, 200, 255)).all()
    assert np.abs(carried[:, 1].astype(int) - 50).mean() < 15
    assert (nearest_colours(colours[:1], vertices[:1], fewer) == colours[0]).all()  # none is left black


@pytest.fixture
def started(monkeypatch):
    """The processes that reducing a mesh has started; each mesh of more than 2000 faces starts one."""
    processes = []
    monkeypatch.setattr(collapse, "AT_ONCE", 2000)
    monkeypatch.setattr(subprocess, "Popen", lambda *command, start=subprocess.Popen, **options: (
        processes.append(start(*command, **options)) or processes[-1]))
    return processes


def test_a_large_mesh_is_reduced_in_a_process_of_its_own_to_the_same(figure, started, monkeypatch):
    asked = []
    there = decimate(*figure, 1000, lambda: asked.append(started[0].returncode))
    assert len(started) == 1
    assert asked
    assert set(asked) == {None}
    monkeypatch.setattr(collapse, "AT_ONCE", len(figure[1]))
    here = decimate(*figure, 1000)
    assert len(started) == 1
    np.testing.assert_array_equal(there[0], here[0])
    np.testing.assert_array_equal(there[1], here[1])


def test_a_cancel_ends_that_process(figure, started):
    def cancel():
        raise Cancelled

    with pytest.raises(Cancelled):
        decimate(*figure, 1000, cancel)
    assert [process.returncode != 0 for process in started] == [True]
    assert not is_running(started[0].pid)


def test_a_failure_of_that_process_is_told_with_its_reason(figure, started, monkeypatch):
    monkeypatch.setattr(collapse, "_packed", lambda *mesh: b"")
    with pytest.raises(RuntimeError, match="reducing the mesh failed: EOFError"):
        decimate(*figure, 1000)
    assert len(started) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell who ended a process")
def test_the_systems_end_of_that_process_is_a_lack_of_memory(figure, started):
    with pytest.raises(MemoryError):
        decimate(*figure, 1000, lambda: started[0].kill())
