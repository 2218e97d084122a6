# SPDX-License-Identifier: GPL-3.0-or-later
"""Mesh metrics on shapes whose figures are known."""

import math

import numpy as np
import pytest
import torch

from tests.training.shapes import Shape, box, sphere
from training.evaluation import metrics
from training.evaluation.distances import Surface
from training.evaluation.meshes import Mesh, count_components, one_part, outer_surface
from training.evaluation.metrics import compare


def mesh(shape: Shape) -> Mesh:
    return one_part(torch.from_numpy(shape[0]), torch.from_numpy(shape[1]))


def test_distances_are_to_the_surface_of_a_box_not_to_its_corners_or_samples() -> None:
    vertices, faces = box((0, 0, 0), (1, 2, 3))
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 4, (400, 3))
    beyond = np.maximum(np.maximum(-points, points - np.array([1, 2, 3])), 0)
    within = np.minimum(points, np.array([1, 2, 3]) - points).min(1)
    known = np.where(within > 0, within, np.linalg.norm(beyond, axis=1))
    assert Surface(vertices[faces]).distance(points) == pytest.approx(known, abs=1e-6)


def test_the_search_is_exact_where_triangles_are_long_thin_or_flat() -> None:
    """Against every triangle in turn, which needs no search."""
    rng = np.random.default_rng(1)
    triangles = rng.normal(size=(300, 1, 3)) + rng.normal(size=(300, 3, 3)) * 0.02
    triangles[:4] += rng.normal(size=(4, 3, 3)) * 3
    triangles[4:8, 2] = (triangles[4:8, 0] + triangles[4:8, 1]) / 2
    triangles[8:10] = triangles[8:10, :1]
    points = rng.normal(size=(60, 3)) * 1.5
    known = np.min([Surface(triangles[k : k + 1]).distance(points) for k in range(300)], axis=0)
    assert Surface(triangles).distance(points) == pytest.approx(known, abs=1e-12)


def test_identical_meshes_have_no_error() -> None:
    same = mesh(sphere(0.5, (0.1, 0.9, 0.2), rings=12))
    result = compare(same, same)
    assert result.p2s == pytest.approx(0, abs=1e-5)
    assert result.completeness == pytest.approx(0, abs=1e-5)
    assert result.f_score == 100
    assert result.normal == result.degrees == 0
    assert result.silhouette_iou == result.side_iou == result.volume_iou == 1
    assert result.components == 1


def test_two_spheres_are_as_far_apart_as_their_radii() -> None:
    result = compare(mesh(sphere(0.52, rings=40)), mesh(sphere(0.5, rings=40)))
    for distance in (result.p2s, result.completeness, result.chamfer, result.z_chamfer):
        assert distance == pytest.approx(2.0, abs=0.05)
    assert result.f_score == 0
    assert result.volume_iou == pytest.approx((0.5 / 0.52) ** 3, abs=0.01)
    assert result.silhouette_iou == pytest.approx((0.5 / 0.52) ** 2, abs=0.003)
    # the same direction is seen at r / R of the place: sin(a) = d / r against d / R
    place = np.sqrt(np.random.default_rng(0).random(100_000)) * 0.5
    angle = np.degrees(np.arcsin(place / 0.5) - np.arcsin(place / 0.52))
    assert result.degrees == pytest.approx(angle.mean(), rel=0.03)
    ring = (0.52**2 - 0.5**2) * math.pi  # normals against the background: squared length 1
    inside = (4 * np.sin(np.radians(angle) / 2) ** 2).mean() * math.pi * 0.5**2
    frame = (1.0 / 0.91) ** 2
    assert result.normal == pytest.approx((ring + inside) / frame, rel=0.03)


