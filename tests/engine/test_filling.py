# SPDX-License-Identifier: GPL-3.0-or-later
"""Thin parts of unsure depth are filled; what the networks are sure of stays."""

import numpy as np
import pytest
import torch

from engine.errors import EngineError
from engine.space import camera_to_image, grid_to_camera, image_to_texel
from engine.surface.filling import Filling
from engine.surface.meshes import CPU
from tests.engine.fields import all_columns, localised, looked_up, soft

RESOLUTION, SIDE = 64, 256
DEPTH = 0.2  # of the body's middle
RADIUS = 0.04  # of the arm


def body(points):
    """Signed distance to an upright ellipsoid, in the direction of its centre."""
    away = (points - (0, 0, DEPTH)) / (0.25, 0.7, 0.2)
    return (np.linalg.norm(away, axis=1) - 1) * 0.2


def on_arm(points):
    """Whether an arm that is held out to +x covers the points' pixels."""
    return (points[:, 0] > 0.1) & (points[:, 0] < 0.6) & (np.abs(points[:, 1] - 0.2) < RADIUS)


def person():
    """(SIDE, SIDE) bool: the silhouette of body and arm."""
    row, column = np.indices((SIDE, SIDE)).reshape(2, -1)
    x, y = column * (2 / SIDE) - 1, 1 - row * (2 / SIDE)
    points = np.stack([x, y, np.full_like(x, DEPTH)], axis=1)
    texel = image_to_texel(camera_to_image(points)[:, :2], SIDE)
    assert np.abs(texel - np.stack([column, row], axis=1)).max() < 1.01  # the frames agree to a pixel
    return ((body(points) < 0) | on_arm(points)).reshape(SIDE, SIDE)


def unsure(points):
    """Networks that know the body, and of the arm only that it is somewhere within half a unit of depth."""
    faint = 0.2 * on_arm(points) * (np.abs(points[:, 2] - DEPTH) < 0.5)
    return np.maximum(soft(body(points)), faint).astype(np.float32)


def inside(filling, query=unsure):
    """(r, r, r) bool: the inside of the field that `localise` finds, from its crossing cells."""
    field = localised(query, all_columns(RESOLUTION), filling=filling)
    cells, corners = (part.numpy() for part in field.crossing_cells())
    found = np.zeros((RESOLUTION + 2,) * 3, dtype=np.bool_)
    for corner, offset in enumerate(np.ndindex(2, 2, 2)):
        at = cells + 1 + np.array(offset)
        found[tuple(at.T)] |= corners[:, corner] > 0.5
    return found[1:-1, 1:-1, 1:-1]


def test_an_unsure_arm_is_missing_without():
    x = np.round((0.5 + 1) * RESOLUTION / 2).astype(int)
    assert not inside(None)[x:].any()


def test_an_unsure_arm_comes_back_as_thick_as_it_is_wide_and_as_deep_as_the_body():
    arm = inside(Filling(person(), CPU))[47]  # at x = 0.47
    y, z = (grid_to_camera(index, RESOLUTION) for index in np.nonzero(arm))
    assert len(y) > 0
    assert np.abs(y - 0.2).max() < RADIUS + 2 / RESOLUTION
    assert np.abs(z - DEPTH).max() < RADIUS + 2 / RESOLUTION
    assert np.ptp(z) > 0.03


def test_what_the_networks_are_sure_of_stays_to_the_bit():
    filling = Filling(person(), CPU)
    nodes = np.stack(np.meshgrid(*[np.arange(RESOLUTION)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    points = grid_to_camera(nodes, RESOLUTION).astype(np.float32)
    answers = unsure(points)
    filling.learn(torch.from_numpy(nodes), torch.from_numpy(answers), RESOLUTION)
    filled = filling.fill(torch.from_numpy(points), torch.from_numpy(answers)).numpy()
    amid = (body(points * (1, 1, 0) + (0, 0, DEPTH)) < -0.06) & ~on_arm(points)
    np.testing.assert_array_equal(filled[amid], answers[amid])
    assert (filled[on_arm(points)] != answers[on_arm(points)]).any()
    assert ((filled >= 0) & (filled <= 1)).all()


def test_the_rim_of_a_wide_body_is_not_filled():
    whole = person()

    def narrower(points):
        return np.where(np.abs(points[:, 0]) < 0.15, unsure(points), 0.05 * unsure(points))

    x = np.round((-0.2 + 1) * RESOLUTION / 2).astype(int)
    assert not inside(Filling(whole, CPU), narrower)[x].any()


def test_a_silhouette_alone_is_nobody():
    """Networks that see no body anywhere are not overruled by a silhouette."""
    query = looked_up(np.random.default_rng(0).uniform(0, 0.3, (RESOLUTION,) * 3).astype(np.float32))
    with pytest.raises(EngineError) as caught:
        localised(query, all_columns(RESOLUTION), filling=Filling(person(), CPU))
    assert caught.value.code == "no_person"


def test_a_filling_serves_one_field_after_another():
    filling = Filling(person(), CPU)
    first = inside(filling)
    inside(filling, lambda points: soft(body(points)))
    np.testing.assert_array_equal(inside(filling), first)
