# SPDX-License-Identifier: GPL-3.0-or-later
"""Batches against singles, and pictures against trimesh's ray casting, also where the camera stands near."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
import trimesh
from torch.utils._python_dispatch import TorchDispatchMode
from trimesh.ray.ray_triangle import RayMeshIntersector

from tests.training import shapes
from tests.training.shapes import box, figure, sphere
from training.humans.person import Person
from training.render import (
    Camera,
    View,
    camera_vertices,
    place,
    random_cameras,
    random_light,
    render,
    render_batch,
)
from training.render.views import vertex_normals

CAMERAS = [
    Camera(0.4, 1.0, (0.05, -0.03), 0.25),
    Camera(-2.2, 1.1, (0.1, 0.05), -0.3, distance=1.6),
    Camera(1.0, 1.7, (-0.2, 0.4), 0.1, distance=3.5),  # partly out of the frame
]
FIELDS = [field.name for field in dataclasses.fields(View)]


class Boxes:
    """Bounds of triangles, asked as trimesh asks its R-tree, whose package the tests do without."""

    def __init__(self, triangles: np.ndarray) -> None:
        self.low, self.high = triangles.min(1), triangles.max(1)
        self.bounds = np.concatenate([self.low.min(0), self.high.max(0)])

    def intersection(self, bounds: np.ndarray) -> np.ndarray:
        return np.flatnonzero(((self.high >= bounds[:3]) & (self.low <= bounds[3:])).all(1))


class Scene(trimesh.Trimesh):
    """A mesh as it is, whose broad phase needs no other package."""

    def __init__(self, vertices: torch.Tensor, faces: torch.Tensor) -> None:
        super().__init__(vertices.double().numpy(), faces.numpy(), process=False)

    @property
    def triangles_tree(self) -> Boxes:
        return Boxes(self.triangles)


def pixel_rays(size: int, distance: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Start and direction of the ray through every pixel's centre on z = 0, from an eye or from infinity."""
    steps = (np.arange(size) + 0.5) * 2 / size - 1
    target = np.stack([np.tile(steps, size), np.repeat(-steps, size), np.zeros(size * size)], axis=1)
    start = target + [0, 0, 5] if distance is None else np.tile([0, 0, distance], (len(target), 1))
    return start, target - start


def cast(mesh: trimesh.Trimesh, size: int, distance: float | None) -> dict[str, np.ndarray]:
    """What trimesh's rays meet first and last: hit (N,), and of each face id (N,) and place (N, 3)."""
    start, direction = pixel_rays(size, distance)
    face, ray, where = RayMeshIntersector(mesh).intersects_id(
        start, direction, multiple_hits=True, return_locations=True
    )
    order = np.argsort(where[:, 2], kind="stable")
    hit = np.zeros(len(start), bool)
    hit[ray] = True
    result = {"hit": hit}
    for name, sequence in (("front", order), ("back", order[::-1])):
        result[name], result[f"{name}_at"] = np.full(len(start), -1), np.zeros((len(start), 3))
        # of several, the last one written stays: the largest z for the front, the smallest for the back
        result[name][ray[sequence]], result[f"{name}_at"][ray[sequence]] = face[sequence], where[sequence]
    return result


def flat(picture: torch.Tensor) -> np.ndarray:
    return picture.permute(1, 2, 0).reshape(-1, picture.shape[0]).numpy()


