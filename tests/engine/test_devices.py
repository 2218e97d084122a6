# SPDX-License-Identifier: GPL-3.0-or-later
"""Which device computes, in which precision, and that the trained weights' mesh hardly notices."""

import dataclasses

import numpy as np
import pytest
import torch

from engine import pipeline
from engine.devices import choose_device, choose_precision, surface_device, threads
from engine.errors import EngineError
from engine.photo import from_pixels
from engine.pipeline import in_camera_space, reconstruct
from engine.settings import Settings
from engine.weights import DEFAULT_WEIGHTS, load_weights
from tests.engine.trained import sample
from training.evaluation.distances import Surface

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize("has, chosen", [
    ({"amx_bf16": True, "avx512_bf16": True}, torch.bfloat16),
    ({"amx_bf16": False, "avx512_bf16": True}, torch.float32),
    ({"bf16": True}, torch.float32),
])
def test_bfloat16_is_chosen_where_a_matrix_unit_makes_it_faster(monkeypatch, has, chosen):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has)
    assert choose_precision("auto", CPU) == chosen
    assert choose_precision("auto", CUDA) == choose_precision("float32", CPU) == torch.float32
    assert choose_precision("bfloat16", CPU) == torch.bfloat16


@pytest.mark.parametrize("name, device, sentence", [
    ("bfloat16", CUDA, "The cuda device computes in float32 only."), ("half", CPU, "'half' is unknown"),
])
def test_a_precision_that_cannot_be_had_is_refused(name, device, sentence):
    with pytest.raises(EngineError, match=sentence) as caught:
        choose_precision(name, device)
    assert caught.value.code == "bad_settings"
    assert "auto" in caught.value.hint


def test_the_trained_weights_mesh_in_bfloat16_is_float32s():
    """The bounds are those of the promise, a tenth of a voxel on average and half of one at the 99th
    percentile, less a factor of five: 0.005 and 0.02 were measured."""
    weights, photo = load_weights(DEFAULT_WEIGHTS), from_pixels(sample("person_1.jpg"))
    settings = Settings(resolution=128, device="cpu", colour="none", precision="float32")
    exact, rounded = (
        in_camera_space(reconstruct(photo, weights, weights, chosen, lambda *_: None))
        for chosen in (settings, dataclasses.replace(settings, precision="bfloat16")))
    assert exact.vertices.tobytes() != rounded.vertices.tobytes()
    for one, other in ((exact, rounded), (rounded, exact)):
        away = Surface(one.vertices[one.faces]).distance(other.vertices) * settings.resolution / 2
        assert away.mean() < 0.02
        assert np.quantile(away, 0.99) < 0.1
    for one, other in zip((exact.normals_front, exact.normals_back),
                          (rounded.normals_front, rounded.normals_back), strict=True):
        assert np.abs(one.astype(int) - other).mean() < 0.5  # of 255


def test_a_device_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto").type == choose_device("cpu").type == "cpu"
    with pytest.raises(EngineError) as caught:
        choose_device("cuda")
    assert caught.value.code == "bad_settings"


def test_the_surface_is_computed_where_the_networks_are_unless_that_lacks_float64():
    assert surface_device(CUDA) == CUDA
    assert surface_device(CPU) == surface_device(torch.device("mps")) == CPU


def test_the_number_of_threads_is_as_before_afterwards():
    before = torch.get_num_threads()
    with threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
    with pytest.raises(RuntimeError, match="within"), threads(before + 1):
        raise RuntimeError("within")
    assert torch.get_num_threads() == before


def test_the_networks_have_all_threads_and_the_surface_one(monkeypatch):
    weights, photo = load_weights(DEFAULT_WEIGHTS), from_pixels(sample("person_1.jpg"))
    seen = {}

    def watched(owner, name):
        function = getattr(owner, name)

        def call(*arguments, **options):
            seen.setdefault(name, set()).add(torch.get_num_threads())
            return function(*arguments, **options)

        monkeypatch.setattr(owner, name, call)

    for owner, name in ((weights.network, "occupancy"), (weights.network, "with_norms"),
                        (pipeline, "isosurface"), (pipeline, "colour_vertices")):
        watched(owner, name)
    with threads(3):
        reconstruct(photo, weights, weights, Settings(resolution=64, device="cpu"), lambda *_: None)
    assert seen == {"occupancy": {3}, "with_norms": {3}, "isosurface": {1}, "colour_vertices": {1}}
