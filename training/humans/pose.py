# SPDX-License-Identifier: GPL-3.0-or-later
"""Poses as rotations of the skeleton's bones, from standing to sitting and jumping, free of collisions.

Trunk and legs are drawn first, then each arm; whatever sinks into the rest of the body is drawn again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .body import Body
from .poses.arms import Context
from .poses.flesh import BELOW, Flesh, Solid
from .poses.gestures import away, forearm_up, raised, relaxed
from .poses.legs import look
from .poses.repertoire import CONTACT, Gesture, draw_gestures
from .poses.rig import Figure, Matrix
from .poses.stances import KINDS, STANCES
from .topology import FloatArray

STANCE_TRIES, ARM_TRIES, GESTURE_TRIES, PUSHES = 20, 6, 5, 4
ARM_CLEAR = 0.007
"""Metres that a hand and a forearm keep from the skin of trunk, head and legs: room for thin cloth."""
ARM_PRESS = 0.006
"""Metres that an upper arm may press into the chest."""
LEG_SINK = 0.006
"""Metres that a thigh or a shin may press into the other leg, as flesh gives way."""
FLOOR_SINK = 0.015
"""Metres that a hand may reach below the soles, which shoes raise."""
STRAIN = 20.0
"""Degrees beyond the joints' limits that a hand's aim may miss (it stops at the limit)."""
DEEP = 0.07
"""Metres of sinking that no push repairs."""
LAST_GESTURES = (relaxed, away, forearm_up, raised)
SEAT = ("trunk", "thigh.L", "thigh.R")
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

    Limbs that sink into others, the trunk or the floor by more than flesh gives way are drawn again. The same
    from the same rng.
    """
    return pose_of_kind(rng, str(rng.choice(list(KINDS), p=list(KINDS.values()))), body, joints)


def pose_of_kind(rng: np.random.Generator, kind: str, body: Body, joints: FloatArray) -> Pose:
    """A pose of one of KINDS; the last of STANCE_TRIES even where a limb of it is not free."""
    flesh = Flesh(body, joints)
    tries = {"stance": 0, "arm": 0}
    for last in [False] * (STANCE_TRIES - 1) + [True]:
        figure = Figure(body, joints)
        STANCES[kind](rng, figure)
        look(rng, figure)
        tries["stance"] += 1
        if (last or legs_sunk(flesh, figure) <= 0) and _draw_arms(rng, kind, flesh, figure, tries):
            break
    return Pose(kind, figure.rotations, figure.bend, tries)


def legs_sunk(flesh: Flesh, figure: Figure) -> float:
    """Metres by which legs sink into each other or the trunk beyond what flesh gives way."""
    left, right = ("free thigh.L", "shin.L", "foot.L"), ("free thigh.R", "shin.R", "foot.R")
    worst = flesh.solid(figure, right, 0.1).sunk(flesh.points(figure, left))
    worst = max(worst, flesh.solid(figure, left, 0.1).sunk(flesh.points(figure, right))) - LEG_SINK
    thighs, feet = ("free thigh.L", "free thigh.R"), ("foot.L", "foot.R")
    worst = max(worst, flesh.solid(figure, ("trunk",)).sunk(flesh.points(figure, thighs)) - FOLD_SINK)
    return max(worst, flesh.solid(figure, SEAT).sunk(flesh.points(figure, feet)) - FOLD_SINK)


class Surroundings:
    """What arms must keep clear of: trunk and head, legs, the floor, and the arm that was placed before."""

    def __init__(self, flesh: Flesh, figure: Figure) -> None:
        self.flesh, self.figure = flesh, figure
        self.core = flesh.solid(figure, ("trunk", "head"))
        self.body = flesh.solid(figure, (*BELOW, "head"))
        self.floor = flesh.lowest(figure)
        self.arm: Solid | None = None

    def place(self, side: str) -> None:
        """From now on keep clear of the arm of `side` as it is."""
        self.arm = self.flesh.solid(self.figure, (f"arm.{side}", f"forearm.{side}", f"hand.{side}"), 0.06)

    def sunk(self, side: str, contact: float) -> float:
        """Metres by which the arm of `side` sinks into anything beyond what is allowed; `contact` is what is
        allowed between arms."""
        lower = self.flesh.points(self.figure, (f"forearm.{side}", f"hand.{side}"))
        worst = self.body.sunk(lower) + ARM_CLEAR
        worst = max(worst, self.core.sunk(self.flesh.points(self.figure, (f"free arm.{side}",))) - ARM_PRESS)
        worst = max(worst, self.floor - FLOOR_SINK - float(lower[:, 2].min()))
        return worst if self.arm is None else max(worst, self.arm.sunk(lower) - contact)


def _draw_arms(
    rng: np.random.Generator, kind: str, flesh: Flesh, figure: Figure, tries: dict[str, int]
) -> bool:
    """Try gestures until both arms are free; at last hang, spread or raise each. False where none is free."""
    around = Surroundings(flesh, figure)
    for _ in range(GESTURE_TRIES):
        left, right = draw_gestures(rng, kind)
        around.arm = None
        if _draw_arm(rng, left, around, "L", tries):
            around.place("L")
            if _draw_arm(rng, right, around, "R", tries):
                return True
    around.arm = None
    for side in "LR":
        if not any(_draw_arm(rng, gesture, around, side, tries) for gesture in LAST_GESTURES):
            return False
        around.place(side)
    return True


def _draw_arm(
    rng: np.random.Generator, gesture: Gesture, around: Surroundings, side: str, tries: dict[str, int]
) -> bool:
    """Try a gesture, each draw of it pushed out of what it sinks into; True where the arm is free."""
    contact = CONTACT.get(gesture, 0.0)
    for _ in range(ARM_TRIES):
        seed, push = int(rng.integers(1 << 60)), 0.0
        for _ in range(PUSHES):
            tries["arm"] += 1
            drawn = np.random.default_rng(seed)
            strain = gesture(Context(drawn, around.figure, around.flesh, side, around.floor, push))
            sunk = around.sunk(side, contact) if strain <= STRAIN else DEEP + 1
            if sunk <= 0:
                return True
            if sunk > DEEP:
                break
            push += sunk + 0.002
    return False
