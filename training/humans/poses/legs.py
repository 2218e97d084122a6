# SPDX-License-Identifier: GPL-3.0-or-later
"""Trunk, head and legs: by angles, or with a foot brought to a place.

Directions of thighs and feet are in the world, not relative to the pelvis, so that what is on the floor stays
there however the pelvis tips.
"""

from __future__ import annotations

import numpy as np

from .rig import SIDES, Aim, Figure, Vector, about, direction, limited, spread, turn, unit

ANKLE = 52.0
"""Degrees that a foot turns at most from where the shin would carry it."""


def trunk(figure: Figure, pelvis: tuple[float, float, float], spine: tuple[float, float, float]) -> None:
    """Tip the pelvis and bend the spine: degrees forward, to the left and turned to the left, of each."""
    figure.rotations["root"] = turn(0, 0, pelvis[2]) @ turn(pelvis[0], 0, 0) @ turn(0, pelvis[1], 0)
    share = (0.26, 0.24, 0.2, 0.16, 0.14)
    for number, part in zip(range(5, 0, -1), share, strict=True):
        figure.rotations[f"spine0{number}"] = turn(*(part * np.array(spine)))
    figure.place()


def look(rng: np.random.Generator, figure: Figure) -> None:
    """Turn head and neck: eyes roughly ahead, with most of the trunk's lean taken back, often aside."""
    tipped = figure.rotation("spine01")
    lean = np.degrees(np.arctan2(-tipped[1, 2], tipped[2, 2]))
    pitch = float(np.clip(rng.normal(4, 10) - 0.75 * lean, -42, 45))
    yaw = float(np.clip(rng.normal(0, 20), -58, 58))
    roll = float(np.clip(rng.normal(0, 6), -18, 18))
    for name in ("neck01", "neck02", "neck03", "head"):
        figure.rotations[name] = turn(pitch / 4, roll / 4, yaw / 4)
    figure.place()


def leg(
    figure: Figure,
    side: str,
    forward: float,
    outward: float,
    knee: float,
    open_: float,
    foot: float | None = 0.0,
    yaw: float = 0.0,
    point: float = 0.0,
) -> None:
    """Swing a leg by angles: `forward` lift, then `outward` spread and `yaw` to the side about the vertical,
    turned open by `open_`; the foot's pitch in the world (toes down), or None to `point` along the shin."""
    sign = SIDES[side]
    turned = turn(0, 0, sign * yaw)
    upper = turned @ direction(forward, outward, side)
    hinge = about(upper, -sign * open_) @ turned @ spread(forward, outward, side) @ np.array([1.0, 0, 0])
    aim = Aim(upper, hinge, knee)
    figure.aim(figure.leg(side), aim)
    _place_foot(figure, side, aim, foot, sign * (yaw + open_), point)


def step(
    figure: Figure, side: str, ankle: Vector, knee: float, pitch: float, toe_out: float, up: float = 0.0
) -> None:
    """Bend a leg so that its ankle comes to `ankle`, the knee `knee` degrees outward of forward and raised by
    `up`; the foot's pitch in the world and `toe_out` outward."""
    sign = SIDES[side]
    pole = turn(0, 0, sign * knee) @ turn(-up, 0, 0) @ np.array([0.0, -1.0, 0.0])
    aim, _ = figure.send(figure.leg(side), ankle, pole)
    _place_foot(figure, side, aim, pitch, sign * toe_out, 0.0)


def _place_foot(figure: Figure, side: str, aim: Aim, pitch: float | None, yaw: float, point: float) -> None:
    if pitch is None:
        figure.rotations[f"foot.{side}"] = turn(point, 0, 0)
    else:
        shin = figure.rotation(f"lowerleg02.{side}")
        figure.rotations[f"foot.{side}"] = limited(shin.T @ turn(0, 0, yaw) @ turn(pitch, 0, 0), ANKLE)[0]
    figure.bend[f"knee.{side}"] = aim.bend
    down = -figure.rotation("root")[:, 2]
    figure.bend[f"hip.{side}"] = float(np.degrees(np.arccos(np.clip(unit(aim.upper) @ down, -1, 1))))
    figure.place()


def curl_toes(figure: Figure, side: str, angle: float) -> None:
    """Bend the toes up by `angle`, as under a raised heel."""
    for toe in range(1, 6):
        figure.rotations[f"toe{toe}-1.{side}"] = turn(-angle, 0, 0)
    figure.place()


def leg_length(figure: Figure) -> float:
    """Metres from the hip joint to the ankle of a straight leg."""
    limb = figure.leg("L")
    return float(np.linalg.norm(limb.upper) + np.linalg.norm(limb.lower))
