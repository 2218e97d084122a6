# SPDX-License-Identifier: GPL-3.0-or-later
"""Stances: how trunk and legs stand, walk, run, sit, crouch, kneel, jump or bend."""

from __future__ import annotations

from collections.abc import Callable
from math import pi, sin

import numpy as np

from .legs import curl_toes, leg, leg_length, step, trunk
from .rig import SIDES, Figure

Random = np.random.Generator
KINDS = {
    "stand": 0.37,
    "walk": 0.18,
    "run": 0.05,
    "lunge": 0.02,
    "dance": 0.03,
    "leg up": 0.02,
    "sit": 0.09,
    "sit on floor": 0.03,
    "cross-legged": 0.02,
    "crouch": 0.035,
    "kneel": 0.045,
    "jump": 0.06,
    "bend": 0.05,
}


def _sides(rng: Random) -> tuple[str, str]:
    """The two sides in either order."""
    return ("L", "R") if rng.random() < 0.5 else ("R", "L")


def stand(rng: Random, figure: Figure) -> None:
    """Weight on one leg more often than on both; feet flat, apart by anything between closed and a stride."""
    u = rng.uniform
    main, other = _sides(rng)
    sign = SIDES[main]
    shifted = rng.random() < 0.6
    drop = u(1.5, 6.0) if shifted else u(-1, 1)
    yaw = u(-12, 12)
    tip = float(np.clip(rng.normal(2, 4), -6, 10))
    # the free side's hip drops and the shoulders make up for it
    trunk(
        figure,
        (tip, -sign * drop, yaw),
        (rng.normal(1, 5), sign * drop * u(0.7, 1.6), -yaw * u(0, 1) + rng.normal(0, 8)),
    )
    length = leg_length(figure)
    apart = u(0.0, 0.10) if rng.random() < 0.7 else u(0.10, 0.28)
    support, free = figure.position(f"upperleg01.{main}"), figure.position(f"upperleg01.{other}")
    floor = support[2] - length * u(0.99, 0.9985)
    inner, outer = (u(-0.05, 0.0), apart / 2 + u(0, 0.06)) if shifted else (apart / 2, apart / 2)
    under = np.array([support[0] + sign * inner, support[1] + u(-0.02, 0.03), floor])
    ahead = u(-0.05, 0.16) if shifted else u(-0.06, 0.06)
    aside = np.array([free[0] - sign * outer, under[1] - ahead, floor])
    step(figure, main, under, yaw * sign + u(0, 14), 0, yaw * sign + u(2, 20))
    step(figure, other, aside, -yaw * sign + u(0, 30), u(0, 4), -yaw * sign + u(2, 32))


def walk(rng: Random, figure: Figure) -> None:
    """Heel strike and push-off with both feet down, or one leg passing the other."""
    u = rng.uniform
    front, back = _sides(rng)
    sign = SIDES[front]
    pace = u(0.45, 1.0)
    trunk(figure, (u(-1, 7), sign * u(-3, 3), -sign * 8 * pace), (u(-3, 5), u(-3, 3), sign * 14 * pace))
    length = leg_length(figure)
    if rng.random() < 0.55:
        stride = u(0.28, 0.44) * pace * length
        floor = figure.position("root")[2] - 0.02 - length * (0.995 - 0.065 * pace * pace)
        lift = u(0.05, 0.12) * pace
        ahead, behind = figure.position(f"upperleg01.{front}"), figure.position(f"upperleg01.{back}")
        step(
            figure,
            front,
            np.array([ahead[0] - sign * u(0, 0.05), ahead[1] - stride, floor + 0.03 * pace]),
            u(0, 6),
            -u(4, 22) * pace,
            u(0, 12),
        )
        step(
            figure,
            back,
            np.array([behind[0] + sign * u(0, 0.05), behind[1] + stride * 1.15, floor + lift]),
            u(0, 6),
            10 + lift * 330,
            u(0, 12),
        )
        curl_toes(figure, back, min(34.0, 10 + lift * 200))
    else:
        swing = u(0, 1)
        leg(figure, back, u(-10, 4), u(-3, 1), u(3, 9), u(0, 10))
        leg(
            figure,
            front,
            8 + 26 * swing * pace,
            u(-3, 2),
            30 + 32 * pace * sin(pi * (0.25 + 0.7 * swing)),
            u(0, 8),
            u(0, 25) - 20 * swing,
        )


