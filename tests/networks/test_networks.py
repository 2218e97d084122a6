"""Shapes, sizes and small promises of the networks; test_official_forward.py holds their numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from engine.networks import Features, NormalMaps, PIFuHD
from engine.networks.mlp import MLP
from engine.networks.pifuhd import sample
from engine.weights import PRESETS, random_weights
from engine.weights.presets import Preset
from tests.tiny import TINY

KEYS = Path(__file__).with_name("official_keys.txt")


def on_meta(preset: Preset) -> PIFuHD:
    with torch.device("meta"):
        return PIFuHD(preset)


def pictures(seed: int = 0, count: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    sizes = (TINY.coarse_size, TINY.fine_size)
    coarse, fine = (torch.rand(count, 3, size, size, generator=generator) * 2 - 1 for size in sizes)
    return coarse, fine


def test_pifuhd_has_the_keys_and_shapes_of_the_published_checkpoint() -> None:
    published = dict(line.split() for line in KEYS.read_text(encoding="utf-8").splitlines())
    own = {
        key: "x".join(map(str, value.shape)) for key, value in on_meta(PRESETS["pifuhd"]).state_dict().items()
    }
    assert own == published


def test_pifuhd_has_as_many_parameters_as_published() -> None:
    network = on_meta(PRESETS["pifuhd"])

    def count(module: nn.Module) -> int:
        return sum(p.numel() for p in module.parameters())

    coarse = network.netG
    assert count(coarse.netF) == count(coarse.netB) == 182_443_267
    assert (count(coarse.image_filter), count(network.image_filter)) == (14_439_680, 6_262_544)
    assert (count(coarse.mlp), count(network.mlp)) == (1_052_290, 408_577)


def test_compact_is_small_enough_for_a_laptop() -> None:
    preset = PRESETS["compact"]
    network = random_weights(preset, 0).network
    assert sum(p.numel() for p in network.parameters()) <= 12_000_000
    # a quarter of each side is a sixteenth of every convolution, exactly, and spares the test the rest
    image, fine = (torch.zeros(1, 3, s // 4, s // 4) for s in (preset.coarse_size, preset.fine_size))
    operations = []

    def count(layer: nn.Module, _: object, output: torch.Tensor) -> None:
        assert isinstance(layer, nn.Conv2d)
        operations.append(2 * layer.weight[0].numel() * output.numel())

    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    with torch.inference_mode():
        network.encode(image, fine, network.predict_normals(image))
    assert 1e9 < 16 * sum(operations) <= 150e9


@torch.inference_mode()
def test_the_backs_colour_is_told_where_the_preset_has_it_and_changes_nothing_else() -> None:
    assert TINY.normals is not None
    older = replace(TINY, normals=replace(TINY.normals, back_colour=False))
    with_colour, without = random_weights(TINY, 0).network, random_weights(older, 0).network
    state = {
        name: value[:7] if ".head." in name else value for name, value in with_colour.state_dict().items()
    }
    without.load_state_dict(state)
    image, _ = pictures(count=2)
    told, untold = with_colour.predict_normals(image), without.predict_normals(image)
    assert told.back_colour.shape == (2, 3, 64, 64)
    own = ((image + 1) / 2).clamp(0.02, 0.98)
    torch.testing.assert_close(told.back_colour, own, msg="an untrained net copies the picture")
    assert untold.back_colour is None
    for name in ("front", "back", "mask", "span"):
        torch.testing.assert_close(getattr(told, name), getattr(untold, name), msg=name)


@torch.inference_mode()
def test_a_single_level_without_normal_nets_runs_on_the_picture_alone() -> None:
    encoder = replace(TINY.coarse.encoder, in_channels=3)
    single = replace(TINY, normals=None, fine=None, fine_size=0, coarse=replace(TINY.coarse, encoder=encoder))
    network = random_weights(single, 0).network
    image, _ = pictures()
    assert network.predict_normals(image) is None
    with pytest.raises(ValueError, match="no normal nets"):
        network.netG.predict_normals(image)
    features = network.encode(image, None, None)
    assert (features.coarse.shape, features.fine) == ((1, 16, 16, 16), None)
    assert network.occupancy(features, torch.rand(7, 3)).shape == (7,)


def test_a_fine_level_asks_for_its_picture() -> None:
    network = random_weights(TINY, 0).network
    image, _ = pictures()
    with torch.inference_mode(), pytest.raises(ValueError, match="needs the picture at 128 pixels"):
        network.encode(image, None, network.predict_normals(image))


@torch.inference_mode()
def test_occupancy_is_zero_outside_the_cube_and_not_within() -> None:
    network = random_weights(TINY, 1).network
    image, fine = pictures()
    features = network.encode(image, fine, network.predict_normals(image))
    points = torch.tensor([[0.0, 0, 0], [1, -1, 1], [1.01, 0, 0], [0, -1.01, 0], [0, 0, 1.01]])
    occupancy = network.occupancy(features, points)
    assert occupancy.dtype == torch.float32
    assert occupancy[[2, 3]].tolist() == [0, 0]
    # the fine level tests x and y only, as the published network does
    assert (occupancy[[0, 1, 4]] > 0).all()
    assert (occupancy <= 1).all()
    coarse = network.encode(image, fine, network.predict_normals(image)).coarse
    assert network.occupancy(Features(coarse, None), points)[2:].tolist() == [0, 0, 0]


@torch.inference_mode()
def test_a_picture_is_reconstructed_alike_alone_and_in_a_batch() -> None:
    network = random_weights(TINY, 2).network
    image, fine = pictures(count=3)
    points = torch.rand(50, 3) * 2 - 1

    def logits(chosen: slice) -> torch.Tensor:
        features = network.encode(image[chosen], fine[chosen], network.predict_normals(image[chosen]))
        batch = points.expand(len(features.coarse), -1, -1)
        _, omega = network.netG.query(features.coarse, batch)
        assert features.fine is not None
        return network.query_fine(features.fine, batch, omega)

    together = logits(slice(0, 3))
    torch.testing.assert_close(logits(slice(1, 2))[0], together[1], atol=1e-4, rtol=1e-4)
    assert (together[0] - together[1]).abs().max() > 1e-3


@torch.inference_mode()
def test_occupancy_does_not_depend_on_how_points_are_chunked() -> None:
    network = random_weights(TINY, 2).network
    image, fine = pictures()
    features = network.encode(image, fine, network.predict_normals(image))
    points = torch.rand(300, 3) * 2 - 1
    chunks = torch.cat([network.occupancy(features, part) for part in points.split(77)])
    torch.testing.assert_close(chunks, network.occupancy(features, points), atol=1e-6, rtol=1e-5)


@torch.inference_mode()
def test_shared_normals_are_of_unit_length_times_the_silhouette() -> None:
    maps = random_weights(TINY, 3).network.predict_normals(pictures()[0])
    assert maps is not None
    assert (maps.mask >= 0).all()
    assert (maps.mask <= 1).all()
    for normals in (maps.front, maps.back):
        torch.testing.assert_close(normals.norm(dim=1, keepdim=True), maps.mask, atol=1e-4, rtol=1e-3)
    assert (maps.front - maps.back).abs().max() > 0.1


@torch.inference_mode()
def test_the_two_generators_tell_the_person_by_the_length_of_the_normal() -> None:
    pair = Preset.from_dict(
        TINY.to_dict() | {"normals": {"shared": False, "channels": (8, 8, 16), "blocks": 1}, "name": "pair"}
    )
    maps = random_weights(pair, 3).network.predict_normals(pictures()[0])
    assert isinstance(maps, NormalMaps)
    assert torch.equal(maps.mask, (maps.front.norm(dim=1, keepdim=True) > 0.5).float())
    assert set(maps.mask.unique().tolist()) <= {0.0, 1.0}


def test_the_implicit_function_sees_its_input_again_exactly_where_it_should() -> None:
    mlp = MLP((5, 7, 6, 4, 1), (2, 3))
    assert [layer.in_channels for layer in mlp.filters] == [5, 7, 6 + 5, 4 + 5]
    x = torch.randn(2, 5, 9)
    logits, omega = mlp(x, tap=2)

    def layer(index: int, y: torch.Tensor) -> torch.Tensor:
        weight, bias = mlp.filters[index].weight[..., 0], mlp.filters[index].bias
        z = torch.einsum("oi,bin->bon", weight, y) + bias[:, None]
        return z if index == 3 else torch.where(z > 0, z, 0.01 * z)

    third = layer(2, torch.cat([layer(1, layer(0, x)), x], 1))
    torch.testing.assert_close(omega, third)
    torch.testing.assert_close(logits, layer(3, torch.cat([third, x], 1)))
    assert mlp(x)[1] is None


def test_points_are_looked_up_at_the_pixel_they_project_to() -> None:
    """A 5 x 5 map whose channels are each pixel's column and row: y is UP in camera space, rows go DOWN."""
    row, column = torch.meshgrid(torch.arange(5.0), torch.arange(5.0), indexing="ij")
    features = torch.stack([column, row])[None]
    points = torch.tensor([[[-1.0, 1, 0.3], [1, 1, -0.7], [-1, -1, 0], [0.5, 0, 0], [0, 0.25, 0.9]]])
    expected = torch.tensor([[[0.0, 4, 0, 3, 2], [0, 0, 4, 2, 1.5]]])
    torch.testing.assert_close(sample(features, points), expected)


@torch.inference_mode()
def test_depth_reaches_the_coarse_function_scaled() -> None:
    network = random_weights(TINY, 4).network
    features = torch.zeros(1, 16, 16, 16)
    seen: list[torch.Tensor] = []
    network.netG.mlp.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network.netG.query(features, torch.tensor([[[0.1, 0.2, -0.5], [0.0, 0.0, 0.25]]]))
    assert seen[0].shape == (1, 17, 2)
    assert seen[0][0, -1].tolist() == [-0.5 * 8, 0.25 * 8]
