# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a mesh's metres come from: the user's span, the mesh's extent, or the networks' estimate."""

import numpy as np
import pytest

from engine.scale import find_scale


def standing(extent: float) -> np.ndarray:
    """Two vertices that far apart in height."""
    return np.array([[0.0, -extent / 2, 0.0], [0.1, extent / 2, 0.2]])


def test_somebody_upright_and_whole_is_as_tall_as_their_mesh():
    scale = find_scale(standing(1.6), 1.8, None, 1.3, whole=True)
    assert (scale.source, scale.metres_per_unit) == ("extent", pytest.approx(1.8 / 1.6))
    assert scale.statures == pytest.approx(1.6 * 1.3 / 2)


@pytest.mark.parametrize("extent, whole", [(1.1, True), (1.9, True), (1.5, False)])
def test_somebody_sitting_reaching_up_or_cut_is_measured_by_the_estimate(extent, whole):
    scale = find_scale(standing(extent), 1.8, None, 1.3, whole)
    assert (scale.source, scale.metres_per_unit) == ("estimate", pytest.approx(1.8 * 1.3 / 2))


def test_without_an_estimate_the_extent_is_all_there_is():
    scale = find_scale(standing(0.7), 1.8, None, None, whole=False)
    assert (scale.source, scale.metres_per_unit, scale.statures) == ("extent", pytest.approx(1.8 / 0.7), None)


def test_the_users_span_goes_before_everything():
    scale = find_scale(standing(1.6), 1.8, 2.6, 1.3, whole=True)
    assert (scale.source, scale.metres_per_unit) == ("span", pytest.approx(1.3))


def test_a_flat_mesh_needs_an_estimate():
    assert find_scale(np.zeros((3, 3)), 1.8, None, 1.2, whole=True).source == "estimate"
    with pytest.raises(ValueError, match="vertical"):
        find_scale(np.zeros((3, 3)), 1.8, None, None, whole=True)
