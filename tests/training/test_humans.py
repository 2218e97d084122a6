"""Synthetic people: closed parts, plausible sizes, the same from the same seed."""

import numpy as np
import pytest
import torch

from training.humans import Person, generate, make_person
from training.humans.body import Body, skin
from training.humans.drape import Cloth, drape
from training.humans.pose import Pose, pose_of_kind
from training.humans.poses.stances import KINDS
from training.humans.topology import (
    boundary,
    clip,
    close_openings,
    is_closed,
    loop_subdivision,
    vertex_normals,
)

CUBE = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], np.float32)
CUBE_FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6],
     [0, 6, 4], [1, 5, 7], [1, 7, 3]]
)  # fmt: skip


def volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = (vertices[faces[:, k]].astype(float) for k in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


def test_a_seed_gives_the_same_person_again(person: Person) -> None:
    again, other = make_person(3), make_person(4)
    assert torch.equal(person.vertices, again.vertices)
    assert torch.equal(person.albedo, again.albedo)
    assert person.vertices.shape != other.vertices.shape


def test_every_part_is_closed_and_faces_outward(person: Person) -> None:
    faces, part, vertices = person.faces.numpy(), person.part.numpy(), person.vertices.numpy()
    for number in range(part.max() + 1):
        assert is_closed(faces[part == number]), number
        assert volume(vertices, faces[part == number]) > 0, number


def test_a_person_stands_on_the_floor_with_a_persons_height(person: Person) -> None:
    low, high = person.vertices.amin(0), person.vertices.amax(0)
    assert low[1] == 0
    assert 1.3 < high[1] < 2.15
    assert high[0] - low[0] < 2.0
    assert high[2] - low[2] < 1.5
    assert person.albedo.min() >= 0
    assert person.albedo.max() <= 1


@pytest.mark.parametrize("seed, kind", list(enumerate(KINDS, start=40)))
def test_people_in_every_pose_are_whole(monkeypatch: pytest.MonkeyPatch, seed: int, kind: str) -> None:
    def posed(rng: np.random.Generator, body: Body, joints: np.ndarray) -> Pose:
        return pose_of_kind(rng, kind, body, joints)

    monkeypatch.setattr(generate, "random_pose", posed)
    person = make_person(seed)
    vertices, faces, part = person.vertices.numpy(), person.faces.numpy(), person.part.numpy()
    assert person.description["pose"] == kind
    assert np.isfinite(vertices).all()
    for number in range(part.max() + 1):
        assert is_closed(faces[part == number]), number
        assert volume(vertices, faces[part == number]) > 0, number
    # the longest edges are those of a wide hem's cap, half a coat across
    assert np.linalg.norm(vertices[faces] - vertices[faces[:, [1, 2, 0]]], axis=2).max() < 0.6
    assert vertices[:, 1].min() == 0
    assert vertices[:, 1].max() < 2.5


def test_people_face_the_viewer(person: Person) -> None:
    # toes stick out to the front further than heels to the back
    feet = person.vertices[person.vertices[:, 1] < 0.05]
    body = person.vertices[(person.vertices[:, 1] > 0.8) & (person.vertices[:, 1] < 1.0)]
    assert feet[:, 2].amax() - body[:, 2].mean() > body[:, 2].mean() - feet[:, 2].amin()


def test_an_open_mesh_is_not_closed_and_closing_it_helps() -> None:
    assert is_closed(CUBE_FACES)
    open_faces = CUBE_FACES[2:]
    assert not is_closed(open_faces)
    assert len(boundary(open_faces)) == 4
    inward = -0.1 * vertex_normals(CUBE, open_faces)
    vertices, faces, source = close_openings(CUBE, open_faces, inward)
    assert is_closed(faces)
    assert len(source) == len(vertices)


def test_subdivision_quarters_faces_and_stays_closed() -> None:
    matrix, faces = loop_subdivision(CUBE_FACES, len(CUBE))
    assert len(faces) == 48
    assert matrix.shape == (8 + 18, 8)
    assert is_closed(faces)
    np.testing.assert_allclose(np.asarray(matrix.sum(1)).ravel(), 1, atol=1e-6)
    assert 0 < volume(matrix @ CUBE, faces) < volume(CUBE, CUBE_FACES)


def test_clipping_cuts_exactly_at_the_level() -> None:
    faces, matrix = clip(CUBE_FACES, CUBE[:, 2] - 0.25)
    kept = matrix @ CUBE
    assert kept[:, 2].min() == pytest.approx(0.25, abs=1e-6)
    assert kept[:, 2].max() == 1
    assert len(boundary(faces)) > 0


def test_bones_at_rest_leave_the_body_where_it_is() -> None:
    body = Body()
    rest, joints = body.rest({"gender": 0.3, "height": 0.5, "age": 0.7})
    still = skin(rest[:500], body.weights[:500], body.bone_transforms(joints, {}))
    np.testing.assert_allclose(still, rest[:500], atol=1e-4)
    tall, _ = body.rest({"gender": 0.3, "height": 0.9, "age": 0.7})
    assert np.ptp(tall[:, 2]) > np.ptp(rest[:, 2]) + 0.1


def test_cloth_falls_but_never_further_than_its_tether() -> None:
    n = 8
    grid = np.stack(np.meshgrid(np.arange(n), np.arange(n), indexing="ij"), -1).reshape(-1, 2) * 0.02
    start = np.column_stack([grid, np.full(len(grid), 1.0)]).astype(np.float32)
    at = np.arange(n * n).reshape(n, n)
    a, b, c, d = (x.reshape(-1) for x in (at[:-1, :-1], at[1:, :-1], at[1:, 1:], at[:-1, 1:]))
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    pinned = np.zeros(n * n, bool)
    pinned[at[0]] = True
    floor, up = np.zeros((1, 3), np.float32), np.array([[0, 0, 1]], np.float32)
    cloth = Cloth(1.0, np.full(n * n, 0.03, np.float32), pinned, 0.3, 9.81)
    fallen = drape(start, faces, start, floor, up, cloth)
    moved = np.linalg.norm(fallen - start, axis=1)
    assert (moved[pinned] == 0).all()
    assert moved.max() <= 0.0301
    assert fallen[at[-1], 2].mean() < 0.99
