# SPDX-License-Identifier: GPL-3.0-or-later
"""Poses: limbs go where they are sent, nothing sinks into anything else, skin does not tear."""

import numpy as np
import pytest

from training.humans.body import Body, skin
from training.humans.kit import kit
from training.humans.pose import Pose, Surroundings, legs_sunk, pose_of_kind, random_pose
from training.humans.poses.arms import Context, hang
from training.humans.poses.flesh import Flesh, shape_of
from training.humans.poses.gestures import crossed, hip
from training.humans.poses.hands import back_of_hand
from training.humans.poses.legs import leg, trunk
from training.humans.poses.repertoire import BOTH, CONTACT, SINGLE
from training.humans.poses.rig import Figure, about, between, twist_about, unit
from training.humans.poses.stances import KINDS, STANCES
from training.humans.topology import unique_edges

HEAVY = {"gender": 0.1, "weight": 0.9, "age": 0.8, "height": 0.5}
SLIM = {"gender": 0.95, "weight": 0.25, "age": 0.55, "height": 0.3}


@pytest.fixture(scope="module")
def body() -> Body:
    return kit().body


def figure_of(body: Body, pose: Pose, joints: np.ndarray) -> Figure:
    figure = Figure(body, joints)
    figure.rotations.update(pose.rotations)
    figure.place()
    return figure


def draw(body: Body, kind: str, seed: int, phenotype: dict[str, float] = SLIM) -> tuple[Pose, Figure, Flesh]:
    joints = body.rest(phenotype)[1]
    pose = pose_of_kind(np.random.default_rng(seed), kind, body, joints)
    return pose, figure_of(body, pose, joints), Flesh(body, joints)


@pytest.mark.parametrize("limb", ["arm", "leg"])
@pytest.mark.parametrize("goal", [(0.1, -0.2, -0.28), (-0.05, -0.35, 0.05), (0.2, 0.1, -0.3)])
def test_a_limb_reaches_its_goal_and_bends_towards_its_pole(
    body: Body, limb: str, goal: tuple[float, float, float]
) -> None:
    figure = Figure(body, body.rest(SLIM)[1])
    trunk(figure, (12, 5, 20), (10, -5, 8))
    part = getattr(figure, limb)("L")
    start, end = figure.position(part.bones[0]), part.bones[-1]
    target = start + goal
    pole = np.array([0.3, -1, 0.2]) if limb == "leg" else np.array([1, 0.4, -0.6])
    figure.send(part, target, pole)
    assert np.linalg.norm(figure.position(end) - target) < 0.003
    middle = figure.position(part.bones[2])
    along = unit(target - start)
    off = (middle - start) - ((middle - start) @ along) * along
    assert off @ pole > 0.9 * np.linalg.norm(off) * np.linalg.norm(pole - (pole @ along) * along)


def test_a_limb_out_of_reach_stretches_toward_its_goal(body: Body) -> None:
    figure = Figure(body, body.rest(SLIM)[1])
    part, start = figure.leg("R"), figure.position("upperleg01.R")
    figure.send(part, start + [0, -1, -2], np.array([0, -1.0, 0]))
    arrived = unit(figure.position("foot.R") - start)
    assert arrived @ unit(np.array([0, -1.0, -2])) > 0.999


def test_a_turn_is_the_swing_and_the_twist_it_was_made_of() -> None:
    axis = np.array([0.3, -0.5, 0.8])
    swing = between(axis, np.array([1.0, 0.2, 0.1]))
    for angle in (-120, -20, 0, 75, 170):
        assert twist_about(swing @ about(axis, angle), axis) == pytest.approx(angle, abs=1e-6)


@pytest.mark.parametrize("phenotype", [HEAVY, SLIM])
def test_joints_alone_give_the_body_back(body: Body, phenotype: dict[str, float]) -> None:
    rest, joints = body.rest(phenotype)
    assert np.abs(shape_of(body, joints) - rest).max() < 1e-3


def test_sinking_is_measured_from_the_surface_both_ways(body: Body) -> None:
    rest, joints = body.rest(SLIM)
    figure, flesh = Figure(body, joints), Flesh(body, joints)
    solid = flesh.solid(figure, ("trunk", "head"))
    belly, normal = flesh.spot(figure, "trunk", 0.4, 0)
    assert normal[1] < -0.8
    for depth in (-0.05, 0.01, 0.03):
        assert solid.sunk((belly - normal * depth)[None]) == pytest.approx(depth, abs=0.004)
    assert rest.shape == (19158, 3)