def run(rng: Random, figure: Figure) -> None:
    """Full stride, off the floor or pushing off."""
    u = rng.uniform
    front, back = _sides(rng)
    sign = SIDES[front]
    trunk(figure, (u(4, 16), u(-3, 3), -sign * u(4, 14)), (u(-2, 8), u(-4, 4), sign * u(8, 24)))
    lift = u(30, 78)
    leg(figure, front, lift, u(-2, 5), lift * u(0.9, 1.1) + u(10, 50), u(0, 8), None, 0, u(-12, 14))
    if rng.random() < 0.5:
        leg(figure, back, -u(8, 26), u(-3, 3), u(8, 25), u(0, 8), u(35, 60))
        curl_toes(figure, back, u(10, 35))
    else:
        leg(figure, back, -u(-5, 22), u(-3, 3), u(55, 108), u(0, 8), None, 0, u(10, 34))


def lunge(rng: Random, figure: Figure) -> None:
    """One bent leg in front of or beside a straighter one."""
    u = rng.uniform
    front, back = _sides(rng)
    sign = SIDES[front]
    if rng.random() < 0.7:
        trunk(figure, (u(0, 22), u(-3, 3), sign * u(-10, 10)), (u(-4, 12), u(-8, 8), u(-20, 20)))
        lift = u(50, 84)
        leg(figure, front, lift, u(0, 5), lift + u(-4, 12), u(0, 12))
        floor = figure.position(f"foot.{front}")[2]
        hip = figure.position(f"upperleg01.{back}")
        ankle = [
            hip[0] - sign * u(0, 0.06),
            hip[1] + u(0.3, 0.85) * leg_length(figure),
            floor + u(0.08, 0.13),
        ]
        step(figure, back, np.array(ankle), u(0, 12), u(45, 65), u(0, 10))
        curl_toes(figure, back, u(20, 40))
    else:
        trunk(figure, (u(5, 28), sign * u(-4, 8), u(-10, 10)), (u(-4, 16), u(-8, 8), u(-15, 15)))
        lift = u(40, 72)
        leg(figure, front, lift, u(10, 22), lift + u(5, 22), u(10, 25), 0, u(8, 22))
        hip = figure.position(f"upperleg01.{back}")
        out = -sign * u(0.45, 0.75) * leg_length(figure)
        ankle = [hip[0] + out, hip[1] - u(-0.05, 0.1), figure.position(f"foot.{front}")[2]]
        step(figure, back, np.array(ankle), u(5, 30), 0, u(5, 30))


def dance(rng: Random, figure: Figure) -> None:
    """One leg carries, the other is anywhere; hips and chest go different ways."""
    u = rng.uniform
    front, back = _sides(rng)
    sign = SIDES[front]
    trunk(figure, (u(-6, 16), sign * u(-10, 10), u(-20, 20)), (u(-14, 14), u(-16, 16), u(-26, 26)))
    lift = u(0, 38)
    leg(
        figure,
        back,
        lift,
        u(-2, 14),
        lift * 1.6 + u(2, 14),
        u(0, 20),
        u(0, 30) if rng.random() < 0.4 else 0,
        u(0, 10),
    )
    lift = u(-24, 52)
    leg(
        figure,
        front,
        lift,
        u(0, 36),
        max(lift, 0) * u(0.4, 1.8) + u(4, 50),
        u(0, 40),
        None,
        u(0, 15),
        u(0, 38),
    )


def leg_up(rng: Random, figure: Figure) -> None:
    """On one leg: the knee up, a kick forward or aside, or the leg out behind."""
    u = rng.uniform
    front, back = _sides(rng)
    sign = SIDES[front]
    way = int(rng.integers(4))
    if way == 3:
        tip = u(15, 45)
        trunk(figure, (tip, u(-4, 4), u(-10, 10)), (u(-12, 5), u(-5, 5), u(-10, 10)))
    else:
        trunk(figure, (u(-12, 0), -sign * u(0, 9), u(-8, 8)), (u(-4, 14), sign * u(0, 12), u(-12, 12)))
    leg(figure, back, u(-4, 8), u(-3, 4), u(2, 16), u(0, 15))
    match way:
        case 0:
            lift = u(60, 108)
            leg(figure, front, lift, u(-4, 10), lift + u(-30, 28), u(0, 30), None, 0, u(0, 30))
        case 1:
            leg(figure, front, u(45, 88), u(-3, 8), u(3, 30), u(0, 15), None, 0, u(-5, 30))
        case 2:
            leg(figure, front, u(0, 25), u(35, 62), u(3, 60), u(10, 40), None, 0, u(5, 35))
        case _:
            leg(figure, front, -(tip * 0.7 + u(5, 25)), u(0, 8), u(5, 80), u(0, 10), None, 0, u(15, 40))


