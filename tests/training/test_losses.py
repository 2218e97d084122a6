"""What is minimised: the paper's formula, means of views, draws that depend on the view alone."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.training.learning import made_batch, rows
from training.losses import (
    back_colour_loss,
    column_loss,
    extended_bce,
    gradient_l1,
    masked_l1,
    point_iou,
    span_loss,
    view_draws,
    weighted_choice,
)
from training.views import Batch


def test_the_extended_loss_is_the_papers() -> None:
    logits, labels = torch.tensor([[0.0, 2.0, -1.0]]), torch.tensor([[1.0, 1.0, 0.0]])
    f = torch.sigmoid(logits[0])
    outside = 1 / 3
    terms = [outside * math.log(f[0]), outside * math.log(f[1]), (1 - outside) * math.log(1 - f[2])]
    assert extended_bce(logits, labels).item() == pytest.approx(-sum(terms) / 3, rel=1e-5)
    # points that do not count change neither lambda nor the mean
    more = torch.cat([logits, torch.tensor([[9.0, -9.0]])], 1)
    where = torch.tensor([[True, True, True, False, False]])
    with_others = extended_bce(more, torch.tensor([[1.0, 1.0, 0.0, 0.0, 1.0]]), where)
    assert with_others.item() == pytest.approx(-sum(terms) / 3, rel=1e-5)


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
    # a view without anybody counts as one without a loss
    both = torch.cat([mask, torch.zeros_like(mask)])
    assert masked_l1(predicted.repeat(2, 1, 1, 1), target.repeat(2, 1, 1, 1), both) == 1


def test_the_back_colours_loss_counts_the_silhouette_of_views_that_know_it() -> None:
    batch = made_batch(2, 16)
    inside = batch.mask.bool()
    off = torch.where(inside, batch.back_colour + 0.2, 9.0)
    assert back_colour_loss(off, batch) == pytest.approx(0.2, rel=1e-4)
    half = replace(batch, colour_known=torch.tensor([1.0, 0.0]))
    assert back_colour_loss(off, half) == pytest.approx(0.1, rel=1e-4)


def test_the_spans_loss_leaves_out_pictures_of_nobody_and_of_unknown_scale() -> None:
    batch = made_batch(2, 16)
    right = batch.span.log()
    assert span_loss(right, batch) == 0
    assert span_loss(right + 0.5, batch) == pytest.approx(0.5, rel=1e-5)
    empty = replace(batch, mask=batch.mask * torch.tensor([1.0, 0.0])[:, None, None, None])
    assert span_loss(right + torch.tensor([0.0, 9.0]), empty) == 0
    unknown = replace(batch, back_known=torch.zeros(2), span=torch.zeros(2))
    assert span_loss(right, unknown) == 0


@pytest.mark.parametrize(
    "loss",
    [
        lambda batch, f: extended_bce(
            f[:, :60], batch.labels, batch.points[..., 0] > -0.2 * f[:, :60].detach()
        ),
        lambda batch, f: masked_l1(f.reshape(-1, 3, 16, 16), batch.front, batch.mask),
        lambda batch, f: gradient_l1(f.reshape(-1, 3, 16, 16), batch.front, batch.mask),
        lambda batch, f: span_loss(f[:, 0], batch),
        lambda batch, f: point_iou(f[:, :60], batch.labels),
        lambda batch, f: column_loss(
            lambda at: at[..., 2] * f[:, :1], batch, view_draws(1, 0, batch.index.tolist(), (40, 2))
        ),
    ],
)
def test_a_loss_and_its_gradient_are_the_mean_of_those_of_the_halves(
    loss: Callable[[Batch, torch.Tensor], torch.Tensor],
) -> None:
    """Views differ in size and in how many points count, so that a mean over pixels or points would not."""
    batch = made_batch(4, 16)
    free = torch.randn(4, 768, generator=torch.Generator().manual_seed(0)).requires_grad_()
    whole = loss(batch, free)
    halves = [loss(rows(batch, part), free[part]) for part in (slice(0, 2), slice(2, 4))]
    torch.testing.assert_close(whole, torch.stack(halves).mean())
    if whole.requires_grad:
        gradients = [torch.autograd.grad(value, free)[0] for value in (whole, torch.stack(halves).mean())]
        assert gradients[0].abs().sum() > 0
        torch.testing.assert_close(*gradients)


def test_columns_are_labelled_by_front_and_back() -> None:
    """The truth as a query has hardly any loss, its opposite a large one."""
    batch = made_batch(2, 32)
    draws = view_draws(0, 0, batch.index.tolist(), (400, 2))

    def truth(points: torch.Tensor) -> torch.Tensor:
        image = torch.stack([points[..., 0], -points[..., 1]], -1)[:, None]
        front, back = torch.nn.functional.grid_sample(
            batch.depth, image, mode="nearest", align_corners=False
        )[:, :, 0].unbind(1)
        inside = (points[..., 2] < front) & (points[..., 2] > back)
        return torch.where(inside, 20.0, -20.0)

    assert column_loss(truth, batch, draws) < 1e-3
    assert column_loss(lambda points: -truth(points), batch, draws) > 5
    # where nobody is, everything is outside
    empty = replace(batch, mask=batch.mask * 0, depth=batch.depth * 0)
    assert column_loss(lambda points: torch.full(points.shape[:2], -20.0), empty, draws) < 1e-3


def test_a_choice_is_as_frequent_as_its_weight() -> None:
    weights = torch.tensor([[0.0, 1.0, 0.0, 3.0, 0.0], [1.0, 0.0, 0.0, 0.0, 0.0]])
    draws = torch.from_numpy(np.random.default_rng(0).random((2, 4000), np.float32))
    draws[:, 0] = 0
    chosen = weighted_choice(weights, draws)
    share = torch.bincount(chosen[0], minlength=5) / 4000
    assert share[[0, 2, 4]].sum() == 0
    assert share[3] == pytest.approx(0.75, abs=0.03)
    assert not chosen[1].any()


def test_draws_depend_on_the_view_and_the_purpose_alone() -> None:
    both = view_draws(4, 0, [8, 9], (5,))
    torch.manual_seed(1)
    assert torch.equal(view_draws(4, 0, [9], (5,)), both[1:])
    assert not torch.equal(both[0], both[1])
    assert not torch.equal(view_draws(4, 1, [9], (5,)), both[1:])
