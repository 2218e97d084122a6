# SPDX-License-Identifier: GPL-3.0-or-later
"""The colour of the side that the viewer does not see."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.training.shapes import box, person
from training.humans import Person
from training.render import Camera, back_colours, random_light, render_batch
from training.render.light import from_srgb, to_srgb

RED, BLUE, GREEN = (0.6, 0.1, 0.1), (0.1, 0.15, 0.6), (0.1, 0.5, 0.1)
SIZE = 64


def painted() -> Person:
    """A red slab before a blue one, whose half to the viewer's right is green: seen from the front."""
    slabs = person(
        box((-0.4, 0.0, 0.02), (0.4, 1.6, 0.2)),
        box((-0.4, 0.0, -0.2), (0.0, 1.6, -0.02)),
        box((0.0, 0.0, -0.2), (0.4, 1.6, -0.02)),
    )
    colours = [torch.tensor(colour).repeat(8, 1) for colour in (RED, BLUE, GREEN)]
    return replace(slabs, albedo=torch.cat(colours))


def back_of(shown: Person, camera: Camera, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The back's colours and the front's (3, SIZE, SIZE), and where both are known (SIZE, SIZE)."""
    view = render_batch([shown], [camera], SIZE, [random_light(np.random.default_rng(seed))])
    solid = (view.mask >= 0.5).float()
    colours = back_colours([shown], [camera], view.colour, view.mask, solid)
    return colours[0], view.colour[0], solid[0, 0] > 0


def test_the_farthest_surface_is_shown_on_the_fronts_pixels() -> None:
    back, front, solid = back_of(painted(), Camera(0.0, 1.0, (0.0, 0.0)), 1)
    assert not back[:, ~solid].any()
    assert (front[0] > front[2])[solid].all()
    left = solid & (torch.arange(SIZE) < SIZE // 2 - 1)
    right = solid & (torch.arange(SIZE) > SIZE // 2)
    assert (back.argmax(0)[left] == 2).all()
    assert (back.argmax(0)[right] == 1).all()
    turned, _, solid = back_of(painted(), Camera(np.pi, 1.0, (0.0, 0.0)), 1)
    assert (turned.argmax(0)[solid] == 0).all()


@pytest.mark.parametrize("seed", [0, 3, 8])
def test_the_light_is_even_and_as_bright_and_tinted_as_on_the_front(seed: int) -> None:
    plain = replace(painted(), albedo=torch.full((24, 3), 0.5))
    back, front, solid = back_of(plain, Camera(0.4, 1.0, (0.0, 0.0), 0.1), seed)
    linear = from_srgb(front[:, solid]).mean(1)
    assert back[:, solid].std(1).max() < 0.02, "no shading"
    torch.testing.assert_close(from_srgb(back[:, solid]).mean(1), linear, rtol=0.12, atol=0.01)


def test_nobody_in_the_picture_has_no_colour() -> None:
    back, _, solid = back_of(painted(), Camera(0.0, 1.0, (9.0, 0.0)), 0)
    assert not solid.any()
    assert not back.any()


def test_linear_light_and_srgb_are_inverse() -> None:
    values = torch.linspace(0, 1, 50)
    torch.testing.assert_close(to_srgb(from_srgb(values)), values, atol=1e-5, rtol=0)
    assert from_srgb(torch.tensor(0.5)) == pytest.approx(0.2140, abs=1e-3)