def test_a_shifted_box_is_known_sideways_and_the_depth_is_open() -> None:
    true = mesh(box((0, 0, 0), (1.0, 1.0, 1.0)))
    sideways = true.vertices + torch.tensor([0.03, 0.0, 0.0])
    result = compare(one_part(sideways, true.faces), true)
    # one face stands out by 3 cm; the opposite one lies 3 cm inside, less near its edges, where the other
    # faces are nearer; of the other four only the strip beyond the truth is off, by 1.5 cm in the mean
    inside = 100 * (1 - 0.94**3) / 6
    assert result.p2s == pytest.approx((3 + inside + 4 * 0.03 * 1.5) / 6, abs=0.05)
    assert result.f_score == pytest.approx(100 * (4 - 4 * 0.02) / 6, abs=1.5)
    assert result.z_offset == pytest.approx(0, abs=1e-4)
    deeper = compare(true.moved(0.3), true)
    assert deeper.p2s == pytest.approx(0, abs=1e-4)
    assert deeper.volume_iou > 0.9999


def test_depth_is_also_aligned_by_what_is_seen_where_the_medians_mislead() -> None:
    """A ball inside the prediction moves the median of its surface, but nothing that is seen."""
    outside, ball = box((0, 0, -0.5), (1, 1, 0.5)), sphere(0.4, (0.5, 0.5, 0.0), rings=12)
    faces = np.concatenate([outside[1], ball[1] + len(outside[0])])
    result = compare(mesh((np.concatenate([outside[0], ball[0]]), faces)), mesh(outside))
    assert abs(result.z_offset) > 1
    assert result.completeness > 0.3
    assert result.z_completeness == pytest.approx(0, abs=1e-3)
    assert result.components == 2


def test_directions_differ_where_something_is_missing() -> None:
    body, arm = box((0, 0, -0.1), (0.4, 1.6, 0.1)), box((0.6, 0.8, -0.1), (1.0, 1.0, 0.1))
    faces = np.concatenate([body[1], arm[1] + len(body[0])])
    result = compare(mesh(body), mesh((np.concatenate([body[0], arm[0]]), faces)))
    assert result.p2s == pytest.approx(0, abs=1e-4)
    assert result.completeness > 5
    assert result.chamfer == pytest.approx(result.completeness / 2, abs=1e-3)
    assert result.components == 1


def test_the_body_under_clothes_is_not_asked_for() -> None:
    skin, coat = sphere(0.4, rings=12), sphere(0.5, rings=12)
    faces = torch.from_numpy(np.concatenate([skin[1], coat[1] + len(skin[0])]))
    part = torch.arange(2).repeat_interleave(len(skin[1]))
    both = Mesh(torch.from_numpy(np.concatenate([skin[0], coat[0]])), faces, part)
    assert torch.equal(outer_surface(both).faces, faces[part == 1])
    result = compare(mesh(coat), both)
    assert result.completeness < 0.01
    assert count_components(both) == 2


def test_meshes_that_hold_no_surface_are_refused() -> None:
    corners = torch.tensor([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]])
    face = torch.tensor([[0, 1, 2]])
    with pytest.raises(ValueError, match="no surface"):
        one_part(corners, face)
    with pytest.raises(ValueError, match="at least one triangle"):
        one_part(corners, face[:0])
    with pytest.raises(ValueError, match="not finite"):
        one_part(corners * torch.inf, face)


def slab(thickness: float, low: float) -> Mesh:
    """A level plate of 1 x 1 m whose underside is at y = low, as near to a plane as a closed mesh comes."""
    return mesh(box((-0.5, low, -0.5), (0.5, low + thickness, 0.5)))


