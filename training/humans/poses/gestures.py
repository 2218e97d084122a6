# SPDX-License-Identifier: GPL-3.0-or-later
"""Gestures: what an arm does, drawn once for one side.

Those that touch the body aim the palm at a spot of its own skin, so that they fit every build. Each returns
the degrees by which its aim lies beyond the joints' limits.
"""

from __future__ import annotations

import numpy as np

from .arms import PALM, Context, hang, on, touch, toward
from .rig import unit


def _one(c: Context, *shapes: str) -> str:
    """One of some shapes of a hand."""
    return shapes[int(c.rng.integers(len(shapes)))]


def relaxed(c: Context) -> float:
    u = c.rng.uniform
    return hang(
        c,
        float(np.clip(c.rng.normal(3, 9), -18, 26)),
        u(2, 16),
        float(np.clip(c.rng.normal(16, 11), 4, 48)),
        u(-14, 34),
        u(-20, 46),
    )


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
    middle = c.figure.position(f"upperarm01.{c.side}") + c.figure.scale * toward(
        c, u(0.1, 0.34), u(0.08, 0.3), u(0.2, 0.46)
    )
    return touch(
        c,
        middle,
        toward(c, u(-0.3, 0.3), 1, 0),
        toward(c, u(-0.5, 0.5), u(-0.1, 0.3), 1),
        toward(c, 1, -0.3, -0.8),
        _one(c, "open", "spread", "flat"),
    )


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
        toward(c, u(-0.5, -0.1), u(0.6, 1), u(-0.8, -0.1)),
        toward(c, 1, u(-0.9, -0.2), 0),
        hand,
    )


def pocket(c: Context) -> float:
    """The hand flat on the front of the hip, pointing down, as with the thumb out of a pocket."""
    u = c.rng.uniform
    return on(
        c,
        f"thigh.{c.side}",
        u(0.0, 0.14),
        c.sign * u(35, 72),
        toward(c, -0.1, u(0.05, 0.35), -1),
        toward(c, 0.7, -1, 0),
        "flat" if c.rng.random() < 0.5 else "fist",
        -0.006,
    )


def seat(c: Context) -> float:
    u = c.rng.uniform
    return on(c, "trunk", u(-0.08, 0.06), u(128, 150), toward(c, -0.1, 0, -1), toward(c, 0.5, -1, 0), "flat")


def _upward(c: Context, along: float) -> float:
    """Where round the thigh its skin faces up, in degrees: a thigh turns with the way somebody sits."""

    def height(around: float) -> float:
        _, normal = c.flesh.spot(c.figure, f"thigh.{c.side}", along, around)
        return float(normal @ [0, -0.35, 1])

    return max(range(-90, 91, 15), key=height)


def on_thigh(c: Context) -> float:
    u = c.rng.uniform
    knee = c.figure.position(f"lowerleg01.{c.side}") - c.figure.position(f"upperleg01.{c.side}")
    along = u(0.4, 0.9)
    around = _upward(c, along) + u(-20, 20)
    fingers = unit(knee) + np.array([-c.sign * u(0.0, 0.8), 0, 0])
    hand = _one(c, "flat", "relaxed", "grip")
    return on(c, f"thigh.{c.side}", along, around, fingers, toward(c, 1, u(-0.6, 0), 0), hand)


def on_knee(c: Context) -> float:
    u = c.rng.uniform
    shin = c.figure.position(f"foot.{c.side}") - c.figure.position(f"lowerleg01.{c.side}")
    knee = c.figure.position(f"lowerleg01.{c.side}") - c.figure.position(f"upperleg01.{c.side}")
    around = _upward(c, 0.9) + u(-15, 15)
    fingers = unit(shin) * u(0, 0.8) + unit(knee)
    return on(
        c, f"thigh.{c.side}", u(0.9, 1.04), around, fingers, toward(c, 1, -0.2, 0.1), _one(c, "grip", "flat")
    )


def low_front(c: Context) -> float:
    """In front of the lap, one hand over the other."""
    u = c.rng.uniform
    upper = c.side == "R"
    return on(
        c,
        "trunk",
        u(-0.04, 0.12),
        -4,
        toward(c, -1, 0.1, -0.6),
        toward(c, 1, -0.5, 0),
        "flat" if upper else "relaxed",
        0.035 + (0.045 if upper else 0.0),
    )