def test_arms_through_the_belly_and_legs_through_legs_are_found(body: Body) -> None:
    joints = body.rest(HEAVY)[1]
    figure, flesh = Figure(body, joints), Flesh(body, joints)
    STANCES["stand"](np.random.default_rng(2), figure)
    assert legs_sunk(flesh, figure) <= 0
    around = Surroundings(flesh, figure)
    context = Context(np.random.default_rng(0), figure, flesh, "L", around.floor)
    hang(context, 0, 8, 10, 0, 0)
    assert around.sunk("L", 0.0) <= 0
    hang(context, 0, -30, 10, 0, 0)
    assert around.sunk("L", 0.0) > 0.03
    leg(figure, "L", 0, -18, 5, 0)
    assert legs_sunk(flesh, figure) > 0.03


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_of_pose_is_free_of_collisions(body: Body, kind: str) -> None:
    for seed, phenotype in ((1, HEAVY), (2, SLIM)):
        pose, figure, flesh = draw(body, kind, seed, phenotype)
        assert legs_sunk(flesh, figure) <= 0, seed
        around = Surroundings(flesh, figure)
        for side in "LR":
            assert around.sunk(side, max(CONTACT.values())) <= 1e-6, (seed, side)
            around.place(side)
        for name, matrix in pose.rotations.items():
            np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-6, err_msg=name)
        assert {f"{part}.{side}" for part in ("hip", "knee", "elbow") for side in "LR"} <= set(pose.bend)


@pytest.mark.parametrize("kind", ["sit", "cross-legged", "crouch", "kneel", "jump", "run", "bend"])
def test_skin_neither_tears_nor_loses_its_volume(body: Body, kind: str) -> None:
    shared = kit()
    edges, _, _ = unique_edges(shared.skin_faces)
    rest, _ = body.rest(SLIM)
    for seed in (3, 4):
        _, figure, _ = draw(body, kind, seed)
        ids = shared.skin_ids
        posed = skin(rest[ids], body.weights[ids], figure.transforms)

        def length(points: np.ndarray) -> np.ndarray:
            return np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1)

        def volume(points: np.ndarray) -> float:
            a, b, c = (points[shared.skin_faces[:, k]].astype(float) for k in range(3))
            return float((a * np.cross(b, c)).sum() / 6)

        # over a kneecap bent by 150 degrees edges of 1 cm grow by 6 cm
        assert (length(posed) - length(rest[ids])).max() < 0.075
        # cross-legged hips and knees fold 11 % of the volume away, the worst of all kinds
        assert 0.85 < volume(posed) / volume(rest[ids]) < 1.1


def test_standing_feet_are_flat_on_one_floor_and_knees_nearly_straight(body: Body) -> None:
    for seed in range(6):
        pose, figure, flesh = draw(body, "stand", seed)
        soles = [flesh.points(figure, (f"foot.{side}",))[:, 2].min() for side in "LR"]
        assert abs(soles[0] - soles[1]) < 0.02
        assert min(pose.bend["knee.L"], pose.bend["knee.R"]) < 20


def test_sitting_hips_and_knees_are_bent_and_lower_than_standing(body: Body) -> None:
    for seed in range(4):
        pose, figure, flesh = draw(body, "sit", seed)
        assert max(pose.bend["hip.L"], pose.bend["hip.R"]) > 55
        _, upright, _ = draw(body, "stand", seed)
        sitting, standing = (f.position("head")[2] - flesh.lowest(f) for f in (figure, upright))
        assert sitting < 0.88 * standing


def test_a_hand_on_the_hip_lies_on_it_palm_inward(body: Body) -> None:
    for phenotype in (HEAVY, SLIM):
        joints = body.rest(phenotype)[1]
        figure, flesh = Figure(body, joints), Flesh(body, joints)
        STANCES["stand"](np.random.default_rng(0), figure)
        hip(Context(np.random.default_rng(1), figure, flesh, "L", flesh.lowest(figure)))
        trunk_ = flesh.solid(figure, ("trunk", "thigh.L"))
        assert trunk_.sunk(flesh.points(figure, ("hand.L",))) > -0.03
        palm = -figure.rotation("wrist.L") @ back_of_hand(figure, "L")
        assert palm @ figure.rotation("root") @ [-1, 0, 0] > 0.5


def test_folded_arms_cross_in_front_of_the_chest(body: Body) -> None:
    joints = body.rest(SLIM)[1]
    figure, flesh = Figure(body, joints), Flesh(body, joints)
    STANCES["stand"](np.random.default_rng(0), figure)
    for side in "LR":
        crossed(Context(np.random.default_rng(1), figure, flesh, side, flesh.lowest(figure)))
    chest = figure.rotation("spine01").T
    left, right, breast = (chest @ figure.position(name) for name in ("wrist.L", "wrist.R", "spine01"))
    assert left[0] < right[0]
    assert max(left[1], right[1]) < breast[1]


def test_the_same_seed_draws_the_same_pose_and_another_another(body: Body) -> None:
    joints = body.rest(SLIM)[1]
    first, again, other = (random_pose(np.random.default_rng(seed), body, joints) for seed in (7, 7, 8))
    assert first.kind == again.kind
    assert all(np.array_equal(first.rotations[name], again.rotations[name]) for name in first.rotations)
    assert not np.array_equal(first.rotations["root"], other.rotations["root"])


def test_shares_add_up_and_every_kind_has_gestures() -> None:
    assert sum(KINDS.values()) == pytest.approx(1)
    assert KINDS["stand"] + KINDS["walk"] == pytest.approx(0.55)
    assert set(SINGLE) == set(KINDS) == set(STANCES)
    assert all(sum(shares.values()) < 1 for shares in BOTH.values())
