# SPDX-License-Identifier: GPL-3.0-or-later
"""The main path with real, untrained networks, of presets with normals and without."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from engine.errors import EngineError
from engine.weights import LoadedWeights, random_weights
from tests.engine.test_pipeline import SMALL, person, run, stand_in
from tests.tiny import TINY


def random_start(seed):
    """Random networks, their last layer steepened so that occupancy crosses 0.5."""
    weights = random_weights(TINY, seed)
    with torch.no_grad():
        list(weights.network.mlp.parameters())[-2].mul_(40)
    return weights


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_random_networks_go_the_whole_way_and_give_the_same_bytes_twice(precision):
    settings = dataclasses.replace(SMALL, box=(60.0, 40.0, 190.0, 260.0), precision=precision)
    outcomes = []
    for _ in range(2):
        weights = random_start(5)
        assert isinstance(weights, LoadedWeights)
        result = run(person(), weights, settings)
        outcomes.append((result.vertices.tobytes(), result.faces.tobytes(), result.colors.tobytes(),
                         result.normals_front.tobytes(), json.dumps(result.info)))
    assert outcomes[0] == outcomes[1]
    assert result.info["precision"] == precision
    assert len(outcomes[0][1]) > 0


def test_given_normals_take_the_place_of_the_networks():
    """Their own maps give the same surface but for the rounding to 8 bits, others another one."""
    # random networks make more of the pictures' rounding than the bound allows where layers round as well
    settings = dataclasses.replace(SMALL, box=(60.0, 40.0, 190.0, 260.0), precision="float32")
    weights = random_start(5)
    own = run(person(), weights, settings)
    front, back = own.normals_front, own.normals_back
    again = run(person(), weights, settings, normals=(front, back))
    assert cKDTree(own.vertices).query(again.vertices)[0].mean() < 0.0005  # metres; a grid cell has 30 mm
    assert (abs(again.normals_front.astype(int) - front) <= 1).all()
    assert (own.info["normals_given"], again.info["normals_given"]) == (False, True)

    painted = front.copy()
    painted[20:40, 20:40] = 255, 255, 0
    other = run(person(), weights, settings, normals=(painted, back))
    assert cKDTree(own.vertices).query(other.vertices)[0].mean() > 0.002


def test_maps_that_do_not_fit_the_weights_are_refused():
    maps = np.zeros((2, 32, 32, 3), np.uint8)
    with pytest.raises(EngineError, match="A normal map has 32 x 32 pixels where these weights have 64 x 64"):
        run(person(), stand_in(), SMALL, normals=(maps[0], maps[1]))
    with pytest.raises(EngineError, match="These weights use no normal maps") as caught:
        run(person(), stand_in(maps=False), SMALL, guide=stand_in(span=1.2), normals=(maps[0], maps[1]))
    assert caught.value.code == "bad_settings"


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
