"""Poses of somebody standing or walking, as rotations of the skeleton's bones.

Joint ranges are those that gave no failures in 300 people: beyond them skinning folds shoulder and hip.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import acos, atan2, cos, degrees, pi, radians, sin

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from .body import Body
from .topology import FloatArray

KINDS = {"stand": 0.34, "walk": 0.24, "hips": 0.12, "open": 0.14, "bent": 0.16}
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Pose:
    """rotations: bone -> (3, 3); bend: degrees by "elbow.L", "knee.R" and so on, which crease the cloth."""

    kind: str
    rotations: dict[str, Matrix]
    bend: dict[str, float]


def turn(x: float, y: float, z: float) -> Matrix:
    """Rotation by the vector (x, y, z) in degrees."""
    matrix: Matrix = Rotation.from_rotvec(np.radians([x, y, z])).as_matrix()
    return matrix


def about(axis: NDArray[np.float64], angle: float) -> Matrix:
    """Rotation by `angle` degrees about `axis`."""
    matrix: Matrix = Rotation.from_rotvec(axis / np.linalg.norm(axis) * radians(angle)).as_matrix()
    return matrix


def between(source: NDArray[np.float64], target: NDArray[np.float64]) -> Matrix:
    """The shortest rotation that turns `source` to `target`."""
    a, b = source / np.linalg.norm(source), target / np.linalg.norm(target)
    axis = np.cross(a, b)
    size = np.linalg.norm(axis)
    return np.eye(3) if size < 1e-8 else about(axis, degrees(atan2(size, float(a @ b))))


def random_pose(rng: np.random.Generator, body: Body, joints: FloatArray) -> Pose:
    """A pose for a body whose joints rest at `joints` (J, 3)."""
    at = {name: joints[i].astype(np.float64) for name, i in body.bone.items()}
    kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    rotations: dict[str, Matrix] = {}
    bend: dict[str, float] = {}
    lean = np.array([rng.uniform(-4, 10), rng.uniform(-6, 6), rng.uniform(-14, 14)])
    for number in range(1, 6):
        rotations[f"spine0{number}"] = turn(*(lean / 5))
    look = np.array([rng.uniform(-10, 14), rng.uniform(-7, 7), np.clip(rng.normal(0, 14), -35, 35)])
    for name in ("neck01", "neck02", "neck03", "head"):
        rotations[name] = turn(*(look / 4))
    stride = rng.uniform(0, 2 * pi)
    for side, sign in (("L", 1), ("R", -1)):
        swing = sin(stride + (pi if sign > 0 else 0))
        _arm(rng, kind, swing, side, sign, at, rotations, bend)
        _hand(rng, side, at, rotations)
        _leg(rng, kind, stride, side, sign, at, rotations, bend)
    return Pose(kind, rotations, bend)


def _arm_angles(rng: np.random.Generator, kind: str, swing: float) -> tuple[float, float, float, float]:
    """Abduction, flexion, elbow and upper-arm twist in degrees."""
    u = rng.uniform
    match kind:
        case "stand":
            return u(4, 20), u(-14, 18), u(4, 40), u(-20, 30)
        case "walk":
            return u(5, 15), 25 * swing, u(10, 45), u(-10, 30)
        case "hips":
            return u(25, 45), u(-25, 5), u(75, 100), u(30, 60)
        case "open":
            return u(20, 85), u(-20, 45), u(0, 60), u(-40, 40)
        case _:
            return u(6, 28), u(0, 45), u(40, 112), u(-5, 60)


def _arm(
    rng: np.random.Generator, kind: str, swing: float, side: str, sign: int,
    at: dict[str, Matrix], rotations: dict[str, Matrix], bend: dict[str, float],
) -> None:  # fmt: skip
    abduction, flexion, elbow, twist = _arm_angles(rng, kind, swing)
    elbow = max(elbow, 3.0)
    upper = at[f"lowerarm01.{side}"] - at[f"upperarm01.{side}"]
    lower = at[f"wrist.{side}"] - at[f"lowerarm01.{side}"]
    hinge = np.cross(upper, lower)
    rest_elbow = degrees(acos(float(upper @ lower / (np.linalg.norm(upper) * np.linalg.norm(lower)))))
    out, forward = radians(abduction), radians(flexion)
    target = np.array([sign * sin(out), -sin(forward) * cos(out), -cos(out) * cos(forward)])
    # above 40 degrees the clavicle takes a quarter of the lift, or the shoulder tears
    clavicle = turn(0, -sign * 0.25 * max(0.0, abduction - 40), 0)
    rotations[f"clavicle.{side}"] = clavicle
    rotations[f"upperarm01.{side}"] = clavicle.T @ between(upper, target) @ about(upper, -sign * twist * 0.6)
    rotations[f"upperarm02.{side}"] = about(upper, -sign * twist * 0.4)
    rotations[f"lowerarm01.{side}"] = about(hinge, elbow - rest_elbow)
    rotations[f"lowerarm02.{side}"] = about(lower, sign * rng.uniform(-30, 50))
    rotations[f"wrist.{side}"] = turn(*rng.uniform(-12, 12, 3))
    bend[f"elbow.{side}"] = elbow


def _hand(rng: np.random.Generator, side: str, at: dict[str, Matrix], rotations: dict[str, Matrix]) -> None:
    """Fingers 2-5 curl about the axis across the palm, a little more toward the small finger."""
    sign = 1 if side == "L" else -1
    curl = rng.uniform(8, 70)
    wrist = at[f"wrist.{side}"]
    palm = np.cross(at[f"finger2-1.{side}"] - wrist, at[f"finger5-1.{side}"] - wrist)
    for finger in range(2, 6):
        for joint in (1, 2, 3):
            name = f"finger{finger}-{joint}.{side}"
            if joint < 3:
                along = at[f"finger{finger}-{joint + 1}.{side}"] - at[name]
            amount = curl * (0.6 if joint == 1 else 1.0) * (0.85 + 0.08 * (finger - 2))
            rotations[name] = about(np.cross(palm, along), -sign * amount)


def _leg(
    rng: np.random.Generator, kind: str, stride: float, side: str, sign: int,
    at: dict[str, Matrix], rotations: dict[str, Matrix], bend: dict[str, float],
) -> None:  # fmt: skip
    phase = stride + (0 if sign > 0 else pi)
    if kind == "walk":
        flexion, knee = 24 * sin(phase), rng.uniform(4, 10) + max(0.0, 38 * sin(phase + 0.6 * pi))
    else:
        flexion, knee = rng.uniform(-6, 14), rng.uniform(2, 20)
    spread, outward = rng.uniform(-2, 8), rng.uniform(-5, 20)
    thigh = at[f"lowerleg01.{side}"] - at[f"upperleg01.{side}"]
    rest_spread = degrees(atan2(abs(float(thigh[0])), -float(thigh[2])))
    rotations[f"upperleg01.{side}"] = (
        turn(0, 0, sign * outward) @ turn(-flexion, 0, 0) @ turn(0, -sign * (spread - rest_spread + 2), 0)
    )
    rotations[f"lowerleg01.{side}"] = turn(knee, 0, 0)
    rotations[f"foot.{side}"] = turn((flexion - knee) * 0.8, 0, 0)
    bend[f"knee.{side}"] = knee
