# SPDX-License-Identifier: GPL-3.0-or-later
"""The skeleton as limbs: where bones are in a pose, and rotations that send a limb somewhere.

World frame: metres, z up, facing -y, x > 0 is the person's left. Angles in degrees.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import acos, atan2, cos, degrees, radians, sin, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ..body import Body
from ..topology import FloatArray

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
SIDES = {"L": 1, "R": -1}


def turn(x: float, y: float, z: float) -> Matrix:
    """Rotation by the vector (x, y, z): +x tips up to the front, +y up to the left, +z front to the left."""
    matrix: Matrix = Rotation.from_rotvec(np.radians([x, y, z])).as_matrix()
    return matrix


def about(axis: Vector, angle: float) -> Matrix:
    """Rotation by `angle` about `axis`."""
    matrix: Matrix = Rotation.from_rotvec(unit(axis) * radians(angle)).as_matrix()
    return matrix


def unit(vector: Vector) -> Vector:
    """`vector` at length 1."""
    result: Vector = vector / np.linalg.norm(vector)
    return result


def between(source: Vector, target: Vector) -> Matrix:
    """The shortest rotation that turns `source` to `target`."""
    a, b = unit(source), unit(target)
    axis = np.cross(a, b)
    size = np.linalg.norm(axis)
    return np.eye(3) if size < 1e-8 else about(axis, degrees(atan2(size, float(a @ b))))


def frame(first: Vector, second: Vector) -> Matrix:
    """Orthonormal columns: `first`, what of `second` is perpendicular to it, and their cross product."""
    a = unit(first)
    b = unit(second - (second @ a) * a)
    return np.stack([a, b, np.cross(a, b)], 1)


def twist_about(rotation: Matrix, axis: Vector) -> float:
    """The angle by which `rotation` turns about `axis`, the rest of it being a swing across that axis."""
    x, y, z, w = Rotation.from_matrix(rotation).as_quat()
    angle = degrees(2 * atan2(float(np.dot([x, y, z], unit(axis))), w))
    return (angle + 180) % 360 - 180


def limited(rotation: Matrix, most: float) -> tuple[Matrix, float]:
    """`rotation` about the same axis by no more than `most`, and by how much it went beyond."""
    vector = Rotation.from_matrix(rotation).as_rotvec()
    excess = degrees(float(np.linalg.norm(vector))) - most
    return (about(vector, most), excess) if excess > 0 else (rotation, 0.0)


@dataclass(frozen=True)
class Limb:
    """An arm or a leg: two segments and a hinge at rest, and the bones that turn them.

    upper, lower, hinge (3,): rest directions with their lengths, and the axis that more bend turns `lower`
    about; bent: how much it is bent at rest; bones: upper, its twist, lower, its twist, end.
    """

    upper: Vector
    lower: Vector
    hinge: Vector
    bent: float
    bones: tuple[str, str, str, str, str]


@dataclass(frozen=True)
class Aim:
    """Where a limb goes: the direction of its upper segment and the hinge's, both in the world, and how much
    it bends."""

    upper: Vector
    hinge: Vector
    bend: float


class Figure:
    """A body's skeleton in a pose that grows bone by bone."""

    def __init__(self, body: Body, joints: FloatArray) -> None:
        self.body, self.joints = body, joints
        self.at = {name: joints[i].astype(np.float64) for name, i in body.bone.items()}
        self.rotations: dict[str, Matrix] = {}
        self.bend: dict[str, float] = {}
        self.scale = float(self.at["head"][2] - self.at["foot.L"][2]) / 1.44
        self.place()

    def place(self) -> None:
        """Move the bones to where `rotations` send them."""
        self.transforms = self.body.bone_transforms(self.joints, self.rotations)

    def rotation(self, bone: str) -> Matrix:
        """(3, 3) rotation of `bone` in the world, from its rest."""
        matrix: Matrix = self.transforms[self.body.bone[bone], :, :3].astype(np.float64)
        return matrix

    def position(self, bone: str) -> Vector:
        """Where the head of `bone` is."""
        transform = self.transforms[self.body.bone[bone]].astype(np.float64)
        placed: Vector = transform[:, :3] @ self.at[bone] + transform[:, 3]
        return placed

    def arm(self, side: str) -> Limb:
        """The arm of a side; its hinge bends the forearm forward where the arm hangs."""
        return self._limb(side, "upperarm01", "upperarm02", "lowerarm01", "lowerarm02", "wrist")

    def leg(self, side: str) -> Limb:
        """The leg of a side; its hinge bends the shin back."""
        return self._limb(side, "upperleg01", "upperleg02", "lowerleg01", "lowerleg02", "foot")

    def _limb(self, side: str, *bones: str) -> Limb:
        start, twist, middle, second, end = (f"{bone}.{side}" for bone in bones)
        upper, lower = self.at[middle] - self.at[start], self.at[end] - self.at[middle]
        # arms rest bent by 42 degrees and legs by 9, so that the two segments span the hinge's plane
        bent = degrees(acos(float(unit(upper) @ unit(lower))))
        return Limb(upper, lower, np.cross(upper, lower), bent, (start, twist, middle, second, end))

    def aim(self, limb: Limb, aim: Aim) -> float:
        """Turn a limb's upper and lower segments; returns the twist about the upper one, which is shared
        with the twist bone so that the joint does not wring."""
        upper, twist, lower, _, _ = limb.bones
        goal = frame(aim.upper, aim.hinge) @ frame(limb.upper, limb.hinge).T
        parent = list(self.body.bone)[self.body.parents[self.body.bone[upper]]]
        local = self.rotation(parent).T @ goal
        swing = between(limb.upper, local @ limb.upper)
        angle = twist_about(swing.T @ local, limb.upper)
        self.rotations[upper] = swing @ about(limb.upper, 0.5 * angle)
        self.rotations[twist] = about(limb.upper, 0.5 * angle)
        self.rotations[lower] = about(limb.hinge, aim.bend - limb.bent)
        self.place()
        return angle

    def send(self, limb: Limb, goal: Vector, pole: Vector) -> tuple[Aim, float]:
        """Bring a limb's end to `goal`, see `reach`; returns the aim and the twist about the upper segment.

        Twist bones lie up to 2 cm off the line between the joints, so that a second try corrects the first.
        """
        start, corrected = self.position(limb.bones[0]), goal
        for _ in range(2):
            aim = reach(limb, start, corrected, pole)
            twist = self.aim(limb, aim)
            missed = goal - self.position(limb.bones[4])
            corrected = corrected + missed if np.linalg.norm(missed) < 0.05 else corrected
        return aim, twist


