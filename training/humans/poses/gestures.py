# SPDX-License-Identifier: GPL-3.0-or-later
"""Arms: what hands do, for each way of standing or sitting, on this body's own surface.

A gesture draws one try for one arm. Those that touch the body aim the palm at a spot of its skin, so that they
fit every build; the elbow goes where `pole` says.
"""

from __future__ import annotations

from collections.abc import Callable
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
    reach,
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
    """What a gesture sees: the figure with trunk and legs posed, its flesh, the side, and how many metres
    further from the body than drawn a hand that touches it must be."""

    rng: Random
    figure: Figure
    flesh: Flesh
    side: str
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


def hang(context: Context, forward: float, outward: float, elbow: float, inward: float, turned: float,
         hand: str = "relaxed", world: bool = False) -> float:  # fmt: skip
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
    wrist = context.rng.normal(0, 7, 3)
    figure.rotations[f"lowerarm02.{context.side}"] = about(limb.lower, sign * 0.6 * turned)
    figure.rotations[f"wrist.{context.side}"] = about(limb.lower, sign * 0.4 * turned) @ turn(*wrist)
    shape_hand(context.rng, figure, context.side, hand)
    return 0.0


def _swung_hinge(rest: Vector, hinge: Vector, upper: Vector) -> Vector:
    """The hinge of an arm that swings from rest to `upper` by the shortest way."""
    moved: Vector = between(rest, upper) @ hinge
    return moved


def touch(context: Context, middle: Vector, palm: Vector, fingers: Vector, pole: Vector, hand: str,
          out: Vector | None = None) -> float:  # fmt: skip
    """Bring the middle of the hand to `middle`, the palm facing `palm`, fingers along `fingers`, the elbow
    towards `pole`; a push goes `out`, or away from where the palm faces. Returns how far beyond the joints' limits that is, in degrees."""
    figure, side = context.figure, context.side
    limb = figure.arm(side)
    rest_along, rest_back = along_hand(figure, side), back_of_hand(figure, side)
    goal = frame(-palm, fingers) @ frame(rest_back, rest_along).T
    middle = middle + context.push * unit(-palm if out is None else out)
    wrist = middle - goal @ rest_along * 0.95
    clavicle(context, wrist - figure.position(f"upperarm01.{side}"))
    aim = reach(limb, figure.position(f"upperarm01.{side}"), wrist, pole)
    excess = max(abs(figure.aim(limb, aim)) - ARM_TURN, 0.0)
    figure.bend[f"elbow.{side}"] = aim.bend
    missed = np.linalg.norm(figure.position(f"wrist.{side}") - wrist)
    local = figure.rotation(f"lowerarm01.{side}").T @ goal
    turned = twist_about(local, limb.lower)
    bent = about(limb.lower, -turned) @ local
    kept = float(np.clip(turned, -WRIST_TURN, WRIST_TURN))
    flexed = limited(bent, WRIST_BEND)
    excess += abs(turned - kept)
    excess += np.degrees(np.arccos(np.clip((np.trace(flexed.T @ bent) - 1) / 2, -1, 1)))
    figure.rotations[f"lowerarm02.{side}"] = about(limb.lower, 0.6 * kept)
    figure.rotations[f"wrist.{side}"] = about(limb.lower, 0.4 * kept) @ flexed
    shape_hand(context.rng, figure, side, hand)
    return float(excess + 400 * max(missed - 0.03, 0.0))


def on(context: Context, region: str, along: float, around: float, fingers: Vector, pole: Vector,
       hand: str = "flat", gap: float = 0.0) -> float:  # fmt: skip
    """Lay the palm on the body: `around` counts toward the arm's own side."""
    point, normal = context.flesh.spot(
        context.figure, region, along, around if "." in region else context.sign * around
    )
    return touch(context, point + normal * (PALM + gap), -normal, fingers, pole, hand)


def _v(context: Context, out: float, front: float, up: float) -> Vector:
    """A direction in the chest's frame: toward the arm's own side, to the front, up."""
    local: Vector = context.chest @ np.array([context.sign * out, -front, up])
    return local


def _one(c: Context, *shapes: str) -> str:
    """One of some shapes of a hand."""
    return shapes[int(c.rng.integers(len(shapes)))]


def relaxed(c: Context) -> float:
    u = c.rng.uniform
    return hang(c, float(np.clip(c.rng.normal(3, 9), -18, 26)), u(2, 16), float(np.clip(c.rng.normal(16, 11), 4, 48)),
                u(-14, 34), u(-20, 46))  # fmt: skip


def away(c: Context) -> float:
    u = c.rng.uniform
    return hang(
        c, u(-22, 44), u(18, 85), u(4, 70), u(-25, 45), u(-35, 55), _one(c, "open", "relaxed", "spread")
    )