def sit(rng: Random, figure: Figure) -> None:
    """On a chair that is not there: feet down, one leg over the other, an ankle on the knee, feet tucked or
    stretched."""
    u = rng.uniform
    lean = u(-26, 6)
    trunk(figure, (lean, u(-2, 2), u(-4, 4)), (u(0, 14) - lean * u(0.3, 0.9), u(-6, 6), rng.normal(0, 8)))
    way = rng.choice(["down", "crossed", "ankle", "uneven"], p=[0.55, 0.2, 0.1, 0.15])
    first, second = _sides(rng)
    wide, lift = max(float(rng.normal(7, 9)), 0.0), u(82, 94)
    knee = u(68, 112)
    if way == "down":
        for side in (first, second):
            leg(figure, side, lift + u(-3, 3), 0, knee + u(-8, 8), u(0, 8), 0, wide + u(-2, 3))
    elif way == "uneven":
        leg(figure, first, lift, 0, u(85, 120), u(0, 8), u(0, 30) if knee > 95 else 0, wide + u(0, 4))
        leg(figure, second, lift, 0, u(15, 65), u(0, 10), -u(0, 25), wide + u(0, 4))
    elif way == "crossed":
        leg(figure, first, lift - 3, 0, u(78, 100), 0, 0, u(-4, 3))
        leg(figure, second, lift + u(12, 20), 0, u(92, 118), u(-4, 10), None, -u(9, 20), u(0, 28))
    else:
        leg(figure, first, lift, 0, u(80, 100), 0, 0, u(0, 10))
        leg(figure, second, lift + u(0, 8), 0, u(92, 118), u(62, 80), None, u(34, 50), u(-10, 12))


def sit_on_floor(rng: Random, figure: Figure) -> None:
    """Legs stretched, knees drawn up, or one of each."""
    u = rng.uniform
    # four in ten lean back, far enough for hands on the floor behind them
    lean, curl = (u(-40, -26), u(-6, 8)) if rng.random() < 0.4 else (u(-30, -8), u(5, 34) + 8)
    trunk(figure, (lean, u(-2, 2), u(-6, 6)), (curl, u(-6, 6), u(-14, 14)))
    way = int(rng.integers(3))
    wide = u(0, 16)
    for index, side in enumerate(_sides(rng)):
        if way == 0 or (way == 2 and index == 0):
            leg(figure, side, u(85, 92), 0, u(2, 16), u(0, 18), None, wide + u(0, 4), u(-8, 24))
        else:
            # the ankle is about as high as the hip joint of somebody sitting on the floor
            hip = figure.position(f"upperleg01.{side}")
            out = SIDES[side] * np.sin(np.radians(wide)) * 0.4
            ankle = hip + [out, -u(0.33, 0.66) * leg_length(figure), -u(0.0, 0.03)]
            step(figure, side, ankle, wide * 0.6, 0, wide + u(0, 10), 80)


def cross_legged(rng: Random, figure: Figure) -> None:
    """On the floor, shins crossed in front."""
    u = rng.uniform
    lean = u(-22, 0)
    trunk(figure, (lean, u(-2, 2), u(-6, 6)), (u(0, 24) - lean * 0.6, u(-5, 5), u(-12, 12)))
    near, far = _sides(rng)
    for side, knee in ((near, u(122, 132)), (far, u(98, 116))):
        leg(figure, side, u(86, 94), 0, knee, u(80, 92), None, u(44, 58), u(0, 25))


def crouch(rng: Random, figure: Figure) -> None:
    """A squat, deep or half way, on whole feet or on the balls."""
    u = rng.uniform
    deep = u(0.25, 1)
    trunk(figure, (u(4, 28) * deep + 5, u(-3, 3), u(-8, 8)), (u(0, 26), u(-6, 6), rng.normal(0, 9)))
    lift, wide, heels = 48 + 64 * deep, u(4, 30), rng.random() < 0.4
    for side in "LR":
        raised = u(20, 45) if heels else 0.0
        knee = min(lift * 0.93 + 26 + (12 if heels else 0), 134)
        leg(figure, side, lift, u(0, 3), knee, u(0, 12), raised, wide + u(-3, 3))
        if heels:
            curl_toes(figure, side, raised)


