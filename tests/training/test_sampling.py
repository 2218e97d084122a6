"""Training points: how many, where, and that the generator alone decides."""

from __future__ import annotations

import pytest
import torch

from tests.training.shapes import box, person, sphere
from training.sampling import first_of, mixed_points, surface_points


def test_surface_points_lie_on_the_surface_in_proportion_to_area() -> None:
    vertices = torch.tensor([[0.0, 0, 0], [3, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [0, 1, 1]])
    faces = torch.tensor([[0, 1, 2], [3, 4, 5]])
    u = torch.rand(8000, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    points = surface_points(u, vertices, faces)
    low = points[:, 2] < 0.5
    assert low.float().mean() == pytest.approx(0.75, abs=0.02)
    assert torch.equal(points[low, 2], torch.zeros(int(low.sum())))
    # uniform within the triangle: its centroid is the points' mean, and none lies outside
    assert torch.allclose(points[low].mean(0), torch.tensor([1.0, 1 / 3, 0.0]), atol=0.04)
    assert (points[low, 0] / 3 + points[low, 1] <= 1 + 1e-6).all()


def test_one_in_seventeen_fills_the_whole_cube() -> None:
    subject = person(sphere(0.05, (0.9, 0.9, 0.9)))
    points = mixed_points(torch.Generator().manual_seed(1), subject.vertices, subject.faces, 17000, 0.005)
    assert points.shape == (17000, 3)
    assert points.dtype == torch.float32
    assert points.abs().max() <= 1
    far = (points - 0.9).norm(dim=1) > 0.1
    assert far.float().mean() == pytest.approx(1 / 17, rel=0.12)
    octant = (points[far] > 0).long() @ torch.tensor([4, 2, 1])
    assert torch.bincount(octant, minlength=8).min() > 80
    assert far[:1000].any(), "uniform points are shuffled among the others"
    assert far[-1000:].any()


def test_near_points_leave_the_surface_by_sigma() -> None:
    subject = person(box((-0.9, -0.9, -0.01), (0.9, 0.9, 0.0)))
    points = mixed_points(
        torch.Generator().manual_seed(2), subject.vertices, subject.faces, 6000, 0.1, uniform_share=0.0
    )
    assert points[:, 2].std() == pytest.approx(0.1, rel=0.05)


def test_a_person_partly_out_of_the_frame_is_sampled_where_it_is_in() -> None:
    subject = person(box((0.5, -3, -0.1), (3, 3, 0.1)))
    points = mixed_points(torch.Generator().manual_seed(3), subject.vertices, subject.faces, 2000, 0.03)
    assert points.shape == (2000, 3)
    assert points.abs().max() <= 1
    assert (points[:, 0] > 0.4).float().mean() > 0.9


def test_where_nobody_is_in_the_frame_all_points_are_uniform() -> None:
    subject = person(sphere(0.5, (5, 0, 0)))
    points = mixed_points(torch.Generator().manual_seed(4), subject.vertices, subject.faces, 8000, 0.02)
    octant = (points > 0).long() @ torch.tensor([4, 2, 1])
    assert torch.bincount(octant, minlength=8).min() > 850


def test_the_first_that_are_chosen_come_round_again() -> None:
    chosen = torch.tensor([[True, False, True, True], [False, False, False, True], [False] * 4])
    assert first_of(chosen, 5).tolist() == [[0, 2, 3, 0, 2], [3] * 5, [0] * 5]
    assert first_of(chosen, 2, torch.tensor([2, 0, 0])).tolist() == [[3, 0], [3, 3], [0, 0]]


def test_points_depend_on_the_generator_alone() -> None:
    subject = person(sphere(0.5))

    def draw(seed: int) -> torch.Tensor:
        return mixed_points(torch.Generator().manual_seed(seed), subject.vertices, subject.faces, 500, 0.05)

    assert torch.equal(draw(6), draw(6))
    assert not torch.equal(draw(6), draw(7))
