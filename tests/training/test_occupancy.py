"""Signed crossings against the generalised winding number, part by part."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.shapes import box, person, sphere, winding_number
from training.humans.person import Person
from training.occupancy import inside, inside_views, winding
from training.render import Camera, place


def overlapping(seed: int) -> Person:
    """Two spheres and a box, turned and placed so that they overlap one another."""
    rng = np.random.default_rng(seed)
    shapes = []
    for vertices, faces in (
        sphere(0.4, rings=9),
        sphere(0.5, rings=7),
        box((-0.3, -0.5, -0.2), (0.3, 0.5, 0.2)),
    ):
        turn, _ = np.linalg.qr(rng.standard_normal((3, 3)))
        turn *= np.linalg.det(turn)
        shapes.append(((vertices @ turn.T + rng.uniform(-0.25, 0.25, 3)).astype(np.float32), faces))
    return person(*shapes)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_agrees_with_the_winding_number_of_every_part(seed: int) -> None:
    subject = overlapping(seed)
    points = np.random.default_rng(seed + 1).uniform(-0.9, 0.9, (300, 3)).astype(np.float32)
    counted = winding(torch.from_numpy(points), subject.vertices, subject.faces, subject.part).numpy()
    expected = np.stack(
        [
            winding_number(points, subject.vertices.numpy(), subject.faces[subject.part == k].numpy())
            for k in range(3)
        ],
        axis=1,
    )
    assert np.abs(counted - expected).max() < 1e-6


def test_a_point_in_two_parts_is_inside() -> None:
    subject = person(sphere(0.5), sphere(0.5, (0.3, 0, 0)))
    points = torch.tensor([[0.15, 0.02, 0.01], [-0.4, 0, 0], [0.7, 0, 0], [0.15, 0.49, 0.0], [0, 0, 0.6]])
    counted = winding(points, subject.vertices, subject.faces, subject.part)
    assert counted.tolist() == [[1, 1], [1, 0], [0, 1], [0, 0], [0, 0]]
    found = inside(points, subject.vertices, subject.faces, subject.part)
    assert found.dtype == torch.bool
    assert found.tolist() == [True, True, True, False, False]


def test_rays_through_vertices_and_edges_are_counted_once() -> None:
    subject = person(box((-0.5, -0.5, -0.5), (0.5, 0.5, 0.5)), sphere(0.25, (0.5, 0.5, 0.5), rings=8))
    nodes = torch.linspace(-1, 1, 17)
    points = torch.cartesian_prod(nodes, nodes, nodes)
    counted = winding(points, subject.vertices, subject.faces, subject.part)
    assert set(counted.unique().tolist()) <= {0, 1}
    distance = points.abs().amax(1)
    assert (counted[distance < 0.499, 0] == 1).all()
    assert (counted[distance > 0.501, 0] == 0).all()


def test_a_part_turned_inside_out_holds_nothing() -> None:
    vertices, faces = sphere(0.5)
    subject = person((vertices, faces[:, ::-1].copy()))
    points = torch.zeros(1, 3)
    assert winding(points, subject.vertices, subject.faces, subject.part).tolist() == [[-1]]
    assert not inside(points, subject.vertices, subject.faces, subject.part).any()


def test_far_away_is_outside() -> None:
    subject = person(sphere(0.5))
    points = torch.tensor([[5.0, 0, 0], [0, -5, 0], [0, 0, 5], [0, 0, -5], [-9, 9, 9]])
    assert not inside(points, subject.vertices, subject.faces, subject.part).any()


def test_many_meshes_at_once_are_labelled_as_one_by_one() -> None:
    people = [overlapping(seed) for seed in (1, 2)] + [person(sphere(0.3, (0.2, 0.1, 0)))]
    packed = place(people, [Camera(0.3 * k, 1 + 0.2 * k, (0.1 * k, 0.0)) for k in range(3)])
    points = torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, (3, 400, 3)).astype(np.float32))
    part = torch.cat([one.part for one in people])
    found = inside_views(points, packed.vertices, packed.faces, part, packed.face_view, 3)
    assert found.shape == (3, 400)
    for view, one in enumerate(people):
        vertices = packed.vertices[packed.vertex_view == view]
        assert torch.equal(found[view], inside(points[view], vertices, one.faces, one.part))
        assert 0.02 < found[view].float().mean() < 0.8
