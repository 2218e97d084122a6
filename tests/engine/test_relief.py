"""A surface that follows normal maps: on bodies whose maps are known."""

import numpy as np
import pytest
import torch

from engine.errors import Cancelled
from engine.space import image_to_camera, texel_to_image
from engine.surface import laplacian
from engine.surface.isosurface import isosurface
from engine.surface.meshes import area_vectors, normals_of
from engine.surface.relief import FARTHEST, PRECISION, follow_normals
from engine.surface.surface_nets import surface_nets
from tests.engine.fields import all_columns, localised, soft, sphere, tensors, volume_of

RESOLUTION, SIDE = 128, 256
HALF = 0.3  # of the slab's thickness, along z
REACH = 0.7  # of it, in x and y
HEIGHT = 0.02  # of the bumps that the maps tell of


def slab(points):
    beyond = np.abs(points) - np.array([REACH, REACH, HALF])
    return soft(beyond.max(axis=1))


def bumps(x, y):
    """How high the surface stands in the map, and its slopes, at camera x and y."""
    k = 2 * np.pi / 0.3
    return (HEIGHT * np.sin(k * x) * np.sin(k * y), HEIGHT * k * np.cos(k * x) * np.sin(k * y),
            HEIGHT * k * np.sin(k * x) * np.cos(k * y))  # fmt: skip


def maps():
    """Front and back normals (SIDE, SIDE, 3) of the slab with the same bumps on both sides."""
    row, column = np.mgrid[:SIDE, :SIDE]
    plane = texel_to_image(np.stack([column, row, np.zeros_like(row)], axis=-1).astype(np.float64), SIDE)
    x, y, _ = np.moveaxis(image_to_camera(plane), -1, 0)
    _, along_x, along_y = bumps(x, y)
    front = np.stack([-along_x, -along_y, np.ones_like(x)], axis=-1)
    front /= np.linalg.norm(front, axis=-1, keepdims=True)
    front[np.maximum(abs(x), abs(y)) > REACH] = 0.0
    front = torch.from_numpy(front.astype(np.float32))
    return front, front * torch.tensor([1.0, 1.0, -1.0])


@pytest.fixture(scope="module", params=[isosurface, surface_nets])
def mesh(request):
    return request.param(localised(slab, all_columns(RESOLUTION)))


def inner(vertices):
    return np.abs(vertices[:, :2]).max(axis=1) < 0.55


def test_both_sides_take_the_bumps_that_the_maps_tell_of(mesh):
    vertices, faces = mesh
    followed = follow_normals(vertices, faces, *maps(), RESOLUTION)
    moved = (followed - vertices)[:, 2]
    expected, *_ = bumps(vertices[:, 0], vertices[:, 1])
    for side in (1, -1):
        on = inner(vertices) & (side * vertices[:, 2] > HALF - 0.02)
        assert on.sum() > 1000
        match = np.corrcoef(side * moved[on], expected[on])[0, 1]
        share = (side * moved[on] @ expected[on]) / (expected[on] @ expected[on])
        assert match > 0.98
        assert 0.6 < share < 1.0, "waves shorter than what is followed are mostly taken"
        assert abs((side * moved[on]).mean()) < 0.1 * HEIGHT


def test_normals_come_nearer_to_the_maps_and_the_silhouette_and_volume_stay(mesh):
    vertices, faces = mesh
    followed = follow_normals(vertices, faces, *maps(), RESOLUTION)
    assert followed.dtype == np.float32
    assert np.array_equal(followed[:, :2], vertices[:, :2])
    assert np.abs(followed - vertices).max() < FARTHEST
    assert volume_of(followed, faces) == pytest.approx(volume_of(vertices, faces), rel=0.005)
    _, along_x, along_y = bumps(vertices[:, 0], vertices[:, 1])
    wanted = np.stack([-along_x, -along_y, np.ones_like(along_x)], axis=1)
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    on = inner(vertices) & (vertices[:, 2] > HALF - 0.02)
    before, after = (
        np.degrees(np.arccos(np.clip((normals_of(one, faces) * wanted).sum(1)[on], -1, 1))).mean()
        for one in (vertices, followed)
    )
    assert after < 0.4 * before


def test_no_face_turns_inward_however_small():
    cell = 2 / RESOLUTION

    def almost_on_nodes(points):
        far = sphere(points)
        return soft(np.where(np.abs(far) < 0.1 * cell, -1e-5 * cell, far))

    vertices, faces = isosurface(localised(almost_on_nodes, all_columns(RESOLUTION)))
    followed = follow_normals(vertices, faces, *maps(), RESOLUTION)
    before, after = (area_vectors(*tensors(one, faces)).numpy() for one in (vertices, followed))
    area = np.linalg.norm(before, axis=1)
    assert (area < 1e-9).sum() > 10, "marching cubes leaves needles"
    cosine = (before * after).sum(1) / np.maximum(area * np.linalg.norm(after, axis=1), 1e-30)
    assert cosine[area > 0].min() > 0


def test_maps_of_nobody_move_nothing(mesh):
    vertices, faces = mesh
    nobody = torch.zeros(SIDE, SIDE, 3)
    assert np.array_equal(follow_normals(vertices, faces, nobody, nobody, RESOLUTION), vertices)


def test_maps_that_agree_with_the_surface_leave_it_almost_where_it_is(mesh):
    vertices, faces = mesh
    front = torch.zeros(SIDE, SIDE, 3)
    front[..., 2] = 1.0
    followed = follow_normals(vertices, faces, front, -front, RESOLUTION)
    cell = 2 / RESOLUTION
    assert np.abs(followed - vertices)[inner(vertices)].max() < 0.1 * cell
    assert np.abs(followed - vertices).max() < 0.5 * cell, "rounded edges, which the maps have as flat"


def test_front_and_back_of_a_thin_part_never_meet():
    half = 0.012
    vertices, faces = isosurface(localised(
        lambda points: soft((np.abs(points) - np.array([REACH, REACH, half])).max(axis=1), 0.004),
        all_columns(256)))  # fmt: skip
    front, _ = maps()
    dented = front * torch.tensor([-1.0, -1.0, 1.0])  # hollows on the front where the back has its own
    followed = follow_normals(vertices, faces, dented, -front, 256)
    near = inner(vertices)
    assert (followed[near & (vertices[:, 2] > half / 2), 2]).min() > 0
    assert (followed[near & (vertices[:, 2] < -half / 2), 2]).max() < 0


@pytest.mark.parametrize("extract", [isosurface, surface_nets])
def test_a_graphics_cards_way_leads_to_the_same_place(extract, monkeypatch):
    vertices, faces = extract(localised(slab, all_columns(64)))
    followed = follow_normals(vertices, faces, *maps(), 64)
    monkeypatch.setattr(laplacian, "_by_groups", laplacian._along_diagonal)
    there = follow_normals(vertices, faces, *maps(), 64)
    assert 0 < np.abs(there - followed).max() < 10 * PRECISION * 2 / 64
    assert np.abs(followed - vertices).max() > 10 * np.abs(there - followed).max()


def test_what_asks_may_end_it(mesh):
    vertices, faces = mesh

    def cancel():
        raise Cancelled

    with pytest.raises(Cancelled):
        follow_normals(vertices, faces, *maps(), RESOLUTION, cancel)
