# SPDX-License-Identifier: GPL-3.0-or-later
"""Arms: by angles, or with a hand brought to a place, within what shoulders, elbows and wrists allow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .flesh import Flesh
from .hands import along_hand, back_of_hand, shape_hand
from .rig import (
    SIDES,
    Aim,
    Figure,
    Matrix,
    Vector,
    about,
    between,
    direction,
    frame,
    limited,
    turn,
    twist_about,
    unit,
)

Random = np.random.Generator
PALM = 0.026
"""Metres from the middle of the hand to the skin of the palm plus cloth."""
WRIST_BEND, WRIST_TURN, ARM_TURN = 58.0, 85.0, 100.0
"""Degrees that a hand bends, that it turns about the forearm, and the upper arm about itself, at most."""


@dataclass(frozen=True)
class Context:
    """What a gesture sees: the figure with trunk and legs posed, its flesh, the side, the
    floor's height, and how many metres
    further from the body than drawn a hand that touches it must be."""

    rng: Random
    figure: Figure
    flesh: Flesh
    side: str
    floor: float
    push: float = 0.0

    @property
    def sign(self) -> int:
        return SIDES[self.side]

    @property
    def chest(self) -> Matrix:
        return self.figure.rotation("spine01")


def clavicle(context: Context, upper: Vector) -> None:
    """The collarbone takes a quarter of a lift above 40 degrees, or the shoulder tears, and swings a little
    with an arm that crosses the chest."""
    local = context.chest.T @ unit(upper)
    lift = np.degrees(np.arccos(np.clip(-local[2], -1, 1)))
    forward = np.degrees(np.arctan2(-local[1], max(context.sign * local[0], -0.4) + 0.5)) * (lift > 25)
    raised = 0.25 * max(0.0, lift - 40)
    swing = float(np.clip(0.16 * forward, -8, 14))
    context.figure.rotations[f"clavicle.{context.side}"] = turn(
        0, -context.sign * raised, -context.sign * swing
    )
    context.figure.place()


def hang(
    context: Context,
    forward: float,
    outward: float,
    elbow: float,
    inward: float,
    turned: float,
    hand: str = "relaxed",
    world: bool = False,
) -> float:
    """An arm by angles: lifted forward, spread, bent, the upper arm turned `inward` about itself, the palm
    `turned` down. Returns 0: angles need no limit."""
    figure, sign = context.figure, context.sign
    base = np.eye(3) if world else context.chest
    upper = base @ direction(forward, outward, context.side)
    clavicle(context, upper)
    limb = figure.arm(context.side)
    parent = figure.rotation(f"shoulder01.{context.side}")
    swing = _swung_hinge(limb.upper, limb.hinge, parent.T @ upper)
    hinge = about(upper, sign * inward) @ parent @ swing
    figure.aim(limb, Aim(upper, hinge, max(elbow, 4.0)))
    figure.bend[f"elbow.{context.side}"] = max(elbow, 4.0)
    wrist = tuple(context.rng.normal(0, 7, 3))
    figure.rotations[f"lowerarm02.{context.side}"] = about(limb.lower, sign * 0.6 * turned)
    figure.rotations[f"wrist.{context.side}"] = about(limb.lower, sign * 0.4 * turned) @ turn(*wrist)
    shape_hand(context.rng, figure, context.side, hand)
    return 0.0


def _swung_hinge(rest: Vector, hinge: Vector, upper: Vector) -> Vector:
    """The hinge of an arm that swings from rest to `upper` by the shortest way."""
    moved: Vector = between(rest, upper) @ hinge
    return moved


def touch(
    context: Context,
    middle: Vector,
    palm: Vector,
    fingers: Vector,
    pole: Vector,
    hand: str,
    out: Vector | None = None,
) -> float:
    """Bring the middle of the hand to `middle`, the palm facing `palm`, fingers along `fingers`, the elbow
    towards `pole`; a push goes `out`, or away from where the palm faces. Returns how far beyond the joints'
    limits that is in degrees, a centimetre out of reach counting as 4."""
    figure, side = context.figure, context.side
    limb = figure.arm(side)
    rest_along, rest_back = along_hand(figure, side), back_of_hand(figure, side)
    goal = frame(-palm, fingers) @ frame(rest_back, rest_along).T
    middle = middle + context.push * unit(-palm if out is None else out)
    wrist = middle - goal @ rest_along * 0.95
    clavicle(context, wrist - figure.position(f"upperarm01.{side}"))
    aim, inward = figure.send(limb, wrist, pole)
    excess = max(abs(inward) - ARM_TURN, 0.0)
    figure.bend[f"elbow.{side}"] = aim.bend
    missed = float(np.linalg.norm(figure.position(f"wrist.{side}") - wrist))
    local = figure.rotation(f"lowerarm01.{side}").T @ goal
    turned = twist_about(local, limb.lower)
    bent = about(limb.lower, -turned) @ local
    kept = float(np.clip(turned, -WRIST_TURN, WRIST_TURN))
    flexed, beyond = limited(bent, WRIST_BEND)
    excess += abs(turned - kept) + beyond
    figure.rotations[f"lowerarm02.{side}"] = about(limb.lower, 0.6 * kept)
    figure.rotations[f"wrist.{side}"] = about(limb.lower, 0.4 * kept) @ flexed
    shape_hand(context.rng, figure, side, hand)
    return excess + 400 * max(missed - 0.03, 0.0)


def on(
    context: Context,
    region: str,
    along: float,
    around: float,
    fingers: Vector,
    pole: Vector,
    hand: str = "flat",
    gap: float = 0.0,
) -> float:
    """Lay the palm on the body: `around` counts toward the arm's own side."""
    point, normal = context.flesh.spot(
        context.figure, region, along, around if "." in region else context.sign * around
    )
    return touch(context, point + normal * (PALM + gap), -normal, fingers, pole, hand)


def toward(context: Context, out: float, front: float, up: float) -> Vector:
    """A direction in the chest's frame: toward the arm's own side, to the front, up."""
    local: Vector = context.chest @ np.array([context.sign * out, -front, up])
    return local
