# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done otherwise to be fast, against the same done plainly: tiles of convolutions, strips of maps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.asking import asking_between_layers
from engine.networks import strips, winograd
from engine.networks.hourglass import ConvBlock, HourglassEncoder
from engine.networks.normal import GlobalGenerator, _Conv
from engine.networks.strips import Spare
from engine.networks.winograd import Conv3x3
from engine.photo import crop_around, load_photo
from engine.sight import Sight
from engine.weights import DEFAULT_WEIGHTS, PRESETS, load_weights
from tests.engine.trained import SAMPLES

MB = 1 << 20


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


@pytest.fixture
def tiles(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Have every 3x3 convolution made of tiles that can be; grows by one each time it is."""
    calls: list[int] = []
    plainly = winograd.convolved

    def counted(x: Tensor, layer: nn.Conv2d) -> Tensor:
        calls.append(1)
        return plainly(x, layer)

    monkeypatch.setattr(winograd, "FEWEST_CHANNELS", 1)
    monkeypatch.setattr(winograd, "convolved", counted)
    return calls


@pytest.fixture
def small_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every map worked on in strips of 4 rows."""
    monkeypatch.setattr(strips, "LARGE", 0)
    monkeypatch.setattr(strips, "STRIP", 1)


def picture(channels: int, height: int, width: int) -> Tensor:
    values = torch.randn(1, channels, height, width, generator=torch.Generator().manual_seed(1))
    return values.contiguous(memory_format=torch.channels_last)


def encoder(norm: str, stacks: int) -> HourglassEncoder:
    """A narrow one with weights, norms too, drawn at random."""
    torch.manual_seed(2)
    shape = replace(PRESETS["pifuhd"].fine.encoder, channels=(8, 16, 16, 32), norm=norm, groups=4,
                    stacks=stacks, depth=2)  # type: ignore[union-attr]
    made = HourglassEncoder(shape).eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for layer in made.modules():
        if isinstance(layer, nn.GroupNorm | nn.BatchNorm2d):
            layer.weight.normal_()
            layer.bias.normal_()
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
    return made


@pytest.mark.parametrize("budget", [1, 8 * MB])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("before, after, height, width", [(3, 40, 12, 8), (128, 64, 16, 36)])
def test_a_convolution_of_tiles_is_the_plain_one(
    tiles: list[int], monkeypatch: pytest.MonkeyPatch, budget: int, padding: int,
    before: int, after: int, height: int, width: int,
) -> None:
    monkeypatch.setattr(winograd, "KERNEL_BYTES", budget)
    monkeypatch.setattr(winograd, "TILE_BYTES", budget)
    torch.manual_seed(0)
    layer = Conv3x3(before, after, padding=padding).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    x = picture(before, height + 2 - 2 * padding, width + 2 - 2 * padding)
    plain = functional.conv2d(x, layer.weight, layer.bias, padding=padding)
    made = layer(x)
    assert len(tiles) == 1
    assert made.shape == plain.shape
    assert made.is_contiguous(memory_format=torch.channels_last)
    assert (made - plain).abs().max() < 3e-5 * plain.abs().max()


def test_a_convolution_is_made_plainly_where_tiles_do_not_fit(tiles: list[int]) -> None:
    layer = Conv3x3(8, 8, padding=1).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    whole = picture(8, 16, 16)
    with torch.enable_grad():
        layer(whole).sum().backward()
    assert layer.weight.grad is not None
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(whole).dtype == torch.bfloat16
    for x in (whole[:, :, :15], whole.contiguous(), whole.repeat(2, 1, 1, 1), whole.double()):
        layer.to(x.dtype)
        plain = functional.conv2d(x, layer.weight, layer.bias, padding=1)
        assert torch.equal(layer(x), plain)
    assert not tiles


@pytest.mark.parametrize("norm", ["group", "batch"])
@pytest.mark.parametrize("stacks", [1, 2])
@pytest.mark.parametrize("side", [16, 36])
def test_an_encoder_in_strips_is_the_plain_one(
    norm: str, stacks: int, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, x = encoder(norm, stacks), picture(9, 2 * side, 2 * side)
    plain = network(x)
    monkeypatch.setattr(strips, "LARGE", 0)
    for strip in (1, 20_000):
        monkeypatch.setattr(strips, "STRIP", strip)
        made = network(x)
        assert len(made) == stacks
        for one, other in zip(made, plain, strict=True):
            assert (one - other).abs().max() < 1e-4 * other.abs().max()


def test_an_encoder_in_strips_and_tiles_rounds_to_bfloat16_as_the_plain_one(
    monkeypatch: pytest.MonkeyPatch
) -> None:
    network, x = encoder("group", 1), picture(9, 128, 128)
    exact = network(x)[-1]
    with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
        plain = network(x)[-1]
        monkeypatch.setattr(strips, "LARGE", 0)
        made = network(x)[-1]
    assert made.dtype == torch.bfloat16
    lost, lost_plainly = ((one.float() - exact).square().mean().sqrt() for one in (made, plain))
    assert 0 < lost < 1.2 * lost_plainly


def test_gradients_do_not_pass_through_strips(small_strips: None) -> None:
    block = ConvBlock(16, 16, lambda channels: nn.GroupNorm(4, channels))
    with torch.enable_grad():
        block(picture(16, 8, 8).requires_grad_(), Spare()).sum().backward()
    assert block.conv1.weight.grad is not None


def test_the_trained_weights_see_the_same_in_strips_and_tiles(
    monkeypatch: pytest.MonkeyPatch, tiles: list[int]
) -> None:
    weights = load_weights(DEFAULT_WEIGHTS)
    photo = load_photo(SAMPLES / "person_1.jpg")
    crop = crop_around(photo.box_to_working((0, 0, photo.pixels.shape[1], photo.pixels.shape[0])))
    sight = Sight(photo, weights, torch.device("cpu"))
    maps = sight.normals(crop)
    monkeypatch.setattr(winograd, "FEWEST_CHANNELS", 1 << 30)
    tiles.clear()
    coarse = sight.coarse_features(crop, maps)
    plain = sight.features(crop, maps, coarse)
    assert not tiles
    monkeypatch.setattr(winograd, "FEWEST_CHANNELS", 1)
    monkeypatch.setattr(strips, "LARGE", 0)
    made = sight.features(crop, maps, sight.coarse_features(crop, maps))
    assert tiles
    assert plain.fine is not None
    assert made.fine is not None
    for one, other in ((made.coarse, plain.coarse), (made.fine, plain.fine)):
        assert (one - other).abs().max() < 1e-4 * other.abs().max()


def test_maps_take_the_place_of_those_that_are_done_with() -> None:
    spare, x = Spare(), picture(8, 6, 4)
    first = spare.map(x, 16)
    second = spare.map(x, 16)
    assert first.data_ptr() != second.data_ptr()
    assert first.shape == (1, 16, 6, 4)
    assert first.is_contiguous(memory_format=torch.channels_last)
    spare.give(x)  # was never from there
    spare.give(first)
    assert spare.map(x, 17).data_ptr() != first.data_ptr()  # too large for it
    assert spare.map(x, 12).data_ptr() == first.data_ptr()
    assert spare.map(x, 12).data_ptr() != first.data_ptr()


def test_a_block_in_strips_asks_whether_it_is_to_go_on_at_every_strip(small_strips: None) -> None:
    block = ConvBlock(16, 16, lambda channels: nn.GroupNorm(4, channels)).eval()
    asked: list[int] = []
    with asking_between_layers([block], lambda: asked.append(1)):
        block(picture(16, 16, 8), Spare())
    assert len(asked) >= 12


def test_a_generator_reflects_borders_in_the_precision_of_its_layers() -> None:
    network = GlobalGenerator((4, 8), 1).eval()
    given: list[torch.dtype] = []
    for layer in network.modules():
        if isinstance(layer, nn.ReflectionPad2d):
            layer.register_forward_hook(lambda layer, x, made: given.append(made.dtype))
    with torch.autocast("cpu", torch.bfloat16):
        network(picture(3, 16, 16))
    assert given == [torch.float32, *[torch.bfloat16] * 3]


@pytest.mark.parametrize("height, width", [(6, 16), (5, 7)])  # of 7 not all have a neighbour
@pytest.mark.parametrize("channels", [24, 8])
def test_a_norm_of_odd_channels_is_the_plain_one(channels: int, height: int, width: int) -> None:
    torch.manual_seed(3)
    (norm,) = (layer for layer in _Conv(3, channels) if isinstance(layer, nn.GroupNorm))
    norm.weight.normal_()
    norm.bias.normal_()
    x = (3 * picture(channels, height, width) + torch.arange(channels)[:, None, None]).to(torch.bfloat16)
    x = x.contiguous(memory_format=torch.channels_last)
    made = norm(x)
    assert made.dtype == torch.bfloat16
    exact = functional.group_norm(x.double(), 8, norm.weight.double(), norm.bias.double())
    assert float((made - exact).abs().max()) < 2**-8 * float(exact.abs().max())
    plain = functional.group_norm(x, 8, norm.weight, norm.bias)
    assert float((made - exact).abs().mean()) <= 1.1 * float((plain - exact).abs().mean())
