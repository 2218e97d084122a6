"""The renderer against plain ray casting, and the frames that every training target rests on."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from tests.training.shapes import box, cast_rays, figure, person, sphere
from training.humans.person import Person
from training.render import (
    Camera,
    Light,
    View,
    camera_vertices,
    random_camera,
    random_light,
    rasterise,
    render,
)
from training.render.light import harmonics, irradiance
from training.render.occlusion import ambient_occlusion
from training.render.rasterise import to_pixels
from training.render.views import vertex_normals

AMBIENT = torch.zeros(9, 3)
AMBIENT[0] = 1.0


def light(
    direction: tuple[float, float, float] = (0, 0, 1), key: float = 0.0, occlusion: float = 0.0
) -> Light:
    towards = torch.nn.functional.normalize(torch.tensor(direction, dtype=torch.float32), dim=0)
    return Light(AMBIENT, towards, torch.full((3,), key), 0.0, 0.0, occlusion, 0.5)


def look(subject: Person, camera: Camera, size: int = 64, supersample: int = 1) -> View:
    return render(subject, camera, size, light(), supersample)


def pixel_centres(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Camera x and y of every pixel's centre, row-major, row 0 on top."""
    steps = (np.arange(size) + 0.5) * 2 / size - 1
    return np.tile(steps, size), np.repeat(-steps, size)


def cast(subject: Person, camera: Camera, size: int) -> dict[str, np.ndarray]:
    vertices = camera_vertices(subject, camera)
    normals = vertex_normals(vertices, subject.faces)
    return cast_rays(vertices.numpy(), subject.faces.numpy(), normals.numpy(), *pixel_centres(size))


CAMERAS = [
    Camera(0.0, 1.1, (0.0, 0.0)),
    Camera(0.7, 1.0, (0.05, -0.03), 0.08),
    Camera(-2.3, 0.9, (-0.1, 0.05), -0.06),
    Camera(2.0, 1.9, (0.3, 0.5), 0.05),  # partly out of the frame
]


@pytest.mark.parametrize("camera", CAMERAS)
def test_maps_agree_with_ray_casting(camera: Camera) -> None:
    size = 64
    view, truth = look(figure(), camera, size), cast(figure(), camera, size)
    mask = view.mask[0].numpy().ravel() > 0.5
    differs = mask != truth["hit"]
    assert differs.sum() <= 2, "only a centre exactly on an outline may fall to either side"
    both = mask & truth["hit"]
    assert both.sum() > 300
    for name in ("front", "back"):
        depth = getattr(view, f"depth_{name}")[0].numpy().ravel()
        assert np.abs(depth - truth[f"{name}_z"])[both].max() < 1e-4
        normal = getattr(view, name).permute(1, 2, 0).reshape(-1, 3).numpy()
        cosine = (normal * truth[name]).sum(1)[both]
        # a ray along a shared edge may take either face; their smooth normals agree there
        assert np.quantile(cosine, 0.005) > 0.9999
        assert np.abs(normal[~mask]).max() == 0


def test_a_spheres_front_and_back_normals_are_neither_mirrored_nor_negated() -> None:
    size = 128
    view = look(person(sphere(0.8, rings=60)), Camera(0.0, 1.0, (0.0, 0.0)), size, supersample=2)
    x, y = (a.reshape(size, size) for a in pixel_centres(size))
    middle = x**2 + y**2 < 0.7**2
    depth = np.sqrt(np.where(middle, 0.64 - x**2 - y**2, 0))
    expected = np.stack([x, y, depth]) / 0.8
    assert np.abs(view.front.numpy() - expected)[:, middle].max() < 0.02
    assert np.abs(view.back.numpy() - expected * [[[1]], [[1]], [[-1]]])[:, middle].max() < 0.02
    assert np.abs(view.depth_front[0].numpy() - depth)[middle].max() < 0.02
    assert np.abs(view.depth_back[0].numpy() + depth)[middle].max() < 0.02
    outside = x**2 + y**2 > 0.82**2
    for name in ("mask", "front", "back", "depth_front", "depth_back"):
        assert np.abs(getattr(view, name).numpy()[:, outside]).max() == 0, name


def test_the_picture_has_y_up_x_right_and_z_to_the_viewer() -> None:
    view = look(figure(), Camera(0.0, 1.1, (0.0, 0.0)))
    rows, columns = (view.mask[0] > 0.5).nonzero(as_tuple=True)
    top_columns = columns[rows < rows.min() + 6]
    assert top_columns.float().mean() < columns.float().mean(), "the head is on the viewer's left"
    assert view.depth_front.max() > 0.2, "the nose comes towards the viewer"
    nose = view.depth_front[0] == view.depth_front.max()
    assert view.front[2][nose].min() > 0.2, "a box's corner normals lean outwards, but they face the viewer"
    arm_rows = rows[columns > columns.max() - 6]
    assert arm_rows.float().mean() < rows.float().mean(), "the arm on the right is above the middle"


