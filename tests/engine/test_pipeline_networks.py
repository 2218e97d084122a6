# SPDX-License-Identifier: GPL-3.0-or-later
"""The main path with real, untrained networks, of presets with normals and without."""

import dataclasses
import json

import pytest
import torch

from engine.weights import LoadedWeights, random_weights
from tests.engine.test_pipeline import SMALL, person, run, stand_in
from tests.tiny import TINY


def random_start(seed):
    """Random networks, their last layer steepened so that occupancy crosses 0.5."""
    weights = random_weights(TINY, seed)
    with torch.no_grad():
        list(weights.network.mlp.parameters())[-2].mul_(40)
    return weights


def test_random_networks_go_the_whole_way_and_give_the_same_bytes_twice():
    settings = dataclasses.replace(SMALL, box=(60.0, 40.0, 190.0, 260.0))
    outcomes = []
    for _ in range(2):
        weights = random_start(5)
        assert isinstance(weights, LoadedWeights)
        result = run(person(), weights, settings)
        outcomes.append((result.vertices.tobytes(), result.faces.tobytes(), result.colors.tobytes(),
                         result.normals_front.tobytes(), json.dumps(result.info)))
    assert outcomes[0] == outcomes[1]
    assert len(outcomes[0][1]) > 0


def without_normals(preset, fine):
    """A small preset built like `pifuhd-no-normals`, or like `pifu` without the fine level."""
    return dataclasses.replace(
        preset, name="small", padding="black", normals=None, coarse=picture_alone(preset.coarse),
        fine=picture_alone(preset.fine) if fine else None, fine_size=preset.fine_size if fine else 0)


def picture_alone(level):
    """The level without normals in its encoder's input."""
    return dataclasses.replace(level, encoder=dataclasses.replace(level.encoder, in_channels=3))


@pytest.mark.parametrize("fine", [True, False])
def test_presets_without_normals_go_the_same_way(fine):
    weights = random_weights(without_normals(TINY, fine), 3)
    with torch.no_grad():
        last = weights.network if fine else weights.network.netG
        list(last.mlp.parameters())[-2].mul_(40)  # so that occupancy crosses 0.5
    guide = stand_in(span=1.2)
    result = run(person(), weights, SMALL, guide=guide)
    assert len(result.faces) > 0
    assert result.normals_front is None
    assert result.info["guide"] == guide.sha256
