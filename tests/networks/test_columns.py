# SPDX-License-Identifier: GPL-3.0-or-later
"""Evaluating depth columns together gives what evaluating points by themselves does."""

from dataclasses import replace

import pytest
import torch

from engine.networks import Features, PIFuHD
from engine.networks.columns import columns_of
from engine.weights import PRESETS, random_weights
from engine.weights.presets import Level, Preset
from tests.tiny import TINY


def plain(network: PIFuHD, features: Features, points: torch.Tensor) -> torch.Tensor:
    """Occupancy by the whole MLPs, each point for itself, as in training; norms over all of points."""
    logits, omega = network.netG.query(features.coarse, points[None])
    inside = (points.abs() <= 1).all(1)
    if features.fine is not None:
        logits = network.query_fine(features.fine, points[None], omega)
        inside = (points[:, :2].abs() <= 1).all(1)
    return torch.sigmoid(logits[0]) * inside


def features_of(preset: Preset, side: int = 24) -> Features:
    generator = torch.Generator().manual_seed(3)
    levels = [preset.coarse] if preset.fine is None else [preset.coarse, preset.fine]
    maps = [torch.randn(1, level.encoder.out_channels, side, side, generator=generator) for level in levels]
    return Features(maps[0], maps[1] if len(maps) > 1 else None)


def points_in_columns(columns: int, deep: int, reach: float = 1.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(4)
    place = (torch.rand(columns, 1, 2, generator=generator) * 2 - 1) * reach
    depth = (torch.rand(columns, deep, 1, generator=generator) * 2 - 1) * reach
    return torch.cat([place.expand(-1, deep, -1), depth], 2).reshape(-1, 3)


def steep(network: PIFuHD) -> PIFuHD:
    """Random weights answer 0.5 everywhere; with a steeper last layer they cover (0, 1)."""
    with torch.no_grad():
        for mlp in [network.netG.mlp] + ([network.mlp] if network.preset.fine else []):
            mlp.filters[-1].weight.mul_(8)
            for norm in mlp.norms:
                norm.weight.uniform_(0.5, 1.5)
                norm.bias.uniform_(-0.5, 0.5)
                if isinstance(norm, torch.nn.BatchNorm1d):
                    norm.running_mean.uniform_(-0.3, 0.3)
                    norm.running_var.uniform_(0.5, 2.0)
    return network


def normed(kind: str) -> Preset:
    def level(of: Level, mlp: tuple[int, ...], residual: tuple[int, ...]) -> Level:
        return replace(of, mlp=mlp, residual=residual, mlp_norm=kind)

    coarse = level(TINY.coarse, (17, 64, 32, 32, 32, 1), (2, 3, 4))
    return replace(TINY, name=kind, coarse=coarse, fine=level(TINY.fine, (40, 64, 32, 1), (1,)))


SINGLE = replace(TINY, name="tiny single", fine=None, fine_size=0)
ODD = replace(TINY, name="tiny odd", coarse=replace(TINY.coarse, residual=(1, 4)),
              fine=replace(TINY.fine, residual=()))


@pytest.mark.parametrize(
    "preset",
    [TINY, SINGLE, ODD, normed("batch"), normed("group"), PRESETS["pifu"], PRESETS["pifuhd-no-normals"]],
    ids=lambda preset: preset.name,
)  # fmt: skip
def test_columns_give_what_points_give(preset: Preset) -> None:
    network = steep(random_weights(preset, 2).network)
    features, points = features_of(preset), points_in_columns(40, 9, reach=1.1)
    with torch.inference_mode():
        expected = plain(network, features, points)
        assert expected.max() - expected.min() > 0.05
        assert (expected == 0).any()
        torch.testing.assert_close(network.occupancy(features, points), expected, atol=1e-5, rtol=0)


def test_points_that_share_no_column_are_answered_too() -> None:
    network, features = steep(random_weights(TINY, 2).network), features_of(TINY)
    points = points_in_columns(300, 1)
    with torch.inference_mode():
        expected = plain(network, features, points)
        torch.testing.assert_close(network.occupancy(features, points), expected, atol=1e-5, rtol=0)


def test_columns_are_runs_of_equal_pixels() -> None:
    points = torch.tensor([[1.0, 2, 5], [1, 2, 6], [1, 3, 6], [1, 2, 7], [1, 2, 8]])
    columns, column = columns_of(points)
    assert column.tolist() == [0, 0, 1, 2, 2]
    assert torch.equal(columns, points[[0, 2, 3]])


@pytest.mark.parametrize("kind", ["none", "batch", "group"])
def test_with_norms_of_the_picture_answers_do_not_depend_on_the_batch(kind: str) -> None:
    network = steep(random_weights(normed(kind) if kind != "none" else TINY, 2).network)
    features, points = features_of(network.preset), points_in_columns(40, 9)
    with torch.inference_mode():
        fixed = network.with_norms(features, points)
        together = network.occupancy(fixed, points)
        torch.testing.assert_close(together, plain(network, features, points), atol=1e-5, rtol=0)
        chunks = torch.cat([network.occupancy(fixed, part) for part in points.split(50)])
        torch.testing.assert_close(chunks, together, atol=1e-6, rtol=0)
        loose = torch.cat([network.occupancy(features, part) for part in points.split(50)])
        assert (loose - together).abs().max() > 1e-3 or kind != "group"


def test_the_coarse_functions_last_layers_are_not_evaluated_where_the_fine_level_decides() -> None:
    network, features = steep(random_weights(TINY, 2).network), features_of(TINY)
    points = points_in_columns(5, 5)
    with torch.inference_mode():
        before = network.occupancy(features, points)
        for layer in list(network.netG.mlp.filters)[TINY.omega_layer + 1 :]:
            layer.weight.fill_(torch.nan)
        assert torch.equal(network.occupancy(features, points), before)