def forearm_up(c: Context) -> float:
    u = c.rng.uniform
    return hang(
        c, u(-8, 30), u(6, 26), u(55, 118), u(-15, 52), u(-40, 55), _one(c, "open", "relaxed", "grip", "flat")
    )


def raised(c: Context) -> float:
    u = c.rng.uniform
    return hang(
        c,
        u(-12, 30),
        u(112, 166),
        u(5, 80),
        u(-20, 30),
        u(-30, 50),
        _one(c, "open", "fist", "spread", "relaxed"),
    )


def forward(c: Context) -> float:
    u = c.rng.uniform
    return hang(
        c, u(50, 100), u(0, 26), u(5, 70), u(-40, 25), u(-20, 60), _one(c, "open", "relaxed", "flat", "fist")
    )


def waving(c: Context) -> float:
    u = c.rng.uniform
    middle = c.figure.position(f"upperarm01.{c.side}") + c.figure.scale * _v(
        c, u(0.1, 0.34), u(0.08, 0.3), u(0.2, 0.46)
    )
    return touch(c, middle, _v(c, u(-0.3, 0.3), 1, 0), _v(c, u(-0.5, 0.5), u(-0.1, 0.3), 1), _v(c, 1, -0.3, -0.8),
                 _one(c, "open", "spread", "flat"))  # fmt: skip


def pointing(c: Context) -> float:
    u = c.rng.uniform
    return hang(c, u(40, 108), u(4, 60), u(4, 34), u(-45, 10), u(15, 70), "point")


def hip(c: Context) -> float:
    u = c.rng.uniform
    hand = str(c.rng.choice(["flat", "relaxed", "fist"], p=[0.6, 0.25, 0.15]))
    return on(
        c,
        "trunk",
        u(0.14, 0.3),
        u(66, 96),
        _v(c, u(-0.5, -0.1), u(0.6, 1), u(-0.8, -0.1)),
        _v(c, 1, u(-0.9, -0.2), 0),
        hand,
    )


def pocket(c: Context) -> float:
    """The hand flat on the front of the hip, pointing down, as with the thumb out of a pocket."""
    u = c.rng.uniform
    return on(c, f"thigh.{c.side}", u(0.0, 0.14), c.sign * u(35, 72), _v(c, -0.1, u(0.05, 0.35), -1), _v(c, 0.7, -1, 0),
              "flat" if c.rng.random() < 0.5 else "fist", -0.006)  # fmt: skip


def seat(c: Context) -> float:
    u = c.rng.uniform
    return on(c, "trunk", u(-0.08, 0.06), u(128, 150), _v(c, -0.1, 0, -1), _v(c, 0.5, -1, 0), "flat")


def on_thigh(c: Context) -> float:
    u = c.rng.uniform
    knee = c.figure.position(f"lowerleg01.{c.side}") - c.figure.position(f"upperleg01.{c.side}")
    inward = np.array([-c.sign * u(0.0, 0.7), 0, 0])
    return on(c, f"thigh.{c.side}", u(0.45, 0.95), c.sign * u(-25, 30), unit(knee) + inward, _v(c, 1, -0.4, 0),
              _one(c, "flat", "relaxed", "grip"))  # fmt: skip


def on_knee(c: Context) -> float:
    u = c.rng.uniform
    shin = c.figure.position(f"foot.{c.side}") - c.figure.position(f"lowerleg01.{c.side}")
    return on(
        c,
        f"thigh.{c.side}",
        u(0.93, 1.04),
        c.sign * u(-20, 30),
        unit(shin) + np.array([0, -0.3, 0]),
        _v(c, 1, -0.2, 0.1),
        "grip",
    )


def low_front(c: Context) -> float:
    """In front of the lap, one hand over the other."""
    u = c.rng.uniform
    upper = c.side == "R"
    return on(c, "trunk", u(-0.04, 0.12), -4, _v(c, -1, 0.1, -0.6), _v(c, 1, -0.5, 0), "flat" if upper else "relaxed",
              0.035 + (0.045 if upper else 0.0))  # fmt: skip


def clasped(c: Context) -> float:
    """Hands together in front of the belly or chest."""
    point, normal = c.flesh.spot(c.figure, "trunk", 0.42, 0)
    middle = point + c.figure.scale * (normal * 0.15 + _v(c, 0.034, 0, 0.0))
    return touch(c, middle, _v(c, -1, 0, 0), _v(c, -0.25, 0.8, 0.5), _v(c, 1, -0.4, -0.8), "flat")


