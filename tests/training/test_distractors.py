# SPDX-License-Identifier: GPL-3.0-or-later
"""Things that are not the person: whole meshes, measures of real things, sprites that lie as promised."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training.distractors import build_sprites, sprite_metres
from training.distractors.materials import wood
from training.distractors.solids import Solid, box, ellipsoid, leaf, moved, rotation, tube, wheel
from training.distractors.sprites import THINGS, Kind, Maker, draw

PAINT = wood(np.random.default_rng(0))
MAKERS = [(kind, maker) for kind, makers in THINGS.items() for maker in makers]
SHEET = np.stack([*np.meshgrid(np.linspace(0, 1, 4), np.linspace(0, 1, 5)), np.zeros((5, 4))], axis=-1)


def volume(thing: Solid) -> float:
    a, b, c = (thing.vertices - thing.vertices.mean(0))[thing.faces].transpose(1, 0, 2)
    return float((a * np.cross(b, c)).sum() / 6)


@pytest.mark.parametrize(
    "thing, expected",
    [
        (box((0, 0, 0), (1, 2, 0.5), PAINT), 1.0),
        (tube([(0, 0, 0, 0.5), (0, 2, 0, 0.5)], PAINT, 60), np.pi / 2),
        (tube([(0, 2, 0, 0.5), (0, 0, 0, 0.5)], PAINT, 60), np.pi / 2),
        (tube([(0, 0, 0, 0.5), (0, 0, 2, 0.5)], PAINT, 60), np.pi / 2),
        (tube([(0, 0, 0, 0.2, 0.4), (2, 0, 0, 0.2, 0.4)], PAINT, 60), 0.16 * np.pi),
        (tube([(0, 0, 0, 0.5), (1, 0, 0, 0.5)], PAINT, 60, rounded=True), np.pi * (0.25 + 0.5 / 3)),
        (ellipsoid((3, 1, 0), (0.5, 1, 2), PAINT, rings=40), 4 / 3 * np.pi),
        (wheel((0, 0, 0), 1, 0.1, PAINT, 30), 2 * np.pi**2 * 0.01),
        (moved([box((0, 0, 0), (1, 1, 1), PAINT)], rotation(1, 40), (2, 0, 0))[0], 1.0),
    ],
)  # fmt: skip
def test_solids_are_closed_and_face_outwards(thing: Solid, expected: float) -> None:
    assert volume(thing) == pytest.approx(expected, rel=0.04)


def test_a_leaf_shows_a_face_to_either_side() -> None:
    thing = leaf(SHEET, PAINT)
    a, b, c = thing.vertices[thing.faces].transpose(1, 0, 2)
    front = np.cross(b - a, c - a)[:, 2] > 0
    depth = thing.vertices[thing.faces][..., 2].mean(1)
    assert (depth[front] > 0).all()
    assert (depth[~front] < 0).all()
    assert front.sum() * 2 == len(front)


def test_rotations_turn_counter_clockwise() -> None:
    for axis in range(3):
        following = np.eye(3)[(axis + 1) % 3]
        assert rotation(axis, 90) @ following == pytest.approx(np.eye(3)[(axis + 2) % 3])


@pytest.mark.parametrize("kind, maker", MAKERS, ids=[maker.__name__ for _, maker in MAKERS])
def test_things_are_whole_and_of_real_size(kind: Kind, maker: Maker) -> None:
    heights = []
    for seed in range(6):
        solids = maker(np.random.default_rng(seed))
        points = np.concatenate([thing.vertices for thing in solids])
        assert np.isfinite(points).all()
        for thing in solids:
            assert thing.faces.min() >= 0
            assert thing.faces.max() < len(thing.vertices)
            assert thing.albedo.shape == thing.vertices.shape
            assert thing.albedo.min() >= 0
            assert thing.albedo.max() <= 1
            assert 0 <= thing.gloss <= 1
        extent = np.ptp(points, axis=0)
        assert extent.max() < (2.7 if kind == "standing" else 1.5)
        heights.append(extent[1])
        if kind == "standing":
            assert abs(points[:, 1].min()) < 0.05, "it stands on the floor"
        else:
            assert np.linalg.norm(points, axis=1).min() < 0.1, "the hand reaches it"
    assert np.std(heights) > 0, "no two are alike"
    assert max(heights) < 2.3


def test_standing_sprites_fill_their_square_down_to_the_lower_edge(tmp_path: Path) -> None:
    sprites = np.load(build_sprites(tmp_path, "standing", 12, 64))
    assert sprites.shape == (12, 64, 64, 4)
    assert sprites.dtype == np.uint8
    for sprite in sprites:
        rows, columns = (np.flatnonzero((sprite[..., 3] > 20).any(axis)) for axis in (1, 0))
        assert rows.max() >= 62, "the feet are on the lower edge"
        assert max(np.ptp(rows), np.ptp(columns)) >= 60
        assert abs(columns.min() + columns.max() - 63) <= 2, "it stands in the middle"


def test_held_sprites_have_the_hand_in_the_middle(tmp_path: Path) -> None:
    sprites = np.load(build_sprites(tmp_path, "held", 12, 64))
    for sprite in sprites:
        rows, columns = np.nonzero(sprite[..., 3] > 20)
        reach = np.abs(np.stack([rows, columns]) - 31.5)
        assert reach.max() >= 29, "it reaches an edge of the square"
        assert reach.max(0).min() <= 18, "the hand reaches it"


def test_alpha_is_straight_and_colours_go_on_beyond_the_edge() -> None:
    sprite = draw(np.random.default_rng(5), "standing", 64).astype(float)
    solid, edge = sprite[..., 3] > 250, (sprite[..., 3] > 0) & (sprite[..., 3] < 128)
    assert edge.any()
    darkest = np.quantile(sprite[solid][:, :3].max(1), 0.01)
    assert np.quantile(sprite[edge][:, :3].max(1), 0.1) >= darkest - 8, "no dark seam"
    assert sprite[sprite[..., 3] == 0][:, :3].max(1).min() > 0


def test_sprites_are_written_once_and_depend_on_the_seed_alone(tmp_path: Path) -> None:
    path = build_sprites(tmp_path, "held", 3, 48)
    first, written = np.load(path), path.stat().st_mtime_ns
    assert build_sprites(tmp_path, "held", 3, 48) == path
    assert path.stat().st_mtime_ns == written
    again, other = (
        build_sprites(tmp_path / "b", "held", 3, 48),
        build_sprites(tmp_path, "held", 3, 48, seed=1),
    )
    assert np.array_equal(np.load(again), first)
    assert not np.array_equal(np.load(other), first)
    assert not list(tmp_path.rglob("*.tmp"))


def test_each_sprite_tells_its_real_size() -> None:
    standing, held = sprite_metres("standing", 12), sprite_metres("held", 12)
    assert len(standing) == len(held) == 12
    assert 0.2 < min(standing) < max(standing) < 3
    assert 0.05 < min(held) < max(held) < 2.5
    assert np.median(standing) > 2 * np.median(held)
    assert sprite_metres("held", 3) == held[:3]
