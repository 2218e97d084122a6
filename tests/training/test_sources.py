# SPDX-License-Identifier: GPL-3.0-or-later
"""Stored and live views: the same batches, whoever asks for them and from which step on."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.viewing import COARSE, CPU, NORMALS, held_together, shot
from training.pool import read_person, read_views
from training.subjects import Subjects
from training.views import Batch, LiveViews, Source, StoredViews, ViewSettings, batch_picture, open_views
from training.views.ahead import made_ahead
from training.views.gallery import SHOWN, WINDOW, Gallery, subject_number
from training.views.scene import Props


def sources(pool: Path, settings: ViewSettings, seed: int = 4) -> list[Source]:
    return [StoredViews(pool, settings, seed), LiveViews(pool, settings, seed, CPU)]


def test_without_a_gpu_the_stored_views_are_read(pool: Path) -> None:
    assert isinstance(open_views(pool, COARSE, 0, CPU), StoredViews)


@pytest.mark.parametrize("settings", [COARSE, NORMALS, ViewSettings(128, 64, 1, 200, False)])
def test_both_sources_give_the_documented_batches(pool: Path, settings: ViewSettings) -> None:
    stored, live = (next(source.batches(2, 0)) for source in sources(pool, settings))
    for batch in (stored, live):
        assert batch.image.shape == (2, 3, settings.size, settings.size)
        assert batch.front.shape == batch.back.shape == (2, 3, settings.maps, settings.maps)
        assert batch.points.shape == (2, settings.points, 3)
        assert batch.image.abs().max() <= 1
        assert batch.points.abs().max() <= 1
        assert set(batch.labels.unique().tolist()) <= {0.0, 1.0}
        assert (batch.span > 0.3).all()
        assert batch.person.tolist() == [5, 5]
        assert batch.index.tolist() == [0, 1]
        if not settings.for_normals:
            held_together(batch)
    for field in fields(Batch):
        one, other = getattr(stored, field.name), getattr(live, field.name)
        assert (one.shape, one.dtype) == (other.shape, other.dtype), field.name


def test_a_view_depends_on_its_index_alone_and_processes_share_a_step(pool: Path) -> None:
    for exact, source in zip((True, False), sources(pool, COARSE), strict=True):
        whole = next(source.batches(2, 0, 3))
        halves = [next(source.batches(1, 0, 3, rank, 2)) for rank in (0, 1)]
        assert whole.index.tolist() == [6, 7]
        assert whole.person.tolist() == [5, 5]
        for field in fields(Batch):
            both = torch.cat([getattr(half, field.name) for half in halves])
            if exact or field.name in ("points", "labels", "index", "person", "mask"):
                assert torch.equal(getattr(whole, field.name), both), field.name
            else:
                # sums over a batch are taken in another order than over its halves
                assert (getattr(whole, field.name) - both).abs().mean() < 1e-3, field.name
        assert not torch.equal(whole.image[0], whole.image[1])


def test_rendered_people_are_shown_some_times_at_an_even_rate() -> None:
    views = range(SHOWN * WINDOW, 9 * SHOWN * WINDOW)
    numbers = [subject_number(np.random.default_rng([0, index]), index) for index in views]
    whole = [number for number in numbers if 3 * WINDOW <= number < 7 * WINDOW]
    assert len(whole) / (4 * WINDOW) == pytest.approx(SHOWN, rel=0.05)
    assert len(set(whole)) > 0.95 * 4 * WINDOW
    assert all(index // SHOWN <= number < index // SHOWN + WINDOW for index, number in zip(views, numbers))
    new = np.unique(numbers, return_index=True)[1]
    made = np.histogram(new[new > SHOWN * WINDOW], bins=8)[0]
    assert made.max() < 1.3 * made.min(), "rendering is spread over the time"


def test_a_gallery_renders_what_it_lacks_and_keeps_what_was_used_last(subjects: Subjects) -> None:
    asked: list[list[int]] = []

    def rendered(numbers: Sequence[int]) -> Subjects:
        asked.append(list(numbers))
        rows = torch.tensor([number % 2 for number in numbers])
        parts = {field.name: getattr(subjects, field.name)[rows] for field in fields(Subjects)}
        return Subjects(**{**parts, "person": torch.tensor(numbers)})

    gallery = Gallery(rendered, 3)
    assert gallery.subjects([7, 8, 7]).person.tolist() == [7, 8, 7]
    assert gallery.subjects([9]).person.tolist() == [9]
    assert gallery.subjects([8, 4]).person.tolist() == [8, 4], "7 was used before 9"
    assert 7 not in gallery
    assert gallery.subjects([9, 8, 4]).person.tolist() == [9, 8, 4]
    assert asked == [[7, 8], [9], [4]]
    with pytest.raises(ValueError, match="room for 3"):
        gallery.subjects([1, 2, 3, 4])
    back = gallery.subjects([4])
    for field in fields(Subjects):
        own, given = getattr(back, field.name), getattr(rendered([4]), field.name)
        assert own.dtype == given.dtype, field.name
        torch.testing.assert_close(own, given, atol=1e-3, rtol=1e-3, equal_nan=True)


def test_a_live_view_does_not_depend_on_those_before_it(pool: Path) -> None:
    source = LiveViews(pool, COARSE, 4, CPU)
    run = source.batches(2, 0)
    third = [next(run) for _ in range(3)][2]
    alone = next(source.batches(2, 0, 2))
    for name in ("points", "labels", "mask", "index"):
        assert torch.equal(getattr(third, name), getattr(alone, name)), name
    assert (third.image - alone.image).abs().mean() < 1e-3


def test_live_batches_made_ahead_are_the_same(pool: Path) -> None:
    source = LiveViews(pool, COARSE, 4, CPU)
    inline, ahead = (next(source.batches(1, workers)) for workers in (0, 1))
    assert torch.equal(inline.points, ahead.points)
    assert torch.equal(inline.image, ahead.image)


def test_a_pool_that_is_still_filling_is_listed_anew(pool: Path, tmp_path: Path) -> None:
    source = LiveViews(pool, COARSE, 4, CPU)
    source.folder = tmp_path
    with pytest.raises(ValueError, match="No people in"):
        next(source.batches(1, 1))


def test_what_is_made_ahead_comes_in_order_and_ends_with_the_error(subjects: Subjects, props: Props) -> None:
    batch = shot(subjects, props)
    made = []

    def endless() -> Iterator[Batch]:
        for number in itertools.count():
            made.append(number)
            if number == 5:
                raise ValueError("The fifth is damaged.")
            yield replace(batch, index=torch.tensor([number]))

    ahead = made_ahead(endless(), CPU)
    assert [int(next(ahead).index) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="fifth is damaged"):
        next(ahead)
    made.clear()
    waiting = made_ahead(endless(), CPU)
    next(waiting)
    waiting.close()  # type: ignore[attr-defined]
    assert len(made) <= 5, "no further ahead than its queue is long"


def test_the_span_counts_statures_and_grows_where_the_person_is_shown_smaller(pool: Path) -> None:
    assert 1.4 < read_person(pool / "0000005.npz").stature < 2.1
    views = read_views(pool / "views" / "0000005.npz")
    for span, mask in zip(views["span"], views["mask"], strict=True):
        rows = np.flatnonzero(mask.max(1) > 128)
        tall = (rows[-1] - rows[0] + 1) / len(mask)
        if rows[0] > 0 and rows[-1] < len(mask) - 1:  # seen whole
            assert span * tall == pytest.approx(1.0, abs=0.15)
    source = StoredViews(pool, NORMALS, seed=3)
    spans = {round(float(source[i]["span"]), 4) for i in range(30)}
    assert spans > {round(float(span), 4) for span in views["span"]}
    assert max(spans) > 1.1 * views["span"].max()


def test_maps_of_another_size_than_the_preset_needs_are_refused(pool: Path) -> None:
    with pytest.raises(ValueError, match="--size 512"):
        next(StoredViews(pool, ViewSettings(256, 256, 0, 10, False), 0).batches(1, 0))


def test_a_batch_is_shown_as_a_grid(pool: Path) -> None:
    batch = next(StoredViews(pool, COARSE, 4).batches(3, 0))
    picture = batch_picture(batch, columns=2)
    assert picture.shape == (128, 2 * 5 * 64, 3)
    assert picture.dtype == np.uint8
    mask = (batch.mask[2, 0] * 255).byte().numpy()
    assert np.array_equal(picture[64:, 192:256, 0], mask)
    behind = (batch.back_colour[2] * 255).round().byte().permute(1, 2, 0).numpy()
    assert np.array_equal(picture[64:, 256:320], behind)
    assert behind.any()
    assert not picture[64:, 320:].any()
    assert (picture[:64, 64:128][batch.mask[0, 0].numpy() == 0] == 128).all()
