"""The camera: its pictures stay in range and in place, and the generator alone decides."""

from __future__ import annotations

import numpy as np
import pytest

from training.camera_noise import degrade


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
        taken = degrade(np.random.default_rng(seed), picture())
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
