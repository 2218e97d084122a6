# SPDX-License-Identifier: GPL-3.0-or-later
"""Poses as rotations of the skeleton's bones, from standing to sitting and jumping, free of collisions.

Trunk and legs are drawn first, then each arm; whatever sinks into the rest of the body is drawn again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .body import Body
from .poses.arms import Context
from .poses.flesh import Flesh, patch
from .poses.gestures import away, relaxed
from .poses.repertoire import CONTACT, Gesture, draw_gestures
from .poses.rig import Figure, Matrix
from .poses.stances import KINDS, STANCES, look
from .topology import FloatArray

STANCE_TRIES, ARM_TRIES, GESTURE_TRIES, PUSHES = 40, 6, 5, 4
ARM_CLEAR = 0.007
"""Metres that a hand and a forearm keep from the skin of trunk, head and legs: room for thin cloth."""
LEG_SINK = 0.006
"""Metres that a thigh or a shin may press into the other leg, as flesh gives way."""
FLOOR_SINK = 0.015
"""Metres that a hand may reach below the soles, which shoes raise."""
STRAIN = 20.0
"""Degrees beyond the joints' limits that a hand's aim may miss (it stops at the limit)."""
DEEP = 0.07
"""Metres of sinking that no push repairs."""
FOLD_SINK = 0.03
"""Metres of belly that a lifted thigh, and of thigh that a folded shin may press in: skinning does not."""


@dataclass(frozen=True)
class Pose:
    """rotations: bone -> (3, 3); bend: degrees by "elbow.L", "knee.R", "hip.L" and so on, which crease the
    cloth; tries: how many stances and arms were drawn before these."""

    kind: str
    rotations: dict[str, Matrix]
    bend: dict[str, float]
    tries: dict[str, int] = field(default_factory=dict)


def random_pose(rng: np.random.Generator, body: Body, joints: FloatArray) -> Pose:
    """A pose for a body whose joints rest at `joints` (J, 3).

    No limb of it sinks into another or the trunk by more than flesh gives way. The same from the same rng.
    """
    return pose_of_kind(rng, str(rng.choice(list(KINDS), p=list(KINDS.values()))), body, joints)


def pose_of_kind(rng: np.random.Generator, kind: str, body: Body, joints: FloatArray) -> Pose:
    """A pose of one of KINDS."""
    flesh = Flesh(body, joints)
    tries = {"stance": 0, "arm": 0}
    for _ in range(STANCE_TRIES):
        figure = Figure(body, joints)
        STANCES[kind](rng, figure)
        look(rng, figure)
        tries["stance"] += 1
        if legs_sunk(flesh, figure) <= 0:
            break
    _draw_arms(rng, kind, flesh, figure, tries)
    return Pose(kind, figure.rotations, figure.bend, tries)


def legs_sunk(flesh: Flesh, figure: Figure) -> float:
    """Metres by which legs sink into each other or the trunk beyond what flesh gives way."""
    left, right = ("free thigh.L", "shin.L", "foot.L"), ("free thigh.R", "shin.R", "foot.R")
    worst = max(flesh.sunk(figure, left, right, 0.1), flesh.sunk(figure, right, left, 0.1)) - LEG_SINK
    for side in "LR":
        worst = max(worst, flesh.sunk(figure, (f"free thigh.{side}",), ("trunk",)) - FOLD_SINK)
        worst = max(worst, flesh.sunk(figure, (f"foot.{side}",), ("trunk", f"thigh.{side}")) - FOLD_SINK)
    return worst


def arm_sunk(
    flesh: Flesh, figure: Figure, side: str, beside: str | None, contact: float, floor: float
) -> float:
    """Metres by which an arm sinks into trunk, head and legs, into the floor, or into the other arm where
    `beside` names it, beyond what is allowed."""
    solid = ("trunk", "head", "thigh.L", "thigh.R", "shin.L", "shin.R", "foot.L", "foot.R")
    worst = flesh.sunk(figure, (f"forearm.{side}", f"hand.{side}"), solid) + ARM_CLEAR
    worst = max(worst, flesh.sunk(figure, (f"free arm.{side}",), ("trunk", "head")))
    points, _ = flesh.surface(figure, patch(flesh.body, (f"forearm.{side}", f"hand.{side}")))
    worst = max(worst, floor - FLOOR_SINK - float(points[:, 2].min()))
    if beside:
        other = (f"arm.{beside}", f"forearm.{beside}", f"hand.{beside}")
        worst = max(worst, flesh.sunk(figure, (f"forearm.{side}", f"hand.{side}"), other, 0.06) - contact)
    return worst


def _draw_arms(
    rng: np.random.Generator, kind: str, flesh: Flesh, figure: Figure, tries: dict[str, int]
) -> None:
    """Try gestures until both arms are free; at last hang or spread them."""
    floor = flesh.lowest(figure)
    for _ in range(GESTURE_TRIES):
        gestures = draw_gestures(rng, kind)
        if all(
            _draw_arm(rng, gesture, flesh, figure, side, beside, floor, tries)
            for gesture, side, beside in zip(gestures, "LR", (None, "L"), strict=True)
        ):
            return
    for side, beside in (("L", None), ("R", "L")):
        for gesture in (relaxed, away, away, away):
            if _draw_arm(rng, gesture, flesh, figure, side, beside, floor, tries):
                break


def _draw_arm(
    rng: np.random.Generator, gesture: Gesture, flesh: Flesh, figure: Figure, side: str, beside: str | None,
    floor: float, tries: dict[str, int],
) -> bool:  # fmt: skip
    for _ in range(ARM_TRIES):
        seed, push = int(rng.integers(1 << 60)), 0.0
        for _ in range(PUSHES):
            tries["arm"] += 1
            strain = gesture(Context(np.random.default_rng(seed), figure, flesh, side, floor, push))
            if strain > STRAIN:
                break
            sunk = arm_sunk(flesh, figure, side, beside, CONTACT.get(gesture, 0.0), floor)
            if sunk <= 0:
                return True
            if sunk > DEEP:
                break
            push += sunk + 0.002
    return False
