# SPDX-License-Identifier: GPL-3.0-or-later
"""The networks' layers in bfloat16 against the plain float32 ones, on random inputs and weights."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional

from engine.networks import PIFuHD
from engine.networks.columns import along_columns
from engine.networks.hourglass import doubled
from engine.networks.mlp import MLP
from engine.networks.normal import GlobalGenerator
from engine.weights import random_weights
from engine.weights.presets import NormalNets, Preset
from tests.networks.test_columns import SINGLE, features_of, normed, points_in_columns, steep
from tests.tiny import TINY

BATCH = replace(
    TINY, name="tiny batch norms",
    coarse=replace(TINY.coarse, encoder=replace(TINY.coarse.encoder, norm="batch")),
    fine=replace(TINY.fine, encoder=replace(TINY.fine.encoder, norm="batch")),
)  # fmt: skip
PAIRED = replace(TINY, name="tiny pair", normals=NormalNets(False, (8, 8, 16), 1))


def rounded() -> torch.autocast:
    return torch.autocast("cpu", torch.bfloat16, cache_enabled=False)


def off(one: torch.Tensor, other: torch.Tensor) -> float:
    """How far apart they are on average, as a share of how far values are from their mean."""
    return float((one - other).abs().mean() / (other - other.mean()).abs().mean())


def seen(network: PIFuHD, side: int) -> torch.Tensor:
    picture = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(side)) * 2 - 1
    return picture.contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("preset", [TINY, BATCH, PAIRED], ids=lambda preset: preset.name)
def test_maps_and_features_are_float32s_but_for_the_rounding(preset: Preset) -> None:
    network = random_weights(preset, 2).network
    network.to(memory_format=torch.channels_last)
    coarse, fine = seen(network, preset.coarse_size), seen(network, preset.fine_size)
    with torch.inference_mode():
        maps = network.predict_normals(coarse)
        features = network.encode(coarse, fine, maps)
        with rounded():
            rounded_maps = network.predict_normals(coarse)
            rounded_features = network.encode(coarse, fine, maps)
    pairs = [(getattr(rounded_maps, name), getattr(maps, name)) for name in ("front", "back")]
    pairs += [(getattr(rounded_features, name), getattr(features, name)) for name in ("coarse", "fine")]
    for one, other in pairs:
        assert one.dtype == torch.float32
        assert 1e-5 < off(one, other) < 0.05  # 2^-9 a layer; there are dozens


@pytest.mark.parametrize(
    "preset", [TINY, SINGLE, normed("batch"), normed("group")], ids=lambda preset: preset.name
)
def test_points_are_answered_as_in_float32_but_for_the_rounding(preset: Preset) -> None:
    network = steep(random_weights(preset, 2).network)
    features, points = features_of(preset), points_in_columns(40, 9, reach=1.1)
    with torch.inference_mode():
        fixed = network.with_norms(features, points)
        plain = network.occupancy(fixed, points)
        with rounded():
            fast = network.occupancy(fixed, points)
    assert fast.dtype == torch.float32
    assert plain.max() - plain.min() > 0.05
    assert 1e-6 < off(fast, plain) < 0.05
    assert torch.equal(fast == 0, plain == 0)


def test_a_depth_keeps_its_digits() -> None:
    """What thousands of outputs agree on is the depth that they were given; 0.6425 rounds to 0.6406."""
    mlp, weight = MLP((2, 4096, 1), ()), torch.rand(4096, generator=torch.Generator().manual_seed(1)) + 0.5
    with torch.no_grad():
        mlp.filters[0].weight.zero_()
        mlp.filters[0].weight[:, 1, 0] = weight
        mlp.filters[0].bias.zero_()
    depth = torch.tensor([[0.6425]])
    with torch.inference_mode(), rounded():
        given = along_columns(mlp, torch.zeros(1, 1), torch.zeros(1, dtype=torch.int64), depth, [None] * 2, 0)
    assert given.dtype == torch.bfloat16
    assert (given[0].float() @ weight / (weight @ weight)).item() == pytest.approx(0.6425, abs=2e-4)


def test_the_generators_norm_is_an_instance_norm() -> None:
    generator = GlobalGenerator((8, 8, 16), 1)
    norms = [layer for layer in generator.modules() if isinstance(layer, nn.GroupNorm)]
    assert len(norms) == 3 + 2 + 2
    values = torch.randn(2, 8, 64, 48, generator=torch.Generator().manual_seed(2)) * 2 + 3
    values = values.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(norms[0](values), functional.instance_norm(values), atol=1e-4, rtol=0)


@pytest.mark.parametrize("dtype, bound", [(torch.float32, 1e-6), (torch.bfloat16, 0.005)])
def test_a_map_is_doubled_by_products_as_by_interpolation(dtype: torch.dtype, bound: float) -> None:
    values = torch.randn(2, 8, 16, 6, generator=torch.Generator().manual_seed(2)).to(dtype)
    expected = functional.interpolate(values.float(), scale_factor=2, mode="bicubic", align_corners=True)
    by_products = doubled(values.contiguous(memory_format=torch.channels_last))
    assert by_products.dtype == dtype
    assert by_products.is_contiguous(memory_format=torch.channels_last)
    assert 0 < off(by_products.float(), expected) < bound
    torch.testing.assert_close(doubled(values).float(), expected, atol=0.03 if bound > 1e-3 else 0, rtol=0)
