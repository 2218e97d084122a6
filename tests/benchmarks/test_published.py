# SPDX-License-Identifier: GPL-3.0-or-later
"""The published procedure as the benchmarks run it: what it asks and fills, and that its mesh is ours."""

import numpy as np
import pytest
import torch

from benchmarks import published_grid
from benchmarks.ours import reconstruct_watched
from benchmarks.published import reconstruct
from benchmarks.report import OURS, PUBLISHED
from benchmarks.stopwatch import Resident, Stopwatch
from benchmarks.sweep import distances
from engine.photo import load_photo
from engine.sight import Sight
from tests.benchmarks.subjects import PAIRED, RADII, ellipsoid, tiny_subject


def watch():
    return Stopwatch(torch.device("cpu"), Resident())


@pytest.mark.parametrize(
    "resolution, median, p99",
    [(64, 1e-4, 1e-4), (128, 1e-3, 0.1)],  # voxels; at 64 every node is asked, at 128 cells are filled
)
def test_its_mesh_is_the_engines(tmp_path, resolution, median, p99):
    subject = tiny_subject(tmp_path)
    ours = reconstruct_watched(subject, resolution, watch(), tmp_path / "ours.obj")
    theirs = reconstruct(subject, resolution, watch(), tmp_path / "published.obj")
    apart = distances(ours.vertices, theirs.vertices, 2 / resolution)
    assert apart["median"] < median
    assert apart["theirs_median"] < median
    assert apart["p99"] < p99
    assert apart["theirs_p99"] < p99
    assert len(ours.vertices) == pytest.approx(len(theirs.vertices), rel=0.005)
    heads = [(tmp_path / name).read_text().count("\nv ") for name in ("ours.obj", "published.obj")]
    assert heads == [len(ours.vertices), len(theirs.vertices)]


def test_its_colours_are_the_fields_normals_and_its_faces_look_outward(tmp_path):
    outcome = reconstruct(tiny_subject(tmp_path), 64, watch(), tmp_path / "published.obj")
    true = outcome.vertices / RADII**2
    true /= np.linalg.norm(true, axis=1, keepdims=True)
    # A step of a quarter of the field's width bends the slope: 3 degrees are 7 of 255.
    assert np.abs(outcome.colors[:, :3] - (true + 1) * 127.5).max() < 7
    a, b, c = (outcome.vertices[outcome.faces[:, corner]] for corner in range(3))
    assert (np.einsum("ij,ij->i", np.cross(b - a, c - a), a + b + c) > 0).mean() > 0.999


def test_it_asks_each_point_what_the_network_answers_and_counts_them(tmp_path):
    seen = []

    def remembering(points, asked):
        seen.append((points, asked))
        return ellipsoid(points, asked)

    subject = tiny_subject(tmp_path, remembering)
    outcome = reconstruct(subject, 64, watch(), tmp_path / "published.obj")
    points, asked = (torch.cat(parts) for parts in zip(*seen))
    assert outcome.asked == 63**3
    assert outcome.coloured_by == 4 * len(outcome.vertices)
    assert len(points) == outcome.asked + outcome.coloured_by
    photo = load_photo(subject.photo)
    sight = Sight(photo, subject.weights, subject.device)
    some = torch.randperm(len(points), generator=torch.Generator().manual_seed(1))[:5000].sort().values
    with torch.inference_mode():
        crop = subject.crop(photo)
        features = sight.features(crop, None, sight.coarse_features(crop, None))
        expected = subject.weights.network.occupancy(features, points[some])
    torch.testing.assert_close(asked[some], expected, rtol=0, atol=2e-5)
    assert expected.std() > 1e-3


def test_a_grid_without_surface_is_asked_for_once(tmp_path):
    calls = []

    def nowhere(points):
        calls.append(points)
        return np.full(points.shape[1], 0.25)

    values = published_grid.occupancy(nowhere, 128, watch())
    assert [points.shape[1] for points in calls] == [64**3, 0]
    assert calls[0].dtype == np.float64
    np.testing.assert_array_equal(calls[0].max(axis=1), [1 - 4 / 128] * 3)
    assert (values[:-1, :-1, :-1] == 0.25).all()
    assert not values[-1].any(), "the last plane is never asked for"
    assert not values[:, :, -1].any()


def test_cells_are_filled_with_the_middle_of_their_range_and_their_corners_too():
    values = np.zeros((8, 8, 8))
    values[::2, ::2, ::2] = 0.2
    values[2, 2, 2] = 0.24  # agrees with those around
    values[4, 4, 4] = 0.9  # does not
    undecided = np.ones(values.shape, dtype=np.bool_)
    undecided[::2, ::2, ::2] = False
    published_grid.fill_agreeing(values, undecided, 2)
    assert values[1, 1, 1] == pytest.approx(0.22)
    assert values[0, 0, 0] == pytest.approx(0.22)
    assert undecided[3, 3, 3]
    assert values[3, 3, 3] == 0.0
    assert undecided[7, 1, 1], "the last cell of an axis is never filled"
    assert not undecided[:3, :3, :3].any()


def test_the_silhouette_of_random_normal_nets_does_not_make_the_engine_search_elsewhere(tmp_path):
    plain, paired = (
        reconstruct_watched(subject, 64, watch(), tmp_path / "ours.obj")
        for subject in (tiny_subject(tmp_path), tiny_subject(tmp_path, preset=PAIRED))
    )
    assert paired.normals_front is not None
    assert paired.info["asked"] == plain.info["asked"]


def test_the_stages_of_both_are_those_that_are_reported(tmp_path):
    subject, ours, theirs = tiny_subject(tmp_path), watch(), watch()
    reconstruct_watched(subject, 128, ours, tmp_path / "ours.obj")
    reconstruct(subject, 128, theirs, tmp_path / "published.obj")
    assert set(ours.seconds) == set(OURS)
    assert set(theirs.seconds) == set(PUBLISHED)
    left = vars(subject.weights.network)
    assert not {"occupancy", "predict_normals"} & set(left), "the network is left as it was"
