"""What each stage trains and minimises, on one person and a tiny network."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.networks import PIFuHD
from engine.weights.presets import NormalNets
from tests.tiny import TINY
from tests.training.learning import QUARTER, made_batch, source_of
from training.fit import _step
from training.fitting.plan import Plan
from training.fitting.snapshots import snapshot
from training.losses import view_draws
from training.stages import WINDOWS, NormalStage, make_stage, on_device
from training.views import Batch
from training.windows import choose_corners, covered, cut, in_window

PLAN = Plan(steps=1, batch=QUARTER, workers=0)


@pytest.fixture
def small_network() -> PIFuHD:
    torch.manual_seed(0)
    return PIFuHD(TINY)


def one_batch(pool: Path, stage: str) -> Batch:
    return next(source_of(pool, stage, PLAN))


@pytest.mark.parametrize("name", ["normals", "coarse", "fine", "end-to-end"])
def test_each_stage_learns_one_batch_by_heart(pool: Path, small_network: PIFuHD, name: str) -> None:
    stage = make_stage(name, small_network, seed=1)
    batch = one_batch(pool, name)
    optimiser = torch.optim.AdamW(stage.trained(), lr=3e-3)
    totals = []
    for _ in range(25):
        losses, gradient = _step(stage, batch, optimiser, stage.trained())
        totals.append(sum(value.item() for key, value in losses.items() if "not minimised" not in key))
        assert gradient > 0
    assert 0 < totals[-1] < 0.8 * totals[0]


@pytest.mark.parametrize("name", ["normals", "coarse", "fine", "end-to-end"])
def test_every_trained_parameter_gets_a_gradient_and_no_other(
    pool: Path, small_network: PIFuHD, name: str
) -> None:
    """DistributedDataParallel waits for ever for a parameter that the losses do not depend on."""
    stage = make_stage(name, small_network, seed=1)
    small_network.requires_grad_(False)
    for parameter in stage.trained():
        parameter.requires_grad_(True)
    losses = stage(one_batch(pool, name))
    torch.stack([value for key, value in losses.items() if "not minimised" not in key]).sum().backward()
    assert all(p.grad is not None for p in stage.trained())
    trained = {id(p) for p in stage.trained()}
    assert not [name for name, p in stage.named_parameters() if id(p) not in trained and p.grad is not None]


@pytest.mark.parametrize("name", ["normals", "coarse", "fine", "end-to-end"])
def test_stages_keep_to_their_device_and_never_wait_for_it(
    pool: Path, small_network: PIFuHD, name: str
) -> None:
    """The meta device holds no numbers: it refuses tensors of another device, as a GPU does, and whoever
    asks it for a value."""
    meta = torch.device("meta")
    stage = make_stage(name, small_network, seed=1).to(meta)
    losses = stage(on_device(one_batch(pool, name), meta))
    assert {value.device.type for value in losses.values()} == {"meta"}
    torch.stack(list(losses.values())).sum().backward()


@pytest.mark.parametrize("shared", [True, False])
def test_of_pictures_with_known_normals_the_front_alone_counts(shared: bool) -> None:
    preset = TINY if shared else replace(TINY, normals=NormalNets(False, (8, 8, 16), 1))
    torch.manual_seed(0)
    stage = NormalStage(PIFuHD(preset), None)
    batch = made_batch(2, 64)
    known = stage(batch)
    assert known["back"] > 0
    nothing = torch.zeros(2)
    unknown = stage(
        replace(batch, back_known=nothing, colour_known=nothing, back=batch.back * 0, span=nothing)
    )
    assert shared == ("back colour" in known)
    assert {"front", "back", "back edges"} <= set(unknown)
    for name, value in unknown.items():
        if name.startswith("back") or name == "span":
            assert value == 0
        else:
            assert value == known[name] > 0
    half = stage(replace(batch, back_known=torch.tensor([1.0, 0.0])))
    assert 0 < half["back"] < known["back"]


def test_windows_cut_points_mask_and_picture_alike() -> None:
    """A picture that shows each pixel's own camera x and y tells where the window's pixels are."""
    size, window = 64, 32
    batch = made_batch(6, 32, points=200)
    draws = torch.rand(6, 3, generator=torch.Generator().manual_seed(5))
    corner = choose_corners(batch.points, batch.labels, draws, size, window)
    assert corner.min() >= 0
    assert corner.max() <= size - window
    assert len({tuple(at) for at in corner.tolist()}) > 1
    along = torch.linspace(-1, 1, size)
    picture = torch.stack(torch.meshgrid(-along, along, indexing="ij")).expand(6, -1, -1, -1)
    y, x = cut(picture, corner, window).unbind(1)
    assert x.shape == (6, window, window)
    corners = torch.stack([torch.stack([x[:, r, c], y[:, r, c]], 1) for r, c in ((0, 0), (-1, -1))], 1)
    points = torch.cat([corners, torch.zeros(6, 2, 1)], 2)
    local, _ = in_window(points * 0.999999, corner, size, window)
    torch.testing.assert_close(local[:, 0, :2], torch.tensor([[-1.0, 1.0]]).expand(6, 2), atol=1e-3, rtol=0)
    torch.testing.assert_close(local[:, 1, :2], torch.tensor([[1.0, -1.0]]).expand(6, 2), atol=1e-3, rtol=0)
    assert not in_window(points * 1.1 + 0.2, corner, size, window)[1].all()
    shown = covered(batch.mask, corner, size, window)
    assert shown.shape == batch.mask.shape
    rows_, columns = shown[0, 0].nonzero().T
    assert columns.min() * 2 - int(corner[0, 0]) in (0, 1)
    assert rows_.min() * 2 - int(corner[0, 1]) in (0, 1)
    assert 15 * 15 <= len(columns) <= 16 * 16


def test_windows_show_the_person(pool: Path) -> None:
    batch = next(source_of(pool, "fine", PLAN))
    size = TINY.fine_size
    draws = view_draws(3, WINDOWS, batch.index.tolist(), (3,))
    corner = choose_corners(batch.points, batch.labels, draws, size, size // 2)
    inside = in_window(batch.points, corner, size, size // 2)[1]
    assert (inside.float().mean(1) > 0.1).all()


@pytest.mark.parametrize("name", ["normals", "coarse", "fine"])
def test_a_picture_of_current_results_has_a_row_a_view(pool: Path, small_network: PIFuHD, name: str) -> None:
    batch = one_batch(pool, name)
    picture = snapshot(small_network, name, batch)
    assert picture.shape == (2 * 192, (7 if name == "normals" else 4) * 192, 3)
    assert picture.dtype.name == "uint8"
    if name == "normals":
        shown = picture[:192, 4 * 192 :, :].astype(float) / 127.5 - 1
        facing_away = shown[..., 2][abs(shown).max(-1) > 0.2]
        assert (facing_away < 0.05).mean() > 0.9
    else:
        true = picture[:192, 2 * 192 : 3 * 192]
        assert 0.01 < (true == 255).mean() < 0.6