@pytest.mark.parametrize("thickness, shift", [(0.004, 0.012), (0.01, 0.05), (0.1, 0.15)])
def test_a_slab_shifted_along_its_normal_has_exactly_known_figures(thickness: float, shift: float) -> None:
    """Shifted by more than its thickness, so that every point at height h above the other plate's near side,
    h from shift - thickness on its near side to shift on its far one, is h away from that side: the mean is
    shift - thickness / 2, and the narrow sides, which h runs along evenly, do not change it.
    """
    result = compare(slab(thickness, shift), slab(thickness, 0.0))
    known = 100 * (shift - thickness / 2)
    error = 100 * thickness / 2 / math.sqrt(10_000)  # of the mean of so many samples, at most
    for distance in (result.p2s, result.completeness, result.chamfer, result.z_p2s, result.z_completeness):
        assert distance == pytest.approx(known, abs=5 * error)
    # within 1 cm: all of the near side where it is, none of the far one; of the narrow sides the share below
    below = min(max((0.01 - (shift - thickness)) / thickness, 0), 1)
    share = ((shift - thickness < 0.01) + 4 * thickness * below) / (2 + 4 * thickness)
    assert result.f_score == pytest.approx(100 * share, abs=2.5 if share else 0)
    assert result.volume_iou == result.silhouette_iou == result.side_iou == 0
    assert math.isnan(result.degrees)
    assert result.z_offset == 0
    assert result.components == 1


def test_normals_of_a_slab_that_misses_the_other_count_once_for_each() -> None:
    """From all four sides two rectangles that do not overlap, each of squared length 1, and nothing else."""
    result = compare(slab(0.1, 0.15), slab(0.1, 0.0))
    assert result.normal == pytest.approx(2 * 0.91 * (0.91 * 0.1), rel=0.02)
    half = compare(slab(0.1, 0.05), slab(0.1, 0.0))
    # half of each sticks out; where they overlap the normals are the same but for the rounded edges
    assert half.silhouette_iou == pytest.approx(1 / 3, abs=0.01)
    assert half.volume_iou == pytest.approx(1 / 3, abs=0.03)


def test_a_plane_shifted_in_depth_is_where_it_was() -> None:
    plate = mesh(box((-0.5, -0.5, 0.0), (0.5, 0.5, 0.01)))
    result = compare(plate.moved(0.37), plate)
    assert result.p2s == pytest.approx(0, abs=1e-4)
    assert result.f_score == 100
    assert result.volume_iou > 0.999


def test_the_side_that_no_photograph_shows_has_figures_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ball with a flat back against a whole one; then both turned, so that the photograph shows that."""
    monkeypatch.setattr(metrics, "SAMPLES", 1000)
    vertices, faces = sphere(0.5, rings=20)
    flat = vertices.copy()
    flat[:, 2] = np.maximum(flat[:, 2], -0.1)
    hidden = compare(mesh((flat, faces)), mesh((vertices, faces)))
    turn = np.array([-1, 1, -1], np.float32)
    shown = compare(mesh((flat * turn, faces)), mesh((vertices * turn, faces)))
    assert shown.p2s == pytest.approx(hidden.p2s, rel=0.1)
    assert hidden.back_p2s > hidden.p2s > shown.back_p2s
    assert hidden.back_degrees > 20
    assert shown.back_degrees == 0
    assert hidden.normal == pytest.approx(shown.normal, abs=1e-6)
    assert shown.back_normal == pytest.approx(0, abs=1e-9)


def test_what_lies_beyond_the_frame_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the truth is below the picture; the prediction ends a little below it, with a cap."""
    monkeypatch.setattr(metrics, "SAMPLES", 1000)
    vertices, faces = sphere(0.3, rings=24)
    true = mesh((vertices * np.array([1, 4, 1], np.float32) - np.array([0, 0.8, 0], np.float32), faces))
    short = true.vertices.clone()
    short[:, 1].clamp_(min=-0.56)
    seen = one_part(short, true.faces)
    assert compare(seen, true).completeness > 10
    cut = compare(seen, true, span=1.0)
    for distance in (cut.p2s, cut.completeness, cut.z_chamfer, cut.normal):
        assert distance == pytest.approx(0, abs=0.05)
    assert cut.silhouette_iou > 0.995
    assert cut.side_iou > 0.995
    assert cut.volume_iou > 0.999
    with pytest.raises(ValueError, match="at least one triangle"):
        compare(seen, true, span=1e-6)