def crossed(c: Context) -> float:
    """Arms folded: the left forearm on the ribs, the right one over it."""
    u = c.rng.uniform
    over = c.side == "R"
    point, _ = c.flesh.spot(c.figure, "trunk", 0.60, 0)
    middle = point + c.figure.scale * (
        _v(c, -0.15, 0.0, -0.03 + (0.02 if over else 0.0)) + _v(c, 0, 0.115 if over else 0.045, 0)
    )
    palm = _v(c, 0.3, -1, 0) if over else _v(c, 0.2, -1, 0.0)
    return touch(
        c,
        middle,
        palm,
        _v(c, -1, -0.15 if over else -0.3, u(0.0, 0.35) if over else 0.0),
        _v(c, 0.8, 0.1, -1),
        "flat",
    )


def behind(c: Context) -> float:
    """Behind the back, palms to the rear, one hand in the other."""
    u = c.rng.uniform
    point, normal = c.flesh.spot(c.figure, "trunk", u(-0.02, 0.08), 176)
    middle = point + normal * (0.03 + (0.045 if c.side == "R" else 0.0))
    return touch(c, middle, normal, _v(c, -1, 0, -0.9), _v(c, 1, -0.5, 0), "relaxed", normal)


def phone_at_ear(c: Context) -> float:
    u = c.rng.uniform
    return on(
        c,
        "head",
        u(0.36, 0.46),
        u(78, 92),
        _v(c, u(-0.2, 0.1), u(-0.1, 0.35), 1),
        _v(c, 0.9, 0.4, -1),
        "grip",
        0.006,
    )


def phone_in_front(c: Context) -> float:
    u = c.rng.uniform
    middle = c.figure.position("spine01") + c.figure.scale * _v(c, u(0.02, 0.14), u(0.26, 0.4), u(-0.04, 0.2))
    return touch(c, middle, _v(c, -0.4, -0.8, 0.5), _v(c, -0.5, 0.5, 0.7), _v(c, 1, -0.3, -1), "grip")


def chin(c: Context) -> float:
    u = c.rng.uniform
    return on(
        c,
        "head",
        u(0.06, 0.2),
        u(5, 45),
        _v(c, -0.8, 0.1, 0.7),
        _v(c, 0.8, 0.5, -1),
        _one(c, "fist", "relaxed"),
        0.01,
    )


def hair(c: Context) -> float:
    u = c.rng.uniform
    return on(c, "head", u(0.6, 0.92), u(75, 150), _v(c, -0.7, -0.5, 0.5), _v(c, 1, 0.3, 0.5), "flat", 0.02)


def strap(c: Context) -> float:
    """Holding the strap of a bag on the chest."""
    u = c.rng.uniform
    return on(c, "trunk", u(0.7, 0.82), u(28, 48), _v(c, -0.5, 0.1, 0.9), _v(c, 0.7, 0.2, -1), "fist", 0.01)


def on_chest(c: Context) -> float:
    u = c.rng.uniform
    return on(c, "trunk", u(0.5, 0.75), -u(0, 30), _v(c, -1, 0, u(0.1, 0.8)), _v(c, 1, 0.1, -0.7), "flat")


def runner(c: Context) -> float:
    """Against the leg of the same side: back while it is in front."""
    u = c.rng.uniform
    thigh = c.figure.position(f"lowerleg01.{c.side}") - c.figure.position(f"upperleg01.{c.side}")
    swing = float(np.clip(np.degrees(np.arctan2(-thigh[1], -thigh[2])), -30, 60))
    return hang(
        c,
        -0.75 * swing + u(-8, 20),
        u(4, 18),
        u(65, 108),
        u(0, 35),
        u(-25, 15),
        _one(c, "fist", "relaxed", "grip"),
    )


def walker(c: Context) -> float:
    """The walker's arm: opposite to the leg of its side."""
    u = c.rng.uniform
    thigh = c.figure.position(f"lowerleg01.{c.side}") - c.figure.position(f"upperleg01.{c.side}")
    swing = float(np.degrees(np.arctan2(-thigh[1], -thigh[2])))
    return hang(
        c, float(np.clip(-swing * u(0.6, 1.3), -28, 34)) + u(-3, 6), u(3, 12), u(8, 42), u(-5, 30), u(-12, 40)
    )


def prop(c: Context) -> float:
    """A hand on the floor behind, for those who sit there."""
    u = c.rng.uniform
    floor = float(c.figure.position("root")[2]) - 0.10 * c.figure.scale
    shoulder = c.figure.position(f"upperarm01.{c.side}")
    middle = np.array([shoulder[0] + c.sign * u(0.0, 0.15), shoulder[1] + u(0.05, 0.25), floor + 0.03])
    return touch(
        c,
        middle,
        np.array([0, 0, -1.0]),
        np.array([c.sign * u(0.2, 1), u(-0.3, 1), 0]),
        np.array([c.sign * 0.4, 1, 0]),
        "open",
    )


