# SPDX-License-Identifier: GPL-3.0-or-later
"""Garments of synthetic people: closed, outside the skin, of the shape that their kind has."""

from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.spatial import cKDTree

from training.humans.body import skin
from training.humans.cloth import fabrics_of
from training.humans.creases import inside_pocket
from training.humans.cuts import top_cut
from training.humans.fabric import Fabric, panels
from training.humans.garments import Garment, Wardrobe
from training.humans.kit import AVERAGE, Landmarks, kit
from training.humans.layers import Layers
from training.humans.outfit import (
    LEGS,
    TOPS,
    Bottom,
    Outfit,
    Shoes,
    Top,
    random_dress,
    random_outer,
    random_outfit,
    random_shorts,
    random_skirt,
    random_top,
    random_trousers,
)
from training.humans.pose import Pose, pose_of_kind
from training.humans.topology import boundary, clip, close_sheet, is_closed, vertex_normals

RNG = np.random.default_rng
STRAIGHT, LOW = random_trousers(RNG(0), "straight", 0.27), Shoes("shoes", 0.01, 0.01)
TEE, SHIRT = random_top(RNG(1), "tee"), random_top(RNG(2), "shirt")
OPEN_COAT = replace(random_outer(RNG(3), "coat"), gap=0.08, v_neck=0.0, collar="lapel")
CLOSED_JACKET = replace(random_outer(RNG(4), "jacket"), gap=0.0, v_neck=0.2, collar="lapel", hem=0.05)
HOODIE = random_top(RNG(5), "hoodie")
CAP_FAN = 20
"""A vertex of more faces than this is the centre of a cap over an opening."""

OUTFITS = {
    **{kind: Outfit(random_top(RNG(6), kind), None, STRAIGHT, LOW) for kind in TOPS},
    **{style: Outfit(TEE, None, random_trousers(RNG(7), style, 0.27), LOW) for style in ("slim", "flared")},
    "shorts": Outfit(TEE, None, random_shorts(RNG(8), 0.26), LOW),
    "skirt": Outfit(replace(TEE, tucked=True, hem=0.16), None, random_skirt(RNG(9), 0.275), LOW),
    "dress": Outfit(random_dress(RNG(10)), None, Bottom("dress"), Shoes("boots", 0.35, 0.01)),
    "open coat": Outfit(SHIRT, OPEN_COAT, STRAIGHT, LOW),
    "jacket": Outfit(SHIRT, CLOSED_JACKET, STRAIGHT, LOW),
    "hood": Outfit(replace(HOODIE, hood="up"), None, random_trousers(RNG(11), "wide", 0.27), LOW),
}


@cache
def at_rest(name: str) -> list[Garment]:
    """The garments of one of OUTFITS on the average body, arms held away from it."""
    shared = kit()
    rest, joints = shared.body.rest(AVERAGE)
    still = shared.body.bone_transforms(joints, {})
    return Wardrobe(shared, rest, still, Pose("rest", {}, {}, {}), RNG(12)).dress(OUTFITS[name])


def piece_of(name: str, worn: str, piece: str = "") -> Garment:
    return next(g for g in at_rest(name) if (g.worn, g.piece) == (worn, piece))


