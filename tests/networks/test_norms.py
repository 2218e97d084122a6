# SPDX-License-Identifier: GPL-3.0-or-later
"""Norms of other checkpoints: in implicit functions, where a picture freezes them, and in encoders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from engine.networks import PIFuHD
from engine.networks.mlp import MLP
from engine.weights import load_weights, random_weights, save_weights
from engine.weights.presets import MLPNorm, Preset
from tests.tiny import TINY

WIDTHS, RESIDUAL = (9, 64, 32, 32, 1), (1, 3)


def function(norm: MLPNorm) -> MLP:
    """With norms that are told from doing nothing, and statistics of their own."""
    torch.manual_seed(3)
    mlp = MLP(WIDTHS, RESIDUAL, norm).eval()
    for layer in mlp.norms:
        nn.init.normal_(layer.weight, 1.0, 0.3)
        nn.init.normal_(layer.bias, 0.0, 0.3)
        if isinstance(layer, nn.BatchNorm1d):
            nn.init.normal_(layer.running_mean)
            nn.init.uniform_(layer.running_var, 0.3, 3.0)
    return mlp


def points(count: int = 300) -> torch.Tensor:
    return torch.randn(1, WIDTHS[0], count, generator=torch.Generator().manual_seed(4)) * 2 + 1


@pytest.mark.parametrize("norm, stored", [("none", 0), ("group", 2), ("batch", 5)])
def test_norms_follow_each_layer_but_the_last_under_their_names(norm: MLPNorm, stored: int) -> None:
    state = function(norm).state_dict()
    names = [name for name in state if name.startswith("norms.")]
    assert len(names) == 3 * stored
    assert {name.split(".")[1] for name in names} == ({"0", "1", "2"} if stored else set())
    assert ("norms.1.weight" in state) == bool(stored)


@pytest.mark.parametrize("norm", ["none", "group", "batch"])
@torch.inference_mode()
def test_affines_of_a_set_give_what_the_norms_give_it(norm: MLPNorm) -> None:
    mlp, x = function(norm), points()
    affines = mlp.affines(x)
    assert len(affines) == len(mlp.filters)
    assert affines[-1] is None
    assert [a is None for a in affines[:-1]] == [norm == "none"] * 3
    for affine, layer in zip(affines[:-1], mlp.filters):
        if affine is not None:
            assert [part.shape for part in affine] == [(layer.out_channels,)] * 2
    for found, expected in zip(mlp(x, 1, affines), mlp(x, 1)):
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_group_norms_depend_on_the_chunk_and_their_affines_do_not() -> None:
    mlp, x = function("group"), points()
    whole, chunks = mlp(x)[0], x.split(70, 2)
    assert (torch.cat([mlp(chunk)[0] for chunk in chunks], 2) - whole).abs().max() > 1e-2
    affines = mlp.affines(x)
    frozen = torch.cat([mlp(chunk, affines=affines)[0] for chunk in chunks], 2)
    torch.testing.assert_close(frozen, whole, atol=1e-5, rtol=1e-4)


def test_group_norms_ask_for_a_reference_and_others_need_none() -> None:
    with pytest.raises(ValueError, match="reference input"):
        function("group").affines(None)
    assert function("none").affines(None) == [None] * 4
    assert sum(affine is not None for affine in function("batch").affines(None)) == 3


@torch.inference_mode()
def test_batch_norms_use_the_statistics_of_the_training() -> None:
    mlp, x = function("batch"), points()
    chunks = torch.cat([mlp(chunk)[0] for chunk in x.split(70, 2)], 2)
    torch.testing.assert_close(chunks, mlp(x)[0], atol=1e-5, rtol=1e-4)
    mlp.norms[0].running_mean += 1
    assert (mlp(x)[0] - chunks).abs().max() > 1e-2


def normed(mlp_norm: MLPNorm) -> Preset:
    """TINY with batch norms in the encoders and norms in functions that 32 groups divide."""
    coarse = replace(
        TINY.coarse, encoder=replace(TINY.coarse.encoder, norm="batch"), mlp=(17, 64, 32, 32, 32, 1),
        mlp_norm=mlp_norm,
    )  # fmt: skip
    assert TINY.fine is not None
    fine = replace(TINY.fine, mlp=(40, 32, 32, 1), residual=(1,), mlp_norm=mlp_norm)
    return replace(TINY, name="normed", coarse=coarse, fine=fine)


@pytest.mark.parametrize("mlp_norm", ["none", "group", "batch"])
@torch.inference_mode()
def test_networks_with_other_norms_come_back_from_their_files(tmp_path: Path, mlp_norm: MLPNorm) -> None:
    network = random_weights(normed(mlp_norm), 1).network
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(layer.running_var, 0.5, 2.0)
            nn.init.normal_(layer.running_mean)
    path = tmp_path / "normed.safetensors"
    save_weights(path, network, {}, torch.float32)
    loaded = load_weights(path)
    assert loaded.preset == normed(mlp_norm)

    def occupancy(network: PIFuHD) -> torch.Tensor:
        generator = torch.Generator().manual_seed(1)
        image, fine = (torch.rand(1, 3, side, side, generator=generator) for side in (64, 128))
        features = network.encode(image, fine, network.predict_normals(image))
        return network.occupancy(features, torch.rand(50, 3, generator=generator))

    found = occupancy(loaded.network)
    assert torch.equal(found, occupancy(network))
    assert found.std() > 0


@pytest.mark.parametrize(
    "level",
    [
        {"mlp_norm": "group"},
        {"mlp_norm": "instance"},
        {"mlp": (17, 32, 32, 32, 40, 1), "mlp_norm": "group"},
    ],
)
def test_norms_that_do_not_fit_are_refused(level: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"groups do not divide|with the norm"):
        replace(TINY.coarse, **level)