def kneel(rng: Random, figure: Figure) -> None:
    """Upright on both knees, on one, or sitting on the heels."""
    u = rng.uniform
    way = int(rng.integers(3))
    first, second = _sides(rng)
    if way == 2:
        trunk(figure, (u(-10, 12), u(-2, 2), u(-5, 5)), (u(0, 22), u(-5, 5), rng.normal(0, 8)))
        lift, wide = u(52, 62), u(2, 15)
        for side in "LR":
            leg(figure, side, lift + u(-1, 1), 0, lift + u(84, 92), u(0, 4), None, wide, u(48, 62))
    elif way == 1:
        trunk(figure, (u(-4, 16), u(-3, 3), u(-8, 8)), (u(-2, 22), u(-6, 6), rng.normal(0, 10)))
        _knee_down(rng, figure, second, u(-14, 8))
        floor = figure.position(f"lowerleg01.{second}")[2]
        hip = figure.position(f"upperleg01.{first}")
        ankle = [
            hip[0] + SIDES[first] * u(0, 0.08),
            hip[1] - u(0.32, 0.56) * leg_length(figure),
            floor + 0.03,
        ]
        step(figure, first, np.array(ankle), u(0, 18), 0, u(0, 20), 35)
    else:
        trunk(figure, (u(-6, 10), u(-3, 3), u(-6, 6)), (u(-2, 18), u(-5, 5), rng.normal(0, 9)))
        lift = u(-4, 18)
        for side in "LR":
            _knee_down(rng, figure, side, lift + u(-2, 2))


def _knee_down(rng: Random, figure: Figure, side: str, lift: float) -> None:
    """A shin on the floor behind its knee, instep down or toes tucked under."""
    u = rng.uniform
    if rng.random() < 0.5:
        leg(figure, side, lift, u(0, 4), lift + u(92, 97), u(0, 6), None, 0, u(50, 62))
    else:
        leg(figure, side, lift, u(0, 4), lift + u(96, 103), u(0, 6), None, 0, -u(0, 12))
        curl_toes(figure, side, u(40, 52))


def jump(rng: Random, figure: Figure) -> None:
    """In the air: tucked, spread like a star, a leap, or straight."""
    u = rng.uniform
    way = int(rng.integers(4))
    trunk(figure, (u(-8, 14), u(-5, 5), u(-16, 16)), (u(-16, 14), u(-8, 8), u(-18, 18)))
    front, _ = _sides(rng)
    for side in "LR":
        match way:
            case 0:
                lift = u(20, 78)
                leg(figure, side, lift, u(0, 14), lift + u(8, 50), u(0, 20), None, 0, u(5, 40))
            case 1:
                leg(figure, side, u(-6, 16), u(18, 44), u(2, 30), u(5, 35), None, 0, u(5, 40))
            case 2:
                lift = u(35, 78) if side == front else -u(5, 26)
                leg(figure, side, lift, u(0, 10), u(5, 75), u(0, 18), None, 0, u(10, 42))
            case _:
                leg(figure, side, u(-14, 12), u(-1, 8), u(2, 75), u(0, 12), None, 0, u(10, 42))


def bend(rng: Random, figure: Figure) -> None:
    """Bent forward from hips and back, legs straight or not, sometimes with a turn."""
    u = rng.uniform
    tip = u(18, 62)
    trunk(figure, (tip, u(-3, 3), u(-8, 8)), (u(8, 44), u(-8, 8), rng.normal(0, 12)))
    length, apart = leg_length(figure), u(0, 0.14)
    floor = figure.position("upperleg01.L")[2] - length * u(0.9, 0.995)
    ahead = (0.02 + 0.0022 * tip) * u(0.5, 1.2)
    for side in "LR":
        hip = figure.position(f"upperleg01.{side}")
        ankle = [hip[0] + SIDES[side] * (apart - 0.03), hip[1] - ahead + u(-0.08, 0.08), floor]
        step(figure, side, np.array(ankle), u(0, 15), 0, u(2, 22))


STANCES: dict[str, Callable[[Random, Figure], None]] = {
    "stand": stand,
    "walk": walk,
    "run": run,
    "lunge": lunge,
    "dance": dance,
    "leg up": leg_up,
    "sit": sit,
    "sit on floor": sit_on_floor,
    "cross-legged": cross_legged,
    "crouch": crouch,
    "kneel": kneel,
    "jump": jump,
    "bend": bend,
}
