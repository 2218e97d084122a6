"""The camera: its pictures stay in range and in place, and the generator alone decides."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from training.camera_noise import degrade, draw_faults, photographed
from training.camera_noise.jpeg import compressed


def picture(height: int = 96, width: int = 96) -> np.ndarray:
    """Dark on the left, bright on the right, with a coloured square."""
    image = np.full((height, width, 3), 0.25, np.float32)
    image[:, width // 2 :] = 0.75
    image[20:40, 10:30] = (0.8, 0.3, 0.2)
    return image


@pytest.mark.parametrize("shape", [(96, 96), (80, 133)])
def test_pictures_keep_their_shape_and_range(shape: tuple[int, int]) -> None:
    image = picture(*shape)
    before = image.copy()
    for seed in range(60):
        taken = degrade(np.random.default_rng(seed), image)
        assert taken.shape == image.shape
        assert taken.dtype == np.float32
        assert np.isfinite(taken).all()
        assert taken.min() >= 0
        assert taken.max() <= 1
    assert np.array_equal(image, before), "the picture handed in stays as it was"


def test_nothing_moves() -> None:
    places = []
    for seed in range(60):
        taken = degrade(np.random.default_rng(seed), picture(400))
        # 350 rows: the noise of their mean hardly moves the edge that is found
        profile = taken[50:].mean((0, 2))
        steps = np.clip(np.diff(profile), 0, None)[30:66]
        places.append((steps * np.arange(30, 66)).sum() / steps.sum())
    assert np.abs(np.array(places) - 47).max() < 0.8
    assert np.mean(places) == pytest.approx(47, abs=0.15)


def test_exposure_colour_noise_and_sharpness_vary() -> None:
    taken = [degrade(np.random.default_rng(seed), picture()) for seed in range(60)]
    flat = np.array([t[60:90, 60:90] for t in taken])
    assert flat.mean((1, 2, 3)).std() > 0.05
    assert (flat.mean((1, 2))[:, 0] - flat.mean((1, 2))[:, 2]).std() > 0.01
    grain = flat.std((1, 2)).mean(1)
    assert grain.min() < 0.003
    assert grain.max() > 0.015
    widest = np.array([np.diff(t[50:].mean((0, 2))).max() / np.ptp(t[50:].mean((0, 2))) for t in taken])
    assert widest.min() < 0.6
    assert widest.max() > 0.85


def test_the_generator_alone_decides() -> None:
    for seed in range(10):
        first, again, other = (degrade(np.random.default_rng(s), picture()) for s in (seed, seed, seed + 50))
        assert np.array_equal(first, again)
        assert not np.array_equal(first, other)


def scene(seed: int = 0) -> np.ndarray:
    """(61, 90, 3) uint8: soft colours with a few hard edges, at a size that is no multiple of a block."""
    rng = np.random.default_rng(seed)
    soft = cv2.resize(rng.random((6, 9, 3)).astype(np.float32), (90, 61), interpolation=cv2.INTER_CUBIC)
    soft[20:40, 10:30] = (0.8, 0.3, 0.2)
    return (soft.clip(0, 1) * 255).round().astype(np.uint8)


@pytest.mark.parametrize("quality", [10, 35, 60, 85, 97])
def test_compression_is_that_of_jpeg(quality: int) -> None:
    picture = scene()
    done, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    written = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1].astype(np.float32)
    image = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
    ours = compressed(image, torch.tensor([quality]))[0].permute(1, 2, 0).numpy() * 255
    assert ours.shape == picture.shape
    assert np.abs(ours - written).mean() < 1.5
    assert np.abs(ours - written).mean() < 0.5 * max(1.0, np.abs(written - picture).mean())


def test_compression_loses_less_the_higher_the_quality() -> None:
    image = torch.from_numpy(scene()).permute(2, 0, 1)[None].float() / 255
    qualities = [5, 15, 30, 50, 70, 90, 100]
    many = compressed(image.expand(7, -1, -1, -1), torch.tensor(qualities))
    losses = (many - image).abs().mean((1, 2, 3)).tolist()
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.012
    for quality, one in zip(qualities, many):
        assert torch.equal(compressed(image, torch.tensor([quality]))[0], one)


def test_a_picture_is_the_same_alone_and_in_a_batch() -> None:
    images = torch.from_numpy(np.stack([scene(k) for k in range(12)])).permute(0, 3, 1, 2).float() / 255
    faults = [draw_faults(np.random.default_rng(k)) for k in range(12)]
    assert {fault.softness.kind for fault in faults} >= {"sharp", "focus", "small"}
    together = photographed(images, faults)
    for i, fault in enumerate(faults):
        alone = photographed(images[i : i + 1], [fault])[0]
        # a rounding of JPEG may fall to the other side, where sums were taken in another order
        assert (alone - together[i]).abs().mean() < 1e-3
