"""Losses, stages and the loop, on one person and a tiny network."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.networks import PIFuHD
from engine.weights import load_weights, save_weights
from tests.tiny import TINY
from training import fit as loop
from training.cli.main import main
from training.evaluate import quick_figures
from training.export import export
from training.losses import extended_bce, gradient_l1, masked_l1
from training.stages import STAGES, column_loss, span_loss
from training.views import Batch, StoredViews, ViewSettings


@pytest.fixture
def small_network() -> PIFuHD:
    torch.manual_seed(0)
    return PIFuHD(TINY)


def one_batch(pool: Path, stage: str, size: int) -> Batch:
    settings = ViewSettings(size, TINY.coarse_size, int(stage == "fine"), 500, stage == "normals")
    return next(StoredViews(pool, settings, seed=2).batches(2, 0))


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
