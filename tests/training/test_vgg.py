# SPDX-License-Identifier: GPL-3.0-or-later
"""VGG19's feature loss, with made-up weights in a file of the published form."""

import errno
import hashlib
from pathlib import Path

import pytest
import torch

from engine.networks import PIFuHD
from tests.tiny import TINY
from tests.training.learning import made_batch
from training import fit as loop
from training import vgg
from training.stages import FEATURE_WEIGHT, NormalStage
from training.vgg import CHANNELS, VGGFeatures, fetch_vgg

INDICES = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28)
"""Of the convolutions up to relu5_1 in torchvision's file."""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of the published form: convolutions, one that is not needed, and a classifier."""
    rng = torch.Generator().manual_seed(0)
    state, before = {}, 3
    for index, channels in zip(INDICES, [width for block in CHANNELS for width in block], strict=True):
        weight = torch.randn(channels, before, 3, 3, generator=rng) * (2 / (9 * before)) ** 0.5
        state |= {f"features.{index}.weight": weight, f"features.{index}.bias": torch.zeros(channels)}
        before = channels
    state |= {"features.30.weight": torch.zeros(4, 4, 3, 3), "classifier.0.weight": torch.zeros(4, 4)}
    path = tmp_path_factory.mktemp("vgg") / "vgg19.pth"
    torch.save(state, path)
    named = path.with_name(f"vgg19-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.pth")
    return path.rename(named)


@pytest.fixture
def features(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VGGFeatures:
    monkeypatch.setattr(vgg, "ADDRESS", published.as_uri())
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    found = fetch_vgg()
    assert found is not None
    return found


def test_the_file_is_fetched_once_and_checked(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, features: VGGFeatures
) -> None:
    cached = tmp_path / "hub" / "checkpoints" / published.name
    assert cached.is_file()
    assert not any(p.requires_grad for p in features.parameters())
    monkeypatch.setattr(vgg, "ADDRESS", f"http://127.0.0.1:9/{published.name}")
    again = fetch_vgg()
    assert again is not None, "it is in the cache"
    assert torch.equal(again.features[0].weight, features.features[0].weight)
    wrong = published.with_name("vgg19-00000000.pth")
    wrong.write_bytes(published.read_bytes())
    monkeypatch.setattr(vgg, "ADDRESS", wrong.as_uri())
    with pytest.raises(ValueError, match=r"gave no VGG19\. Remove"):
        fetch_vgg()
    torch.save({"features.0.weight": torch.zeros(1)}, tmp_path / "other.pth")
    digest = hashlib.sha256((tmp_path / "other.pth").read_bytes()).hexdigest()[:8]
    other = (tmp_path / "other.pth").rename(tmp_path / f"other-{digest}.pth")
    monkeypatch.setattr(vgg, "ADDRESS", other.as_uri())
    with pytest.raises(ValueError, match="gave no VGG19"):
        fetch_vgg()


def test_without_file_and_network_there_are_no_features(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert fetch_vgg() is None
    assert loop._perceptual(loop.Team(0, 1, torch.device("cpu"))) is None
    assert "multi-scale gradients, VGG19 being out of reach" in capsys.readouterr().out


def test_a_full_disk_is_told_and_not_taken_for_a_missing_network(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(vgg, "ADDRESS", published.as_uri())
    monkeypatch.setattr(torch.hub, "download_url_to_file", full)
    with pytest.raises(ValueError, match=r"cannot be kept in .* \(No space left on device\): make room"):
        fetch_vgg()


def test_the_loss_is_the_weighted_difference_after_the_first_activation_of_each_block(
    features: VGGFeatures,
) -> None:
    rng = torch.Generator().manual_seed(1)
    one, two = (torch.rand(2, 3, 32, 32, generator=rng) * 2 - 1 for _ in range(2))
    assert features(one, one) == 0
    seen = features.seen(one)
    assert [tuple(x.shape[1:]) for x in seen] == [
        (64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4), (512, 2, 2),
    ]  # fmt: skip
    # the first two by hand, from ImageNet's mean and deviation on
    x = (one / 2 + 0.5 - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor(
        [0.229, 0.224, 0.225]
    )[:, None, None]
    layers = features.features
    first = torch.nn.functional.conv2d(x, layers[0].weight, padding=1).relu()
    torch.testing.assert_close(seen[0], first)
    second = torch.nn.functional.conv2d(first, layers[2].weight, padding=1).relu()
    third = torch.nn.functional.conv2d(torch.nn.functional.max_pool2d(second, 2), layers[5].weight, padding=1)
    torch.testing.assert_close(seen[1], third.relu(), atol=1e-4, rtol=1e-4)
    pairs = zip((1 / 32, 1 / 16, 1 / 8, 1 / 4, 1), seen, features.seen(two), strict=True)
    expected = sum(weight * (a - b).abs().mean() for weight, a, b in pairs)
    torch.testing.assert_close(features(one, two), expected)
    halves = [features(one[k : k + 1], two[k : k + 1]) for k in (0, 1)]
    torch.testing.assert_close(features(one, two), torch.stack(halves).mean())


def test_the_normal_stage_uses_them_in_place_of_the_gradients(features: VGGFeatures) -> None:
    torch.manual_seed(0)
    network = PIFuHD(TINY)
    stage, batch = NormalStage(network, features), made_batch(2, 64)
    losses = stage(batch)
    assert {"front", "back", "front features", "back features"} <= set(losses)
    assert not [name for name in losses if "edges" in name]
    normals = network.predict_normals(batch.image)
    assert normals is not None
    own = normals.front / normals.mask * batch.mask
    torch.testing.assert_close(losses["front features"], FEATURE_WEIGHT * features(own, batch.front))
    losses["front features"].backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in stage.trained())
    assert not {id(p) for p in stage.trained()} & {id(p) for p in features.parameters()}
