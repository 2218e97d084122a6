# SPDX-License-Identifier: GPL-3.0-or-later
"""The coarse level's mesh is shown early, and showing it changes nothing."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from engine.photo import from_pixels, load_photo
from engine.pipeline import reconstruct
from engine.settings import Settings
from engine.weights import DEFAULT_WEIGHTS, load_weights
from tests.engine.test_pipeline import SHIRT, SMALL, person, run, stand_in
from tests.engine.trained import SAMPLES


def test_a_preview_stands_where_the_mesh_will_before_the_fine_level_is_encoded():
    told, previews = [], []

    def show(preview):
        previews.append(preview)
        assert "surface" not in {stage for stage, *_ in told}
        assert weights.network.calls[-1] == ("coarse", (1, 3, 64, 64))

    settings = dataclasses.replace(SMALL, resolution=128, topology="quads")
    weights = stand_in()
    result = reconstruct(
        from_pixels(person()), weights, weights, settings, lambda *call: told.append(call), show
    )
    (preview,) = previews
    assert preview.faces.shape[1] == 3
    assert preview.faces.max() < len(preview.vertices) == len(preview.colors) < len(result.vertices) / 2
    np.testing.assert_allclose(preview.vertices.min(axis=0), result.vertices.min(axis=0), atol=0.05)
    np.testing.assert_allclose(preview.vertices.max(axis=0), result.vertices.max(axis=0), atol=0.05)
    assert np.ptp(preview.vertices[:, 2]) == pytest.approx(2.0, abs=1e-4)
    upper = preview.colors[preview.vertices[:, 2] > 1.2]
    np.testing.assert_allclose(np.median(upper, axis=0), (*SHIRT, 255), atol=8)


def test_there_is_no_preview_of_a_mesh_that_is_hardly_finer():
    weights = stand_in()
    settings = dataclasses.replace(SMALL, resolution=96)
    reconstruct(from_pixels(person()), weights, weights, settings, lambda *_: None, pytest.fail)


@pytest.mark.parametrize("coarse", ["as the fine one", "blind", "broken"])
def test_a_preview_changes_nothing_and_a_coarse_level_that_sees_nobody_shows_none(coarse):
    weights, previews = stand_in(), []
    fill = {"as the fine one": None, "blind": 0.0, "broken": float("nan")}[coarse]
    if fill is not None:
        weights.network.coarse_features = lambda image, maps: [torch.full_like(image[:, :1], fill)]
    settings = dataclasses.replace(SMALL, resolution=128)
    plain = run(person(), weights, settings)
    shown = reconstruct(
        from_pixels(person()), weights, weights, settings, lambda *_: None, previews.append)
    assert len(previews) == (1 if fill is None else 0)
    assert shown.info == plain.info
    for name in ("vertices", "faces", "colors", "normals_front", "normals_back"):
        assert getattr(shown, name).tobytes() == getattr(plain, name).tobytes()


def test_the_embedded_weights_show_the_person_they_then_reconstruct():
    weights, previews = load_weights(DEFAULT_WEIGHTS), []
    photo = load_photo((SAMPLES / "person_1.jpg").read_bytes())
    settings = Settings(resolution=128, height=1.7)
    plain = reconstruct(photo, weights, weights, settings, lambda *_: None)
    shown = reconstruct(photo, weights, weights, settings, lambda *_: None, previews.append)
    assert shown.vertices.tobytes() == plain.vertices.tobytes()
    assert shown.faces.tobytes() == plain.faces.tobytes()
    (preview,) = previews
    for first, second in ((preview, shown), (shown, preview)):
        away = cKDTree(first.vertices).query(second.vertices)[0]
        assert away.mean() < 0.03  # metres, a cell of the preview's grid; measured: 0.014, 0.007
    assert np.abs(preview.colors.mean(axis=0) - shown.colors.mean(axis=0)).max() < 12  # measured: 3.5
