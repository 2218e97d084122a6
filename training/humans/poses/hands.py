# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands: how far each finger bends, as people hold them."""

from __future__ import annotations

import numpy as np

from .rig import SIDES, Figure, Vector, about, unit

SHAPES = {
    "relaxed": ((18, 22, 14), (24, 28, 16), (30, 32, 18), (34, 34, 18)),
    "open": ((2, 4, 2), (2, 4, 2), (3, 5, 2), (4, 6, 3)),
    "spread": ((-4, 0, 0), (-4, 0, 0), (-4, 0, 0), (-4, 2, 0)),
    "fist": ((66, 88, 52), (68, 90, 54), (70, 90, 54), (72, 88, 52)),
    "point": ((0, 4, 2), (62, 86, 52), (68, 88, 52), (70, 86, 50)),
    "grip": ((36, 52, 30), (40, 54, 32), (44, 56, 32), (48, 56, 32)),
    "flat": ((8, 6, 4), (8, 6, 4), (9, 7, 4), (10, 8, 4)),
}
"""Degrees of the three joints of the fingers from index to small, beyond the model's rest."""
SPLAY = {"spread": 9.0, "open": 3.0}
THUMB = {
    "fist": (18, 30, 40),
    "point": (18, 30, 40),
    "grip": (12, 20, 20),
    "relaxed": (6, 8, 8),
    "spread": (-14, -4, 0),
    "open": (-6, 0, 0),
    "flat": (-4, 0, 0),
}


def back_of_hand(figure: Figure, side: str) -> Vector:
    """The direction out of the back of the hand at rest; the palm looks the other way."""
    wrist = figure.at[f"wrist.{side}"]
    across = np.cross(figure.at[f"finger2-1.{side}"] - wrist, figure.at[f"finger5-1.{side}"] - wrist)
    return SIDES[side] * unit(across)


def along_hand(figure: Figure, side: str) -> Vector:
    """From the wrist to the knuckle of the middle finger at rest, in metres."""
    knuckle: Vector = figure.at[f"finger3-1.{side}"] - figure.at[f"wrist.{side}"]
    return knuckle


def shape_hand(rng: np.random.Generator, figure: Figure, side: str, shape: str) -> None:
    """Bend the fingers of a hand; no two hands of a shape are quite alike."""
    sign, back = SIDES[side], back_of_hand(figure, side)
    stiffness = rng.uniform(0.75, 1.2) if shape in ("relaxed", "grip") else rng.uniform(0.92, 1.05)
    for finger, joints in enumerate(SHAPES[shape], start=2):
        spread = SPLAY.get(shape, 0.0) * (3.5 - finger)
        for joint, amount in enumerate(joints, start=1):
            name = f"finger{finger}-{joint}.{side}"
            if joint < 3:
                along = figure.at[f"finger{finger}-{joint + 1}.{side}"] - figure.at[name]
            bent = about(np.cross(along, back), -(amount * stiffness + rng.normal(0, 2)))
            figure.rotations[name] = about(back, -sign * spread) @ bent if joint == 1 else bent
    for joint, amount in enumerate(THUMB[shape], start=1):
        name = f"finger1-{joint}.{side}"
        if joint < 3:
            along = figure.at[f"finger1-{joint + 1}.{side}"] - figure.at[name]
        toward = figure.at[f"finger5-1.{side}"] - figure.at[f"finger1-2.{side}"]
        figure.rotations[name] = about(np.cross(along, toward), amount + rng.normal(0, 3))
    figure.place()
