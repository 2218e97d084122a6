"""Pool, batches, losses, stages and the loop, on one person and a tiny network."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.networks import PIFuHD
from engine.weights import load_weights, save_weights
from tests.tiny import SMALL_POOL, TINY
from training import fit as loop
from training.batches import Batch, Views, _edged, _random_frame, _within, batches
from training.cli.main import main
from training.evaluate import quick_figures
from training.export import export
from training.humans import make_person
from training.losses import extended_bce, gradient_l1, masked_l1
from training.pool import build_person, list_pool, read_person
from training.stages import STAGES, column_loss, span_loss


@pytest.fixture
def small_network() -> PIFuHD:
    torch.manual_seed(0)
    return PIFuHD(TINY)


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


def test_the_spans_loss_leaves_out_pictures_of_nobody(pool: Path) -> None:
    batch = one_batch(pool, "coarse", 64)
    right = batch.span.log()
    assert span_loss(right, batch) == 0
    assert span_loss(right + 0.5, batch) == pytest.approx(0.5, rel=1e-5)
    empty = replace(batch, mask=batch.mask * torch.tensor([1.0, 0.0])[:, None, None, None])
    assert span_loss(right + torch.tensor([0.0, 9.0]), empty) == 0


def test_training_begins_with_a_files_parameters_and_refuses_other_sizes(
    pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert TINY.normals is not None
    older = replace(TINY, normals=replace(TINY.normals, span=False))
    torch.manual_seed(5)
    network = PIFuHD(older)
    save_weights(tmp_path / "older.safetensors", network, {})
    monkeypatch.setattr(loop, "SETTINGS", {})
    begun = loop.fit(TINY, pool, tmp_path / "run", 1.0, workers=0, start=tmp_path / "older.safetensors")
    state = begun.state_dict()
    for key, value in network.state_dict().items():
        assert torch.equal(state[key], value.half().float()), key
    other = replace(TINY, normals=replace(TINY.normals, channels=(8, 16, 16)))
    save_weights(tmp_path / "other.safetensors", PIFuHD(other), {})
    with pytest.raises(ValueError, match="another architecture"):
        loop.fit(TINY, pool, tmp_path / "run", 1.0, workers=0, start=tmp_path / "other.safetensors")


def test_the_extended_loss_is_the_papers() -> None:
    logits, labels = torch.tensor([[0.0, 2.0, -1.0]]), torch.tensor([[1.0, 1.0, 0.0]])
    f = torch.sigmoid(logits[0])
    outside = 1 / 3
    terms = [outside * math.log(f[0]), outside * math.log(f[1]), (1 - outside) * math.log(1 - f[2])]
    assert extended_bce(logits, labels).item() == pytest.approx(-sum(terms) / 3, rel=1e-5)


def test_masked_losses_look_at_the_mask_alone() -> None:
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., :4] = 1
    target = torch.zeros(1, 3, 8, 8)
    predicted = target.clone()
    predicted[..., 4:] = 5
    assert masked_l1(predicted, target, mask) == 0
    assert gradient_l1(predicted, target, mask) == 0
    predicted[..., :4] = 2
    assert masked_l1(predicted, target, mask) == 2


def test_columns_are_labelled_by_front_and_back(pool: Path) -> None:
    """The truth as a query has hardly any loss, its opposite a large one."""
    batch = one_batch(pool, "coarse", 64)

    def truth(points: torch.Tensor) -> torch.Tensor:
        image = torch.stack([points[..., 0], -points[..., 1]], -1)[:, None]
        front, back = torch.nn.functional.grid_sample(
            batch.depth, image, mode="nearest", align_corners=False
        )[:, :, 0].unbind(1)
        inside = (points[..., 2] < front) & (points[..., 2] > back)
        return torch.where(inside, 20.0, -20.0)

    torch.manual_seed(0)
    assert column_loss(truth, batch, 400) < 1e-3
    assert column_loss(lambda points: -truth(points), batch, 400) > 10


@pytest.mark.parametrize("name", ["normals", "coarse", "fine"])
def test_each_stage_learns_one_batch_by_heart(pool: Path, small_network: PIFuHD, name: str) -> None:
    stage = STAGES[name](small_network)
    batch = one_batch(pool, name, TINY.fine_size if name == "fine" else TINY.coarse_size)
    optimiser = torch.optim.AdamW(stage.trained(), lr=3e-3)
    first = last = 0.0
    for step in range(25):
        torch.manual_seed(1)
        losses = loop._step(stage, batch, optimiser, stage.trained())
        last = sum(value for key, value in losses.items() if "not minimised" not in key)
        first = first or last
        assert step or last > 0
    assert last < 0.8 * first


def test_the_loop_resumes_where_it_stopped_and_its_weights_load(
    pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = {key: replace(value, batch=2, points=200) for key, value in loop.SETTINGS.items()}
    monkeypatch.setattr(loop, "SETTINGS", quick)
    run, minutes = tmp_path / "run", 3 / 60
    loop.fit(TINY, pool, run, minutes, workers=0)
    steps = torch.load(run / "coarse.pt", weights_only=True)["step"]
    assert steps > 0
    network = loop.fit(TINY, pool, run, 2 * minutes, workers=0)
    assert torch.load(run / "coarse.pt", weights_only=True)["step"] > steps
    figures = quick_figures(network, pool, views=2)
    assert 0 <= figures["fine_iou"] <= 1
    assert figures["people"] == 1
    export(network, pool, run, tmp_path / "w.safetensors", minutes, figures)
    loaded = load_weights(tmp_path / "w.safetensors")
    assert loaded.preset == TINY
    assert loaded.card["licence"] == "CC0-1.0"
    with pytest.raises(ValueError, match="Choose another run folder"):
        loop.fit(replace(TINY, name="other"), pool, run, minutes, workers=0)


def test_a_loss_that_is_no_number_stops_the_loop(
    pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "SETTINGS", {"normals": replace(loop.SETTINGS["normals"], batch=1, rate=1e30)})
    with pytest.raises(FloatingPointError, match="last checkpoint is good"):
        loop.fit(TINY, pool, tmp_path / "run", 1.0, workers=0)
    assert not list((tmp_path / "run").glob("*.pt"))


def test_a_command_that_fails_says_so_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["evaluate", str(tmp_path / "no.safetensors")])
    said = capsys.readouterr().err.strip()
    assert code == 1
    assert said.startswith("training: There is no weights file")
    assert "\n" not in said
