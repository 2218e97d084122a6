# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user's box does to the networks' doubt, normal maps in place of theirs, and batches of points."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from engine.networks import NormalMaps
from engine.photo import from_pixels
from engine.sight import Sight, believing, with_normals
from engine.space import Crop
from engine.weights import PRESETS

CROP = Crop(100, 50, 200)
BOX = (150.0, 70.0, 250.0, 230.0)  # the crop's middle


def maps(sure: float) -> NormalMaps:
    """Somebody in the left half of the box, and as much of a stranger outside of it."""
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 8:56, 17:32] = sure
    mask[..., 8:56, :8] = 0.9
    front = mask * torch.tensor([0.0, 0.6, 0.8]).reshape(1, 3, 1, 1)
    return NormalMaps(front, -front, mask, torch.tensor([1.1]))


def test_a_faint_silhouette_in_the_box_becomes_sure_and_its_normals_unit():
    result = believing(maps(0.3), BOX, CROP)
    assert result.mask[0, 0, 20, 20] == pytest.approx(1.0)
    torch.testing.assert_close(result.front[0, :, 20, 20], torch.tensor([0.0, 0.6, 0.8]))
    torch.testing.assert_close(result.back, -result.front)
    assert result.mask[0, 0, 20, 40] == 0
    assert result.mask.max() <= 1
    assert result.span == maps(0.3).span


def test_what_is_sure_already_stays_as_it_is():
    result = believing(maps(1.0), BOX, CROP)
    torch.testing.assert_close(result.mask[..., 17:32], maps(1.0).mask[..., 17:32])
    torch.testing.assert_close(result.front, maps(1.0).front)


def test_next_to_nothing_does_not_become_somebody():
    assert believing(maps(0.05), BOX, CROP).mask[0, 0, 20, 20] == pytest.approx(0.2)


def test_given_normals_are_as_long_as_the_silhouette_lets_them():
    painted = np.full((64, 64, 3), 128, np.uint8)
    painted[:, 20], painted[:, 40] = (255, 128, 128), (255, 255, 0)  # in the person, and in nobody
    back = np.full((64, 64, 3), 128, np.uint8)
    back[:, 20] = 128, 128, 64  # half a normal
    result = with_normals(maps(0.8), (painted, back))
    torch.testing.assert_close(result.front[0, :, 20, 20], torch.tensor([0.8, 0.0, 0.0]), atol=0.004, rtol=0)
    torch.testing.assert_close(result.back[0, :, 20, 20], torch.tensor([0.0, 0.0, -0.5]), atol=0.004, rtol=0)
    assert result.front[0, :, 20, 40].norm() == 0
    torch.testing.assert_close(result.mask, maps(0.8).mask)
    assert result.span == maps(0.8).span


def test_the_maps_own_pictures_are_themselves_but_for_the_rounding():
    own = maps(0.8)
    front, back = (np.round((one[0].permute(1, 2, 0).numpy() + 1) * 127.5).astype(np.uint8)
                   for one in (own.front, own.back))
    result = with_normals(own, (front, back))
    torch.testing.assert_close(result.front, own.front, atol=0.005, rtol=0)
    torch.testing.assert_close(result.back, own.back, atol=0.005, rtol=0)


@pytest.mark.parametrize("preset, precision, points", [
    ("pifuhd", torch.float32, 4096), ("pifuhd", torch.bfloat16, 8192), ("compact", torch.float32, 16384),
])
def test_as_many_points_are_asked_at_once_as_fill_the_same_bytes(preset, precision, points):
    photo = from_pixels(np.zeros((64, 64, 3), dtype=np.uint8))
    weights = SimpleNamespace(preset=PRESETS[preset], network=nn.Identity())
    assert Sight(photo, weights, torch.device("cpu"), precision).points_at_once() == points