@pytest.mark.parametrize("which", range(len(CAMERAS) + 1))
def test_mask_normals_and_depth_agree_with_trimesh(person: Person, which: int) -> None:
    # a generated person has 50 times the faces of the figure: one camera, near and tilted, has to do
    subject, camera, size = (person, CAMERAS[1], 24) if which == 3 else (figure(), CAMERAS[which], 40)
    view = render(subject, camera, size, random_light(np.random.default_rng(0)), 1)
    vertices = camera_vertices(subject, camera)
    mesh = Scene(vertices, subject.faces)
    truth = cast(mesh, size, None)
    mask = flat(view.mask)[:, 0] > 0.5
    assert (mask != truth["hit"]).sum() <= 2, "only a centre exactly on an outline may fall to either side"
    both = mask & truth["hit"]
    assert both.sum() > 40
    normals = vertex_normals(vertices, subject.faces).double().numpy()
    for side in ("front", "back"):
        face, at = truth[side][both], truth[f"{side}_at"][both]
        # where two surfaces meet, either may win: hence the share of pixels here and below
        assert np.quantile(np.abs(flat(getattr(view, f"depth_{side}"))[both, 0] - at[:, 2]), 0.97) < 2e-4
        weights = trimesh.triangles.points_to_barycentric(mesh.triangles[face], at)
        expected = (normals[subject.faces.numpy()[face]] * weights[..., None]).sum(1)
        expected /= np.linalg.norm(expected, axis=1, keepdims=True)
        cosine = (flat(getattr(view, side))[both] * expected).sum(1)
        # a ray along a shared edge may take either face, and coincident cloth either layer
        assert np.quantile(cosine, 0.02) > 0.9999


def test_a_near_camera_sees_what_rays_from_its_eye_meet(person: Person) -> None:
    camera = Camera(0.6, 1.0, (0.1, -0.2), 0.15, distance=2.0)
    size = 24
    light = random_light(np.random.default_rng(0))
    view = render(person, camera, size, light, 1)
    parallel = dataclasses.replace(camera, distance=None)
    mesh = Scene(camera_vertices(person, parallel), person.faces)
    truth = cast(mesh, size, camera.distance)
    mask = flat(view.mask)[:, 0] > 0.5
    both = mask & truth["hit"]
    assert both.sum() > 40
    assert (mask != truth["hit"]).sum() <= 2
    for side in ("front", "back"):
        depth, expected = flat(getattr(view, f"depth_{side}"))[both, 0], truth[f"{side}_at"][both, 2]
        assert np.quantile(np.abs(depth - expected), 0.97) < 2e-4
    far = render(person, parallel, size, light, 1)
    assert ((far.mask > 0.5) != (view.mask > 0.5)).sum() > 10, "the distance changes the picture"


def test_a_spheres_normals_follow_the_warp_of_a_near_camera() -> None:
    distance, radius, size = 2.0, 0.6, 96
    view = render(
        shapes.person(sphere(radius, rings=60)), Camera(0.0, 1.0, (0.0, 0.0), distance=distance), size,
        random_light(np.random.default_rng(0)), 1,
    )  # fmt: skip
    steps = (torch.arange(size) + 0.5) * 2 / size - 1
    seen = torch.stack(torch.broadcast_tensors(steps, -steps[:, None])).double()
    z = view.depth_front[0].double()
    # the surface is F(x, y, z) = x^2 (1 - z/d)^2 + y^2 (1 - z/d)^2 + z^2 - r^2 = 0 in the warped space
    shrink = 1 - z / distance
    slope = 2 * z - 2 * (seen**2).sum(0) * shrink / distance
    gradient = torch.cat([2 * seen * shrink**2, slope[None]])
    expected = torch.nn.functional.normalize(gradient, dim=0)
    middle = (view.mask[0] > 0.5) & ((seen**2).sum(0) < 0.5 * radius**2)
    assert ((view.front.double() - expected).abs().amax(0))[middle].max() < 0.02


def test_a_batch_equals_its_singles() -> None:
    people = [figure(), shapes.person(sphere(0.5)), figure()]
    lights = [random_light(np.random.default_rng(seed)) for seed in range(3)]
    batch = render_batch(people, CAMERAS, 48, lights)
    for i, single in enumerate(render(*one) for one in zip(people, CAMERAS, [48] * 3, lights)):
        for name in FIELDS:
            alone, among = getattr(single, name), getattr(batch, name)[i]
            assert alone.shape == among.shape
            assert torch.allclose(alone, among, atol=2e-5), (i, name)