def clasped(c: Context) -> float:
    """Hands together in front of the belly or chest."""
    point, normal = c.flesh.spot(c.figure, "trunk", 0.42, 0)
    middle = point + c.figure.scale * (normal * 0.15 + toward(c, 0.034, 0, 0.0))
    return touch(c, middle, toward(c, -1, 0, 0), toward(c, -0.25, 0.8, 0.5), toward(c, 1, -0.4, -0.8), "flat")


def crossed(c: Context) -> float:
    """Arms folded: the left forearm on the ribs, the right one over it."""
    u = c.rng.uniform
    over = c.side == "R"
    point, _ = c.flesh.spot(c.figure, "trunk", 0.6, 0)
    front, up = (0.115, u(-0.01, 0.02)) if over else (0.05, u(-0.04, 0.0))
    middle = point + c.figure.scale * toward(c, -u(0.12, 0.16), front, up)
    palm = toward(c, 0.25, -1, 0)
    fingers = toward(c, -1, -0.15, u(0.0, 0.35)) if over else toward(c, -1, -0.3, 0)
    return touch(c, middle, palm, fingers, toward(c, u(0.8, 1.5), u(-0.1, 0.3), -1), "flat")


def behind(c: Context) -> float:
    """Behind the back, palms to the rear, one hand in the other."""
    u = c.rng.uniform
    point, normal = c.flesh.spot(c.figure, "trunk", u(-0.02, 0.08), 176)
    middle = point + normal * (0.03 + (0.045 if c.side == "R" else 0.0))
    return touch(c, middle, normal, toward(c, -1, 0, -0.9), toward(c, 1, -0.5, 0), "relaxed", normal)


def phone_at_ear(c: Context) -> float:
    u = c.rng.uniform
    return on(
        c,
        "head",
        u(0.36, 0.46),
        u(78, 92),
        toward(c, u(-0.2, 0.1), u(-0.1, 0.35), 1),
        toward(c, 0.9, 0.4, -1),
        "grip",
        0.006,
    )


def phone_in_front(c: Context) -> float:
    u = c.rng.uniform
    middle = c.figure.position("spine01") + c.figure.scale * toward(
        c, u(0.02, 0.14), u(0.26, 0.4), u(-0.04, 0.2)
    )
    return touch(
        c, middle, toward(c, -0.4, -0.8, 0.5), toward(c, -0.5, 0.5, 0.7), toward(c, 1, -0.3, -1), "grip"
    )


def chin(c: Context) -> float:
    u = c.rng.uniform
    return on(
        c,
        "head",
        u(0.06, 0.2),
        u(5, 45),
        toward(c, -0.8, 0.1, 0.7),
        toward(c, 0.8, 0.5, -1),
        _one(c, "fist", "relaxed"),
        0.01,
    )


def hair(c: Context) -> float:
    u = c.rng.uniform
    return on(
        c, "head", u(0.6, 0.92), u(75, 150), toward(c, -0.7, -0.5, 0.5), toward(c, 1, 0.3, 0.5), "flat", 0.02
    )


def strap(c: Context) -> float:
    """Holding the strap of a bag on the chest."""
    u = c.rng.uniform
    return on(
        c, "trunk", u(0.7, 0.82), u(28, 48), toward(c, -0.5, 0.1, 0.9), toward(c, 0.7, 0.2, -1), "fist", 0.01
    )


def on_chest(c: Context) -> float:
    u = c.rng.uniform
    return on(
        c, "trunk", u(0.5, 0.75), -u(0, 30), toward(c, -1, 0, u(0.1, 0.8)), toward(c, 1, 0.1, -0.7), "flat"
    )


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
    """A hand on the floor behind, for those who sit there; the wrist gives what it can."""
    u = c.rng.uniform
    shoulder = c.figure.position(f"upperarm01.{c.side}")
    middle = np.array([shoulder[0] + c.sign * u(0.02, 0.16), shoulder[1] + u(-0.02, 0.16), c.floor + PALM])
    fingers = np.array([c.sign * u(0.2, 1), u(0.1, 1), 0])
    down, pole = np.array([0, 0, -1.0]), np.array([c.sign * 0.4, 1, 0])
    return 0.3 * touch(c, middle, down, fingers, pole, "open")


def hug(c: Context) -> float:
    """A hand on the upper shin of its side, as round drawn-up knees."""
    u = c.rng.uniform
    fingers = np.array([-c.sign, u(-0.2, 0.4), -u(0, 0.6)])
    return on(
        c, f"shin.{c.side}", u(0.06, 0.3), c.sign * u(-10, 40), fingers, toward(c, 1, 0.2, -0.3), "grip"
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
