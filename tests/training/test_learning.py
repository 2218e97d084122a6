"""Pool and batches, on one person."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.tiny import SMALL_POOL
from training.batches import Batch, Views, _edged, _random_frame, _within, batches
from training.humans import make_person
from training.pool import build_person, list_pool, read_person


def one_batch(pool: Path, stage: str, size: int) -> Batch:
    views = Views(pool, size, int(stage == "fine"), 500, stage == "normals", seed=2)
    return next(batches(views, 2, 0))


def test_a_pool_is_made_once_and_keeps_what_is_there(pool: Path) -> None:
    path = pool / "0000005.npz"
    before = path.stat().st_mtime_ns
    assert build_person(pool, 5, SMALL_POOL) == path
    assert path.stat().st_mtime_ns == before
    assert not list(pool.glob("*.tmp"))


def test_a_person_of_the_pool_has_the_documented_arrays(pool: Path) -> None:
    data = read_person(pool / "0000005.npz")
    assert data["colour"].shape == (2, 128, 128, 3)
    assert data["front"].shape == (2, 64, 64, 3)
    assert data["points"].shape == (2, 2, 600, 3)
    assert np.abs(data["points"]).max() <= 1
    assert 0.2 < data["labels"].mean() < 0.8
    assert data["mask"].max() == 255


def test_a_pool_that_is_none_is_refused_with_a_next_step(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="python -m training pool"):
        list_pool(tmp_path)
    (tmp_path / "0000001.npz").write_bytes(b"not a person")
    with pytest.raises(ValueError, match="Delete it"):
        read_person(tmp_path / "0000001.npz")


def test_batches_are_in_range_and_zero_outside_the_person(pool: Path) -> None:
    batch = one_batch(pool, "coarse", 64)
    assert batch.image.shape == (2, 3, 64, 64)
    assert batch.image.abs().max() <= 1
    outside = (batch.mask == 0).expand_as(batch.front)
    assert not batch.front[outside].any()
    assert not batch.back[outside].any()
    lengths = batch.front.norm(dim=1, keepdim=True)[batch.mask > 0]
    torch.testing.assert_close(lengths, torch.ones_like(lengths), atol=1e-3, rtol=0)
    assert (batch.front[:, 2:][batch.mask > 0] > 0).float().mean() > 0.9


def test_a_view_depends_on_its_index_alone_and_processes_share_a_step(pool: Path) -> None:
    def first(count: int, start: int, rank: int, world: int) -> Batch:
        return next(batches(Views(pool, 64, 0, 50, False, seed=4), count, 0, start, rank, world))

    whole = first(4, 3, 0, 1)
    halves = [first(2, 3, rank, 2) for rank in (0, 1)]
    assert whole.index.tolist() == [12, 13, 14, 15]
    assert whole.person.tolist() == [5] * 4
    for name in ("image", "points", "labels", "depth", "index"):
        both = torch.cat([getattr(half, name) for half in halves])
        assert torch.equal(getattr(whole, name), both), name
    assert not torch.equal(whole.image[0], whole.image[1])


def test_points_match_the_silhouette_also_when_flipped(pool: Path) -> None:
    """An inside point lies in the mask: a flip that forgot the points, or the mask, would break this."""
    views = Views(pool, 64, 0, 500, False, seed=1)
    source = batches(views, 1, 0)
    for _ in range(6):
        batch = next(source)
        inside = batch.points[batch.labels > 0.5]
        column = ((inside[:, 0] + 1) / 2 * 64).long().clamp(0, 63)
        row = ((1 - inside[:, 1]) / 2 * 64).long().clamp(0, 63)
        assert batch.mask[0, 0, row, column].mean() > 0.9


def test_a_frame_inside_the_crop_cuts_the_person_and_repeats_the_pictures_edge() -> None:
    mask = np.zeros((64, 64), np.float32)
    mask[8:60, 20:44] = 1
    picture = np.random.default_rng(0).random((64, 64, 3)).astype(np.float32)
    cut = 0
    for seed in range(40):
        frame = _random_frame(np.random.default_rng(seed), mask)
        kept, framed = _within(frame, 64), _edged(picture, frame)
        cut += (mask * kept).sum() < mask.sum() - 30
        assert (mask * kept).sum() > 0.2 * mask.sum()
        rows, columns = np.flatnonzero(kept.any(1)), np.flatnonzero(kept.any(0))
        assert np.array_equal(framed[rows[1] : rows[-1], columns[1]], picture[rows[1] : rows[-1], columns[1]])
        for row in range(rows[-1] + 2, 64):
            assert np.array_equal(framed[row], framed[rows[-1] + 2])
    assert 6 <= cut <= 24, "about a third of the frames cut the person"


def test_the_span_counts_statures_and_grows_where_the_person_is_shown_smaller(pool: Path) -> None:
    person = make_person(5)
    assert 1.4 < person.stature < 2.1
    data = read_person(pool / "0000005.npz")
    for span, mask in zip(data["span"], data["mask"], strict=True):
        rows = np.flatnonzero(mask.max(1) > 128)
        tall = (rows[-1] - rows[0] + 1) / len(mask)
        if rows[0] > 0 and rows[-1] < len(mask) - 1:  # seen whole
            assert span * tall == pytest.approx(1.0, abs=0.12)
    views = Views(pool, 64, 0, 10, True, seed=3)
    spans = {round(float(views[i]["span"]), 4) for i in range(30)}
    assert spans > {round(float(span), 4) for span in data["span"]}
    assert max(spans) > 1.1 * data["span"].max()