def test_positive_yaw_turns_the_face_to_the_viewers_right() -> None:
    turned = camera_vertices(figure(), Camera(math.pi / 2, 1.0, (0.0, 0.0)))
    nose_tip = figure().vertices[:, 2].argmax()
    assert turned[nose_tip, 0] == turned[:, 0].max()


def test_positive_tilt_shows_the_top() -> None:
    view = look(person(box((-0.4, 0, -0.4), (0.4, 0.8, 0.4))), Camera(0.0, 1.0, (0.0, 0.0), 0.3), 32)
    top_row = (view.mask[0] > 0.5).nonzero()[:, 0].min()
    assert view.front[1, top_row, 16] > view.front[1, 20, 16] + 0.3


def test_camera_vertices_place_the_box_and_the_median_depth() -> None:
    subject = figure()
    placed = camera_vertices(subject, Camera(0.4, 0.9, (0.1, -0.2), 0.05))
    middle = (placed.amin(0) + placed.amax(0)) / 2
    assert torch.allclose(middle[:2], torch.tensor([0.1, -0.2]), atol=1e-5)
    a, b, c = placed[subject.faces].unbind(1)
    area = torch.linalg.cross(b - a, c - a).norm(dim=1)
    behind = area[((a + b + c)[:, 2] / 3) < -1e-6].sum() / area.sum()
    before = area[((a + b + c)[:, 2] / 3) > 1e-6].sum() / area.sum()
    assert behind <= 0.5
    assert before <= 0.5
    lengths = (placed[1:] - placed[:-1]).norm(dim=1) / (subject.vertices[1:] - subject.vertices[:-1]).norm(
        dim=1
    )
    assert torch.allclose(lengths, torch.full_like(lengths, 0.9), atol=1e-4)


def test_neighbouring_faces_leave_no_gap_and_the_nearest_wins() -> None:
    rng = np.random.default_rng(3)
    side = 12
    grid = np.stack(np.meshgrid(np.linspace(-4, 36, side), np.linspace(-4, 36, side)), -1).reshape(-1, 2)
    points = np.concatenate([grid + rng.uniform(-1.2, 1.2, grid.shape), rng.random((side * side, 1))], 1)
    i = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    faces = np.concatenate([np.stack([i, i + 1, i + side], 1), np.stack([i + 1, i + side + 1, i + side], 1)])
    near = points + [0, 0, 5]
    both = torch.tensor(np.concatenate([points, near]), dtype=torch.float32)
    front, back = rasterise(both, torch.from_numpy(np.concatenate([faces, faces + len(points)])), 32, 32)
    assert (front >= len(faces)).all(), "every pixel is covered by the nearer sheet"
    assert ((back >= 0) & (back < len(faces))).all()
    assert torch.equal(front - len(faces), back), "the same face covers a pixel in both sheets"


def test_pixels_span_the_crop_from_edge_to_edge() -> None:
    corners = to_pixels(torch.tensor([[-1.0, 1.0, 0.3], [1.0, -1.0, -0.2]]), 64)
    assert torch.allclose(corners, torch.tensor([[0.0, 0.0, 0.3], [64.0, 64.0, -0.2]]))


def test_supersampling_gives_coverage_and_edges_without_a_dark_seam() -> None:
    view = render(person(sphere(0.7, rings=40)), Camera(0.0, 1.0, (0, 0)), 64, light(), 4)
    share = view.mask.mean().item()
    assert share == pytest.approx(math.pi * 0.49 / 4, rel=0.01)
    assert ((view.mask > 0.1) & (view.mask < 0.9)).any()
    covered = (view.mask > 0)[0]
    inside = view.colour[:, 32, 32]
    assert torch.allclose(view.colour[:, covered], inside[:, None].expand(3, int(covered.sum())), atol=1e-3)


def test_a_light_from_the_right_lights_the_right() -> None:
    view = render(person(sphere(0.7)), Camera(0.0, 1.0, (0, 0)), 64, light((1, 0.2, 0.3), 2.0), 1)
    assert view.colour[:, 32, 46].mean() > view.colour[:, 32, 18].mean() + 0.1


def test_the_exposure_lifts_dark_people_without_making_them_bright() -> None:
    tones = [
        render(person(sphere(0.7), albedo=albedo), Camera(0.0, 1.0, (0, 0)), 32, light(), 1).colour[0, 16, 16]
        for albedo in (0.1, 0.2, 0.5, 0.9)
    ]
    assert tones == sorted(tones)
    assert tones[0] > 0.08, "exposure 0.5 alone would leave 0.06"
    assert tones[0] < 0.12