def hug(c: Context) -> float:
    """A hand on the shin of its side, as round drawn-up knees."""
    u = c.rng.uniform
    return on(
        c,
        f"shin.{c.side}",
        u(0.15, 0.5),
        c.sign * -u(0, 30),
        np.array([-c.sign, 0, -0.3]),
        _v(c, 1, 0, -0.3),
        "grip",
    )


def reach_down(c: Context) -> float:
    u = c.rng.uniform
    return hang(
        c,
        u(-12, 30),
        u(-2, 14),
        u(4, 35),
        u(-15, 30),
        u(-20, 60),
        _one(c, "relaxed", "open", "grip"),
        world=True,
    )


Gesture = Callable[[Context], float]
SINGLE: dict[str, dict[Gesture, float]] = {
    "stand": {relaxed: 0.42, hip: 0.1, pocket: 0.12, forearm_up: 0.1, away: 0.06, raised: 0.02, waving: 0.02, pointing: 0.02,
              phone_at_ear: 0.02, phone_in_front: 0.03, chin: 0.02, hair: 0.02, strap: 0.02, on_chest: 0.01, seat: 0.01,
              forward: 0.01},
    "walk": {walker: 0.74, pocket: 0.07, phone_in_front: 0.04, phone_at_ear: 0.03, strap: 0.03, forearm_up: 0.05, waving: 0.02,
             relaxed: 0.02},
    "run": {runner: 1.0},
    "lunge": {relaxed: 0.15, hip: 0.2, on_thigh: 0.25, away: 0.15, raised: 0.1, forward: 0.15},
    "dance": {away: 0.35, raised: 0.25, forearm_up: 0.2, hip: 0.1, hair: 0.03, forward: 0.07},
    "leg up": {away: 0.45, forearm_up: 0.2, hip: 0.1, raised: 0.15, forward: 0.1},
    "sit": {on_thigh: 0.5, on_knee: 0.14, forearm_up: 0.12, chin: 0.05, phone_in_front: 0.07, relaxed: 0.04, hair: 0.02,
            phone_at_ear: 0.03, pointing: 0.01, waving: 0.02},
    "sit on floor": {on_knee: 0.28, on_thigh: 0.2, prop: 0.24, hug: 0.14, forearm_up: 0.08, phone_in_front: 0.06},
    "cross-legged": {on_knee: 0.38, on_thigh: 0.25, forearm_up: 0.15, phone_in_front: 0.1, chin: 0.06, waving: 0.06},
    "crouch": {on_knee: 0.35, on_thigh: 0.2, forward: 0.1, forearm_up: 0.15, reach_down: 0.2},
    "kneel": {on_thigh: 0.4, relaxed: 0.2, forearm_up: 0.15, hip: 0.08, reach_down: 0.12, phone_in_front: 0.05},
    "jump": {raised: 0.4, away: 0.35, forearm_up: 0.15, runner: 0.1},
    "bend": {reach_down: 0.5, on_thigh: 0.15, on_knee: 0.25, hip: 0.04, forward: 0.06},
}  # fmt: skip
BOTH: dict[str, dict[Gesture, float]] = {
    "stand": {relaxed: 0.07, hip: 0.07, pocket: 0.07, crossed: 0.1, low_front: 0.06, clasped: 0.05, behind: 0.05, raised: 0.02,
              hair: 0.01},
    "walk": {pocket: 0.05},
    "lunge": {hip: 0.1, clasped: 0.05, on_thigh: 0.1},
    "dance": {raised: 0.12},
    "leg up": {clasped: 0.05, hip: 0.1},
    "sit": {clasped: 0.1, crossed: 0.06, on_thigh: 0.14, on_knee: 0.05},
    "sit on floor": {hug: 0.2, prop: 0.16, on_knee: 0.1},
    "cross-legged": {on_knee: 0.25, clasped: 0.06},
    "crouch": {on_knee: 0.15, clasped: 0.1},
    "kneel": {on_thigh: 0.2, clasped: 0.05},
    "jump": {raised: 0.25},
    "bend": {on_knee: 0.16, reach_down: 0.25},
}  # fmt: skip
"""Shares of what single arms do, and of what both do alike (the rest of the time the arms differ)."""
CONTACT: dict[Gesture, float] = {crossed: 0.022, clasped: 0.03, low_front: 0.012, behind: 0.02}
"""Metres that arms which hold each other may sink into one another; the rest keep clear of the other arm."""


def draw_gestures(rng: Random, kind: str) -> tuple[Gesture, Gesture]:
    """What the left and the right arm do."""

    def pick(table: dict[Gesture, float]) -> Gesture:
        weights = np.array(list(table.values()))
        return list(table)[int(rng.choice(len(table), p=weights / weights.sum()))]

    both = BOTH.get(kind, {})
    if rng.random() < sum(both.values()):
        gesture = pick(both)
        return gesture, gesture
    return pick(SINGLE[kind]), pick(SINGLE[kind])
