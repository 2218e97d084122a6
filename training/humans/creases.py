# SPDX-License-Identifier: GPL-3.0-or-later
"""Relief finer than the draped mesh can hold: creases across bent limbs, plackets, pockets, ribs."""

from __future__ import annotations

import numpy as np

from .kit import Landmarks
from .noise import bump, fractal, smoothstep
from .outfit import Top
from .pose import Pose
from .topology import FloatArray


def creases(rng: np.random.Generator, pose: Pose, at: Landmarks) -> FloatArray:
    """Millimetre creases (V,) in metres across bent limbs and down the trunk."""
    x, y, z = at.position.T
    seed = int(rng.integers(1 << 20))
    left = x > 0
    elbow = np.where(left, pose.bend.get("elbow.L", 0.0), pose.bend.get("elbow.R", 0.0)) / 70
    knee = np.where(left, pose.bend.get("knee.L", 0.0), pose.bend.get("knee.R", 0.0)) / 50
    arm = (at.arm > 0.5).astype(np.float32)
    leg = (at.along_leg > 0.15) * (1 - arm)

    def ridges(along: FloatArray, across: FloatArray, depth: FloatArray, seed: int) -> FloatArray:
        field = fractal(np.stack([along, across, depth], 1), 2, seed)
        return np.clip(1 - np.abs(field) * 1.7, 0, 1) ** 2.5

    down_arm, round_arm = np.abs(x) * 0.67 - z * 0.74, np.abs(x) * 0.74 + z * 0.67
    total = (
        arm
        * ridges(down_arm * 26, y * 7, round_arm * 7, seed)
        * (0.35 + 1.3 * bump(at.along_arm, 1.0, 0.35) * elbow + 0.8 * bump(at.along_arm, 1.9, 0.25))
    )
    total += (
        leg
        * ridges(x * 9, y * 9, z * 24, seed + 1)
        * (0.15 + 1.2 * bump(at.along_leg, 1.02, 0.25) * (knee + 0.25) + 1.1 * bump(at.along_leg, 1.92, 0.16))
    )
    slanted, level = (np.abs(x) * 0.5 - z * 0.86) * 15, (np.abs(x) * 0.86 + z * 0.5) * 4.5
    total += (1 - arm) * (z > 0.1) * ridges(slanted, level, y * 5, seed + 2) * 0.6
    return (0.0022 * (total + 0.25 * fractal(at.position * 14, 2, seed + 3))).astype(np.float32)


def sewn(top: Top, at: Landmarks) -> FloatArray:
    """Relief (V,) in metres of what is sewn on a top: placket, pockets, and ribs at cuffs and hem."""
    x, y, z = at.position.T
    front = (y < 0) & (at.arm < 0.3)
    relief = np.zeros(len(x))
    if top.closure and not top.open:
        relief += 0.003 * front * smoothstep(x, -0.016, -0.012) * smoothstep(-x, -0.05, -0.016)
    if top.pocket:
        relief += 0.003 * front * smoothstep(inside_pocket(top, at), 0.0, 0.006)
    if top.kind in ("jumper", "hoodie"):
        edge = np.minimum(np.where(at.arm > 0.5, 9.0, z - top.hem), (top.sleeve - at.along_arm) * 0.3)
        relief -= 0.003 * smoothstep(-edge, -0.055, -0.05)
    return relief.astype(np.float32)


def inside_pocket(top: Top, at: Landmarks) -> FloatArray:
    """Metres (V,) inside the pockets: a pouch on hooded tops, one on a shirt's chest, two below the waist of
    jackets and coats."""
    x, _, z = at.position.T
    across, up = 0.06 - np.abs(np.abs(x) - 0.125), 0.06 - np.abs(z - 0.16)
    if top.kind == "hoodie":
        across, up = 0.13 - np.abs(x) - 0.3 * np.maximum(z - 0.22, 0), 0.075 - np.abs(z - 0.225)
    elif top.kind == "shirt":
        across, up = 0.045 - np.abs(x - 0.085), 0.05 - np.abs(z - 0.5)
    inside: FloatArray = np.minimum(across, up)
    return inside
