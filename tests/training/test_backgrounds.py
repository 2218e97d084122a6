"""Backgrounds and shadows: range, variety, and that the generator alone decides."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from training.backgrounds import (
    build_backgrounds,
    cast_shadow,
    photographic_background,
    places,
    studio,
)
from training.backgrounds.bank import CROPS

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


def save(path: Path, colour: tuple[int, int, int], shape: tuple[int, int] = (200, 300)) -> None:
    """A photograph of one colour (R, G, B)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((*shape, 3), colour[::-1], np.uint8))


def test_a_bank_is_written_once_and_depends_on_the_seed_alone(tmp_path: Path) -> None:
    path = build_backgrounds(tmp_path, 3, 64)
    first, written = np.load(path), path.stat().st_mtime_ns
    assert first.shape == (3, 64, 64, 3)
    assert first.dtype == np.uint8
    assert first.std() > 0
    assert build_backgrounds(tmp_path, 3, 64) == path
    assert path.stat().st_mtime_ns == written
    again = build_backgrounds(tmp_path / "other", 3, 64)
    assert np.array_equal(np.load(again), first)
    assert not np.array_equal(np.load(build_backgrounds(tmp_path, 3, 64, seed=1)), first)
    assert not list(tmp_path.rglob("*.tmp"))


def test_photographs_come_first_and_generated_ones_fill_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photographs = tmp_path / "photographs"
    save(photographs / "red.png", (200, 10, 10))
    save(photographs / "below" / "blue.JPG", (10, 10, 200), (500, 140))
    save(photographs / "thumb.png", (0, 255, 0), (60, 300))
    (photographs / "torn.jpg").write_bytes(b"not a picture")
    (photographs / "notes.txt").write_text("none either")
    count = 2 * CROPS + 4
    pictures = np.load(build_backgrounds(tmp_path, count, 96, photographs=photographs)).astype(float)
    told = capsys.readouterr().out
    assert "skipped torn.jpg: it is no picture" in told
    assert "skipped thumb.png: its shorter side" in told
    assert "notes.txt" not in told
    means = pictures.mean((1, 2))
    red = np.abs(means - [200, 10, 10]).max(1) < 4
    blue = np.abs(means - [10, 10, 200]).max(1) < 4
    assert 1 <= red.sum() <= CROPS
    assert blue.sum() == red.sum()
    assert (pictures[~(red | blue)].std((1, 2)).max(1) > 0).all(), "the others are generated"


def test_a_changed_folder_of_photographs_is_noticed(tmp_path: Path) -> None:
    photographs = tmp_path / "photographs"
    save(photographs / "a.png", (200, 10, 10))
    before = build_backgrounds(tmp_path, 1, 64, photographs=photographs)
    assert build_backgrounds(tmp_path, 1, 64, photographs=photographs) == before
    save(photographs / "a.png", (10, 200, 10), (210, 300))
    after = build_backgrounds(tmp_path, 1, 64, photographs=photographs)
    assert after != before
    assert np.load(after)[0, 0, 0, 1] > 150


def test_unusable_folders_are_told_in_one_sentence(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ValueError, match=r"^No photographs .* in .*empty: name a folder"):
        build_backgrounds(tmp_path, 2, 64, photographs=empty)
    (empty / "torn.png").write_bytes(b"")
    with pytest.raises(ValueError, match="None of the 1 photographs can be used"):
        build_backgrounds(tmp_path, 2, 64, photographs=empty)
    assert not list(tmp_path.glob("*backgrounds*")), "nothing half-written stays"


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, target: Path) -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ValueError, match=r"No space left on device.*free some space"):
        build_backgrounds(tmp_path, 1, 64)
    assert not list(tmp_path.iterdir())