def volume(garment: Garment) -> float:
    a, b, c = (garment.vertices[garment.faces[:, k]].astype(float) for k in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


def heights_over(points: np.ndarray, surface: np.ndarray, normals: np.ndarray) -> np.ndarray:
    nearest = cKDTree(surface).query(points)[1]
    return np.asarray(((points - surface[nearest]) * normals[nearest]).sum(1))


@pytest.mark.parametrize("name", OUTFITS)
def test_garments_are_closed_and_lie_outside_the_skin(name: str) -> None:
    shared = kit()
    rest, joints = shared.body.rest(AVERAGE)
    body = Layers(shared, rest, shared.body.bone_transforms(joints, {}))
    surface, normals = body.obstacle()
    for garment in at_rest(name):
        assert is_closed(garment.faces), (garment.worn, garment.piece)
        assert volume(garment) > 0
        assert np.isfinite(garment.vertices).all()
        if garment.piece:
            continue
        # away from rims and caps; what another garment hides is drawn in, and a lining may touch the skin
        outside = heights_over(garment.vertices[garment.edge > 0.03], surface, normals)
        assert (outside > -0.012).mean() > 0.999, garment.worn
        assert (outside > 0).mean() > 0.7, garment.worn


def test_an_open_coat_shows_the_shirt_and_a_closed_jacket_hides_it() -> None:
    def foremost(name: str, low: float, high: float) -> str:
        reach = {}
        for garment in at_rest(name):
            at = garment.vertices
            middle = (np.abs(at[:, 0]) < 0.012) & (at[:, 2] > low) & (at[:, 2] < high)
            if middle.any() and garment.worn != "bottom":
                reach[garment.worn] = at[middle, 1].min()
        return min(reach, key=lambda worn: reach[worn])

    assert foremost("open coat", 0.25, 0.55) == "top"
    assert foremost("jacket", 0.25, 0.4) == "outer"
    # above its button the shirt shows between the lapels
    assert foremost("jacket", 0.56, 0.6) == "top"
    coat = piece_of("open coat", "outer")
    assert volume(coat) < 0.5 * volume(piece_of("dress", "top"))


def test_an_outer_layer_lies_over_the_inner_one() -> None:
    outer, inner = piece_of("jacket", "outer"), piece_of("jacket", "top")
    hidden = top_cut(CLOSED_JACKET)(inner.at) > 0.05
    hidden &= inner.edge > 0.03
    cloth = outer.edge > 0.01
    normals = vertex_normals(outer.vertices, outer.faces)[cloth]
    heights = heights_over(inner.vertices[hidden], outer.vertices[cloth], normals)
    assert hidden.sum() > 1000
    # in the armpits the nearest cloth may be the other side's
    assert (heights < 0.001).mean() > 0.94


def test_collars_stand_at_the_neck_and_lapels_lie_on_the_chest() -> None:
    shared = kit()
    neck, shoulder = shared.joints["neck02"], shared.joints["upperarm01.L"]
    for name, worn in (("shirt", "top"), ("jacket", "outer"), ("open coat", "outer")):
        collar = piece_of(name, worn, "collar").vertices
        assert neck[2] - 0.06 < collar[:, 2].max() < neck[2] + 0.05
        assert np.abs(collar[:, 0]).max() < shoulder[0]
        assert collar[:, 1].min() < shared.joints["neck01"][1] - 0.03
        assert collar[:, 1].max() > shared.joints["neck01"][1] + 0.03
    lapel = piece_of("jacket", "outer", "lapel")
    assert 0.4 < lapel.vertices[:, 2].min() < lapel.vertices[:, 2].max() < 0.72
    top = piece_of("jacket", "outer")
    normals = vertex_normals(top.vertices, top.faces)
    raised = heights_over(lapel.vertices, top.vertices, normals)
    assert 0.004 < raised.max() < 0.03


def test_a_hood_lies_on_the_back_or_covers_the_head() -> None:
    shared = kit()
    hood = piece_of("hoodie", "top", "hood").vertices
    thick = hood[np.abs(hood[:, 0]) < 0.03]
    assert thick[:, 2].max() < shared.joints["head"][2]
    assert hood[:, 1].max() > shared.canonical[shared.skin_ids, 1].max() + 0.01
    over = piece_of("hood", "top", "hood").vertices
    head = shared.canonical[shared.skin_ids]
    head = head[head[:, 2] > shared.joints["head"][2] + 0.06]
    assert over[:, 2].max() > head[:, 2].max()
    assert over[:, 1].max() > head[:, 1].max()
    assert np.abs(over[:, 0]).max() > np.abs(head[:, 0]).max()
    eyes = np.abs(over - shared.joints["eye.L"] * [0, 1, 1]) < [0.04, 9, 0.05]
    assert (over[eyes.all(1), 1] > 0).all(), "the face is free"


def test_boots_reach_up_the_shin_and_shoes_do_not() -> None:
    shared = kit()
    boots, shoes = piece_of("dress", "shoes").vertices, piece_of("tee", "shoes").vertices
    ankle, knee = shared.joints["foot.L"][2], shared.joints["lowerleg01.L"][2]
    assert ankle + 0.33 < boots[:, 2].max() < knee
    assert shoes[:, 2].max() < ankle + 0.03
    # flat soles
    assert np.ptp(boots[boots[:, 2] < boots[:, 2].min() + 0.002, 1]) > 0.15


def test_hems_are_level_and_lengths_are_those_drawn() -> None:
    for name, worn, height in (
        ("tee", "top", OUTFITS["tee"].top.hem),
        ("jacket", "outer", CLOSED_JACKET.hem),
    ):
        garment = piece_of(name, worn)
        hem = (
            (garment.edge < 1e-4)
            & (garment.at.arm < 0.1)
            & (np.abs(garment.at.position[:, 2] - height) < 0.01)
        )
        assert hem.sum() > 50
        assert garment.vertices[hem, 2].std() < 0.012
        assert abs(np.median(garment.vertices[hem, 2]) - height) < 0.06, (
            "loose cloth hangs lower than it is cut, by its tether at most"
        )
    slim, flared = piece_of("slim", "bottom"), piece_of("flared", "bottom")
    girth = [np.ptp(g.vertices[(g.at.along_leg > 1.8) & (g.vertices[:, 0] > 0), 0]) for g in (slim, flared)]
    assert girth[1] > girth[0] + 0.04


HARD = ("cross-legged", "kneel", "jump", "dance")


@pytest.mark.parametrize("seed, kind", list(enumerate(HARD)))
def test_cloth_holds_together_in_hard_poses(seed: int, kind: str) -> None:
    shared, rng = kit(), RNG(seed)
    rest, joints = shared.body.rest(AVERAGE)
    pose = pose_of_kind(rng, kind, shared.body, joints)
    wardrobe = Wardrobe(shared, rest, shared.body.bone_transforms(joints, pose.rotations), pose, rng)
    outfit = random_outfit(rng, female=seed % 2 == 0)
    body = skin(
        rest[shared.skin_ids],
        shared.body.weights[shared.skin_ids],
        wardrobe.transforms,
    )
    for garment in wardrobe.dress(outfit):
        corners = garment.vertices[garment.faces]
        longest = np.linalg.norm(corners - corners[:, [1, 2, 0]], axis=2).max(1)
        fan = np.bincount(garment.faces.reshape(-1))[garment.faces].max(1) > CAP_FAN
        # 143 garments in 39 poses had no longer edge than 4.9 cm, and caps as wide as the hem
        assert longest[~fan].max() < 0.08
        assert longest.max() < 0.6
        assert (garment.vertices.min(0) > body.min(0) - 0.3).all()
        assert garment.vertices[:, 2].min() > body[:, 2].min() - 0.05, "nothing hangs through the floor"
        assert (garment.vertices.max(0) < body.max(0) + 0.3).all()
        assert is_closed(garment.faces)


def test_wardrobes_hold_every_kind_and_mostly_muted_colours() -> None:
    rng = RNG(0)
    outfits = [random_outfit(rng, female=bool(i % 2)) for i in range(1000)]
    tops = Counter(o.top.kind for o in outfits)
    assert set(tops) == {*TOPS, "dress"}
    assert {o.bottom.style for o in outfits if o.bottom.kind == "trousers"} == set(LEGS)
    outers = [o.outer for o in outfits if o.outer is not None]
    assert 0.2 < len(outers) / len(outfits) < 0.5
    assert 0.4 < np.mean([o.open for o in outers]) < 0.8
    skirts = [o.bottom.length for o in outfits if o.bottom.kind == "skirt"]
    assert min(skirts) < 0.45
    assert max(skirts) > 0.88
    hems = [o.top.hem for o in outfits if o.top.kind == "dress"]
    assert min(hems) < -0.58
    assert max(hems) > -0.18
    shorts = [o.bottom.length for o in outfits if o.bottom.kind == "shorts"]
    assert min(shorts) < 0.5
    assert max(shorts) > 0.95
    assert {o.top.hood for o in outfits if o.top.kind == "hoodie"} == {"up", "down"}
    assert {o.shoes.kind for o in outfits} == {"shoes", "ankle boots", "boots"}
    # untucked tops end about the hip, not as tunics
    assert np.quantile([o.top.hem for o in outfits if o.top.kind in TOPS], 0.02) > 0.05
    bases = [fabric.base for o in outfits[:300] for fabric in fabrics_of(rng, o).values()]
    vivid = np.mean([base.max() - base.min() > 0.35 for base in bases])
    assert 0.01 < vivid < 0.2


def test_patterns_run_along_panels_and_break_at_seams() -> None:
    def on(x: float, y: float, z: float, arm: float = 0.0) -> Landmarks:
        return Landmarks(np.array([[x, y, z]]), np.array([arm]), kit().joints)

    (front, _), (back, _) = panels(on(0.15, -0.035, 0.4)), panels(on(0.15, -0.025, 0.4))
    assert abs(front - back) > 0.05
    (_, high), (_, low) = panels(on(0.25, -0.03, 0.57, 1.0)), panels(on(0.3, -0.03, 0.51, 1.0))
    assert abs(abs(high - low) - np.hypot(0.05, 0.06)) < 0.01
    striped = Fabric(RNG(1), np.array([0.8, 0.8, 0.8]), "across")
    torso = [striped(on(x, -0.12, 0.4))[0] for x in (-0.1, -0.05, 0.0, 0.05, 0.1)]
    np.testing.assert_allclose(torso, np.tile(torso[0], (5, 1)), rtol=0.2)


def test_a_pocket_is_where_a_hand_would_look_for_it() -> None:
    def on(x: float, z: float) -> Landmarks:
        return Landmarks(np.array([[x, -0.13, z]]), np.zeros(1), kit().joints)

    pouch, chest = Top("hoodie", 2, 0.1, 1, 0), Top("shirt", 2, 0.1, 1, 0)
    assert inside_pocket(pouch, on(0.0, 0.22)) > 0 > inside_pocket(pouch, on(0.0, 0.45))
    assert inside_pocket(chest, on(0.085, 0.5)) > 0 > inside_pocket(chest, on(-0.085, 0.5))


def test_a_sheet_is_closed_by_its_own_back() -> None:
    shared = kit()
    faces, pick = clip(shared.robe.faces, top_cut(OPEN_COAT)(shared.robe.landmarks))
    outer = pick @ shared.robe.landmarks.position
    assert len(boundary(faces)) > 0
    vertices, closed, source = close_sheet(outer, faces, outer - 0.01 * vertex_normals(outer, faces))
    assert is_closed(closed)
    assert len(vertices) == len(source) == 2 * len(outer)