def test_what_stands_in_the_light_casts_a_shadow() -> None:
    wall, post = box((-0.8, -0.8, -0.2), (0.8, 0.8, 0.0)), box((-0.1, -0.8, 0.3), (0.0, 0.8, 0.4))
    camera = Camera(0.0, 1.0, (0, 0))
    view = render(person(wall, post), camera, 96, light((1, 0, 1), 2.0), 1)
    row = view.colour[0, 48]
    # the post stands 0.3 to 0.4 before the wall and the light comes at 45 degrees: its shadow is so far left
    shaded, bright = row[int((1 - 0.4) * 48)], row[int((1 + 0.4) * 48)]
    assert shaded < bright - 0.1


def test_ambient_occlusion_darkens_corners_only() -> None:
    size = 64
    depth = torch.zeros(1, size, size)
    normals = torch.zeros(1, size, size, 3)
    normals[..., 2] = 1
    covered = torch.ones(1, size, size, dtype=torch.bool)
    flat = ambient_occlusion(depth, normals, covered)
    assert flat.min() > 0.99
    step = depth.clone()
    step[:, :, 40:] = 0.15
    corner = ambient_occlusion(step, normals, covered)
    assert corner[0, 32, 38] < 0.92
    assert corner[0, 32, 5] > 0.99


def test_harmonics_reproduce_a_cosine_and_a_constant() -> None:
    rng = np.random.default_rng(0)
    normals = torch.nn.functional.normalize(torch.from_numpy(rng.standard_normal((500, 3))).float(), dim=1)
    even = irradiance(normals, AMBIENT)
    assert even.std() < 1e-5
    towards = torch.tensor([0.6, 0.0, 0.8])
    lamp = irradiance(normals, harmonics(towards)[:, None].expand(9, 3))
    # the order-2 expansion of a clamped cosine is off by 3/32 at its worst, on the terminator
    assert (lamp[:, 0] - (normals @ towards).clamp(min=0)).abs().max() < 0.0942


def test_a_person_out_of_the_picture_gives_an_empty_view() -> None:
    view = look(figure(), Camera(0.0, 1.0, (5.0, 0.0)), 32)
    for name in ("colour", "mask", "front", "back", "depth_front", "depth_back"):
        picture = getattr(view, name)
        assert torch.isfinite(picture).all()
        assert picture.abs().max() == 0, name


def test_random_cameras_frame_the_person_as_promised() -> None:
    rng = np.random.default_rng(5)
    subject = figure()
    frontal, cut, portraits, shares = 0, 0, 0, []
    for _ in range(400):
        camera = random_camera(rng, subject)
        placed = camera_vertices(subject, camera)
        share = float((placed.amax(0) - placed.amin(0))[:2].amax()) / 2
        frontal += abs(camera.yaw) <= math.radians(40)
        cut += share > 0.96
        head_in, feet_in = placed[:, 1].amax() < 0.951, placed[:, 1].amin() >= -1
        portraits += bool(head_in and not feet_in)
        if share <= 0.96:
            assert placed[:, :2].abs().max() <= 1.0001
            shares.append(share)
    assert 0.52 < frontal / 400 < 0.75
    assert 0.13 < cut / 400 < 0.28
    assert 0.1 < portraits / 400 < 0.22
    assert min(shares) >= 0.549
    assert np.mean(np.array(shares) >= 0.8) > 0.6


def test_cameras_lights_and_pictures_depend_on_the_generator_alone() -> None:
    def draw(seed: int) -> tuple[Camera, Light, View]:
        rng = np.random.default_rng(seed)
        camera, chosen = random_camera(rng, figure()), random_light(rng)
        return camera, chosen, render(figure(), camera, 32, chosen)

    first, again, other = draw(1), draw(1), draw(2)
    assert first[0] == again[0]
    assert first[0] != other[0]
    for a, b in ((first[1], again[1]), (first[2], again[2])):
        for field in dataclasses.fields(a):
            x, y = getattr(a, field.name), getattr(b, field.name)
            assert torch.equal(torch.as_tensor(x), torch.as_tensor(y)), field.name
    assert not torch.equal(first[1].environment, other[1].environment)


def test_random_lights_leave_nobody_black_or_blown_out() -> None:
    rng = np.random.default_rng(11)
    for _ in range(40):
        view = render(figure(), Camera(0.3, 1.0, (0, 0)), 48, random_light(rng))
        tone = view.colour[:, view.mask[0] > 0.5]
        assert 0.1 < tone.mean() < 0.95
        assert tone.min() >= 0
        assert tone.max() <= 1
