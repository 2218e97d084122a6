# SPDX-License-Identifier: GPL-3.0-or-later
"""Poses as rotations of the skeleton's bones: standing, walking, sitting, jumping and so on, free of collisions.

Trunk and legs are drawn first, then each arm; whatever sinks into the rest of the body is drawn again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .body import Body
from .poses.flesh import Flesh
from .poses.gestures import CONTACT, Context, Gesture, away, draw_gestures, relaxed
from .poses.rig import Figure, Matrix
from .poses.stances import KINDS, STANCES, look
from .topology import FloatArray

STANCE_TRIES, ARM_TRIES, GESTURE_TRIES, PUSHES = 40, 6, 5, 4
ARM_CLEAR = 0.004
"""Metres that a hand and a forearm keep from the skin of trunk, head and legs: room for thin cloth."""
LEG_SINK = 0.006
"""Metres that a thigh or a shin may press into the other leg, as flesh gives way."""
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


def random_pose(
    rng: np.random.Generator, body: Body, joints: FloatArray, rest: FloatArray | None = None
) -> Pose:
    """A pose for a body whose joints rest at `joints` (J, 3) and whose vertices at `rest` (19158, 3).

    No limb of it sinks into another or the trunk by more than a few millimetres. The same from the same rng.
    """
    kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    return pose_of_kind(rng, kind, body, joints, body.mean[: body.count] if rest is None else rest)


def pose_of_kind(
    rng: np.random.Generator, kind: str, body: Body, joints: FloatArray, rest: FloatArray
) -> Pose:
    """A pose of one of KINDS."""
    flesh = Flesh(body, rest)
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


def arm_sunk(flesh: Flesh, figure: Figure, side: str, beside: str | None, contact: float) -> float:
    """Metres by which an arm sinks into trunk, head and legs, or into the other arm where `beside` names it,
    beyond what is allowed."""
    solid = ("trunk", "head", "thigh.L", "thigh.R", "shin.L", "shin.R", "foot.L", "foot.R")
    worst = flesh.sunk(figure, (f"forearm.{side}", f"hand.{side}"), solid) + ARM_CLEAR
    worst = max(worst, flesh.sunk(figure, (f"free arm.{side}",), ("trunk", "head")))
    if beside:
        other = (f"arm.{beside}", f"forearm.{beside}", f"hand.{beside}")
        worst = max(worst, flesh.sunk(figure, (f"forearm.{side}", f"hand.{side}"), other, 0.06) - contact)
    return worst


def _draw_arms(
    rng: np.random.Generator, kind: str, flesh: Flesh, figure: Figure, tries: dict[str, int]
) -> None:
    """Try gestures until both arms are free; at last hang or spread them."""
    for _ in range(GESTURE_TRIES):
        gestures = draw_gestures(rng, kind)
        if all(
            _draw_arm(rng, gesture, flesh, figure, side, beside, tries)
            for gesture, side, beside in zip(gestures, "LR", (None, "L"), strict=True)
        ):
            return
    for side, beside in (("L", None), ("R", "L")):
        for gesture in (relaxed, away, away, away):
            if _draw_arm(rng, gesture, flesh, figure, side, beside, tries):
                break


def _draw_arm(
    rng: np.random.Generator, gesture: Gesture, flesh: Flesh, figure: Figure, side: str, beside: str | None,
    tries: dict[str, int],
) -> bool:  # fmt: skip
    for _ in range(ARM_TRIES):
        seed, push = int(rng.integers(1 << 60)), 0.0
        for _ in range(PUSHES):
            tries["arm"] += 1
            strain = gesture(Context(np.random.default_rng(seed), figure, flesh, side, push))
            if strain > STRAIN:
                break
            sunk = arm_sunk(flesh, figure, side, beside, CONTACT.get(gesture, 0.0))
            if sunk <= 0:
                return True
            if sunk > DEEP:
                break
            push += sunk + 0.002
    return False