def reach(limb: Limb, start: Vector, goal: Vector, pole: Vector) -> Aim:
    """Bend a limb from `start` so that its end comes to `goal`, or as near as it reaches, with the middle
    joint towards `pole` (a direction, seen from the line start-goal)."""
    a, b = float(np.linalg.norm(limb.upper)), float(np.linalg.norm(limb.lower))
    line = goal - start
    distance = float(np.clip(np.linalg.norm(line), abs(a - b) + 0.05, 0.9996 * (a + b)))
    along = unit(line)
    out = unit(pole - (pole @ along) * along)
    share = (a * a + distance * distance - b * b) / (2 * a * distance)
    upper = along * share + out * sqrt(max(1 - share * share, 0.0))
    bend = 180 - degrees(acos((a * a + b * b - distance * distance) / (2 * a * b)))
    return Aim(upper, np.cross(out, along), max(bend, 1.0))


def spread(forward: float, outward: float, side: str) -> Matrix:
    """The turn that spreads a limb lifted by `forward` by `outward`, in the plane of the limb and x."""
    axis = np.array([0.0, -cos(radians(forward)), sin(radians(forward))])
    return about(axis, SIDES[side] * outward)


def direction(forward: float, outward: float, side: str) -> Vector:
    """The unit vector that hangs down, lifted `forward` to the front and spread `outward`."""
    lifted: Vector = spread(forward, outward, side) @ np.array(
        [0.0, -sin(radians(forward)), -cos(radians(forward))]
    )
    return lifted