def test_a_person_beside_one_out_of_the_picture_is_lit_as_alone() -> None:
    away, light = Camera(0.0, 1.0, (5.0, 0.0)), random_light(np.random.default_rng(1))
    batch = render_batch([figure()] * 2, [away, CAMERAS[0]], 32, [light] * 2)
    for name in FIELDS:
        assert getattr(batch, name)[0].abs().max() == 0, name
    assert torch.allclose(batch.colour[1], render(figure(), CAMERAS[0], 32, light).colour, atol=2e-5)


class Launches(TorchDispatchMode):
    """Counts operations: what a GPU would be handed one by one."""

    count = 0

    def __torch_dispatch__(self, function, types, arguments=(), options=None):  # type: ignore[no-untyped-def]
        self.count += 1
        return function(*arguments, **(options or {}))


def test_the_number_of_steps_does_not_grow_with_the_batch() -> None:
    light = random_light(np.random.default_rng(1))

    def launches(count: int) -> int:
        with Launches() as mode:
            render_batch([figure()] * count, [CAMERAS[1]] * count, 16, [light] * count)
        return mode.count

    # only the seven values of each light are gathered one by one, on the processor
    assert launches(12) - launches(2) <= 10 * 10


def test_pictures_of_1024_pixels_hold_what_smaller_ones_hold() -> None:
    subject = shapes.person(box((-0.3, 0, -0.2), (0.3, 1.2, 0.2)))
    light = random_light(np.random.default_rng(2))
    large = render(subject, CAMERAS[1], 1024, light, 1)
    small = render(subject, CAMERAS[1], 256, light, 4)
    assert large.colour.shape == (3, 1024, 1024)
    for name in ("mask", "front", "back", "depth_front"):
        pooled = torch.nn.functional.avg_pool2d(getattr(large, name), 4)
        differs = (pooled - getattr(small, name)).abs().amax(0) > 0.02
        assert differs.float().mean() < 0.02, name


def test_cameras_are_as_many_as_people_and_lights() -> None:
    light = random_light(np.random.default_rng(0))
    with pytest.raises(ValueError, match="2 people, 1 cameras and 2 lights"):
        render_batch([figure()] * 2, CAMERAS[:1], 16, [light] * 2)
    with pytest.raises(ValueError, match="0 people"):
        render_batch([], [], 16, [])


def test_a_camera_inside_its_person_is_refused_by_number() -> None:
    inside = Camera(0.0, 1.0, (0.0, 0.0), distance=0.2)
    with pytest.raises(ValueError, match="Camera 1 stands inside its person"):
        place([figure()] * 2, [CAMERAS[0], inside])


def test_half_the_random_cameras_stand_two_to_eight_metres_away() -> None:
    rng = np.random.default_rng(4)
    cameras = random_cameras([rng] * 400, [figure()] * 400)
    metres = [camera.distance / camera.scale for camera in cameras if camera.distance is not None]
    assert 0.4 < len(metres) / 400 < 0.6
    assert min(metres) >= 2
    assert max(metres) <= 8
    assert np.mean(np.array(metres) < 4) == pytest.approx(0.5, abs=0.1), "log uniform"


def test_a_near_camera_frames_what_it_enlarges() -> None:
    reaching = shapes.person(box((-0.2, 0, -0.1), (0.2, 1.6, 0.1)), box((-0.1, 1.2, 0), (0.1, 1.4, 0.9)))
    rng = np.random.default_rng(6)
    near = 0
    for camera in random_cameras([rng] * 200, [reaching] * 200):
        placed = camera_vertices(reaching, camera)
        share = float((placed.amax(0) - placed.amin(0))[:2].amax()) / 2
        near += camera.distance is not None
        if share <= 0.96:
            assert placed[:, :2].abs().max() <= 1.0001
            assert share >= 0.549
        assert math.isfinite(camera.scale)
    assert near > 70
