"""Backgrounds and shadows: range, variety, and that the generator alone decides."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from training.backgrounds import cast_shadow, photographic_background, places, studio

KINDS = [
    studio.seamless_paper,
    studio.painted_backdrop,
    studio.wall_and_floor,
    places.room,
    places.street,
    places.foliage,
    places.lights_out_of_focus,
    places.clutter,
    places.landscape,
]


@pytest.mark.parametrize("shape", [(64, 64), (128, 96), (97, 150)])
def test_pictures_have_the_asked_shape_and_range(shape: tuple[int, int]) -> None:
    for seed in range(40):
        picture = photographic_background(np.random.default_rng(seed), *shape)
        assert picture.shape == (*shape, 3), seed
        assert picture.dtype == np.float32, seed
        assert np.isfinite(picture).all(), seed
        assert picture.min() >= 0, seed
        assert picture.max() <= 1, seed


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_draws_finite_pictures_that_differ(kind: studio.Material) -> None:
    pictures = [kind(np.random.default_rng(seed), 96, 96) for seed in range(20)]
    for picture in pictures:
        assert picture.shape == (96, 96, 3)
        assert picture.dtype == np.float32
        assert np.isfinite(picture).all()
    means = np.array([picture.mean((0, 1)) for picture in pictures])
    assert means.std(0).min() > 0.05


def test_half_are_plain_and_half_are_busy() -> None:
    busy = []
    for seed in range(120):
        picture = photographic_background(np.random.default_rng(seed), 96, 96)
        soft = cv2.GaussianBlur(picture, (0, 0), 8)
        busy.append(float(np.abs(soft - soft.mean((0, 1))).mean()) > 0.05)
    assert 0.25 < np.mean(busy) < 0.75


def test_pictures_depend_on_the_generator_alone() -> None:
    for seed in range(20):
        first, again, other = (
            photographic_background(np.random.default_rng(s), 64, 64) for s in (seed, seed, seed + 99)
        )
        assert np.array_equal(first, again)
        assert not np.array_equal(first, other)


def standing() -> np.ndarray:
    mask = np.zeros((128, 128), np.float32)
    mask[20:110, 50:78] = 1
    return mask


def test_shadows_only_darken_and_lie_under_the_feet() -> None:
    ground = np.full((128, 128, 3), 0.8, np.float32)
    kept = ground.copy()
    darkest_below, far = [], []
    for seed in range(30):
        shaded = cast_shadow(np.random.default_rng(seed), ground, standing())
        assert shaded.shape == ground.shape
        assert shaded.dtype == np.float32
        assert (shaded <= ground + 1e-6).all()
        assert shaded.min() >= 0
        darkest_below.append(shaded[106:114, 46:82].min())
        far.append(shaded[:10, :10].mean())
    assert np.array_equal(ground, kept), "the background handed in stays as it was"
    assert max(darkest_below) < 0.72, "nobody floats"
    assert min(far) > 0.6
    assert np.std(darkest_below) > 0.02


def test_no_person_no_shadow_and_no_contact_where_the_feet_are_cut_off() -> None:
    ground = np.full((128, 128, 3), 0.8, np.float32)
    assert np.array_equal(
        cast_shadow(np.random.default_rng(0), ground, np.zeros((128, 128), np.float32)), ground
    )
    cut = np.zeros((128, 128), np.float32)
    cut[30:, 50:78] = 1
    untouched = [
        np.array_equal(cast_shadow(np.random.default_rng(seed), ground, cut), ground) for seed in range(30)
    ]
    assert any(untouched)
    assert not all(untouched), "a wall behind still takes a shadow"


def test_shadows_depend_on_the_generator_alone() -> None:
    ground = np.full((128, 128, 3), 0.8, np.float32)
    first, again, other = (cast_shadow(np.random.default_rng(seed), ground, standing()) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
