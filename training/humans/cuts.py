# SPDX-License-Identifier: GPL-3.0-or-later
"""The fields on the canonical body that garments are cut along, and how far each stands off the skin.

A cut is a function Landmarks -> level (V,) in metres: cloth is where it is positive, a hem where it is zero.
An offset is a function Landmarks -> metres (V,) between what lies below and the garment before it drapes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .kit import SKIRT_TOP, Kit, Landmarks
from .noise import bump, smoothstep
from .outfit import Bottom, Shoes, Top
from .topology import FloatArray

Field = Callable[[Landmarks], FloatArray]
FAR = 9.0
PIT_OF_NECK = 0.66
"""Canonical z (metres) that necklines are measured from."""
RIBBED = ("jumper", "hoodie")


def shoe_cut(shoes: Shoes, kit: Kit) -> Field:
    """Everything below the ankle plus the shaft."""
    return lambda at: kit.ankle + shoes.shaft - at.position[:, 2] - (at.arm > 0.5) * FAR


def trouser_cut(bottom: Bottom) -> Field:
    """From the waist down to the trouser's length along the leg."""
    return lambda at: (
        np.minimum(bottom.waist - at.position[:, 2], (bottom.length - at.along_leg) * 0.4)
        - (at.arm > 0.5) * FAR
    )


def skirt_cut(bottom: Bottom) -> Field:
    """From the waist down to the skirt's length."""
    return lambda at: (
        np.minimum(bottom.waist - at.position[:, 2], bottom.length - (SKIRT_TOP - at.position[:, 2]))
        - (at.arm > 0.3) * FAR
    )


def below_neckline(top: Top, at: Landmarks) -> FloatArray:
    """Metres (V,) below and outside a top's neckline."""
    x, y, z = at.position.T
    front = smoothstep(-y, 0.02, 0.1)
    # round, not square: lowest at the middle of the chest
    scoop = 0.055 * np.maximum(1 - (x / 0.095) ** 2, 0)
    neckline = PIT_OF_NECK + top.neck - front * scoop + 0.35 * (np.maximum(y, -0.03) + 0.03)
    wide = 0.055 if top.collar == "shirt" else 0.09
    neckline -= top.v_neck * front * np.maximum(1 - np.abs(x) / wide, 0)
    below: FloatArray = neckline - z + 1.5 * np.maximum(np.abs(x) - 0.07, 0)
    return below


def beside_front(top: Top, at: Landmarks) -> FloatArray:
    """Metres (V,) to the side of an open front's edge, at least 2 cm where there is no such edge."""
    x, y, z = at.position.T
    down = np.clip((PIT_OF_NECK - z) / 0.7, 0, 1)
    half = 0.008 + top.gap * (0.3 + 0.7 * down) + 0.02 * (top.collar == "lapel") * bump(z, 0.6, 0.12)
    beside: FloatArray = np.maximum(np.abs(x) - half, y + 0.04)
    return beside


def top_cut(top: Top) -> Field:
    """From the neckline down to the hem, and along the arms to the sleeve's end, less an open front."""

    def cut(at: Landmarks) -> FloatArray:
        x, _, z = at.position.T
        hem = np.full(len(x), top.hem)
        if top.kind == "shirt" and not top.tucked:
            hem = top.hem + 0.03 * smoothstep(np.abs(x), 0.1, 0.18)
        torso = np.minimum(z - hem, below_neckline(top, at))
        if top.open:
            torso = np.minimum(torso, beside_front(top, at))
        sleeve = np.minimum(np.where(at.arm > 0.5, 1.0, torso), (top.sleeve - at.along_arm) * 0.3)
        level: FloatArray = np.where(at.arm > 0.02, sleeve, torso).astype(np.float32)
        return level

    return cut


def below_waist(at: Landmarks) -> FloatArray:
    """How far down a skirt or coat a vertex is: 0 at the skirt's top and on the arms, 1 at 0.75 m below."""
    down: FloatArray = np.maximum((SKIRT_TOP - at.position[:, 2]) / 0.75, 0) * (at.arm < 0.3)
    return down


def hanging(flare: float, pleats: float, waves: int, phase: float) -> Field:
    """How far what hangs from the waist stands out: wider by `flare`, in `waves` deep folds by `pleats`."""

    def field(at: Landmarks) -> FloatArray:
        down = below_waist(at)
        angle = np.arctan2(at.position[:, 0], -0.02 - at.position[:, 1])
        fold = np.sin(waves * angle + phase + 0.8 * np.sin(2 * angle + 2 * phase))
        wide = smoothstep(down, 0.05, 0.5) * down
        out: FloatArray = (0.17 * flare * wide + 0.075 * pleats * wide * (fold + 0.5)).astype(np.float32)
        return out

    return field


def top_offset(top: Top, hang: Field) -> Field:
    """Close at the shoulders, hanging from chest and shoulder blades below, gathered at cuffs and ribs."""
    ease = top.ease

    def offset(at: Landmarks) -> FloatArray:
        z = at.position[:, 2]
        torso = at.arm < 0.5
        room = ease * (0.008 * smoothstep(-z, -0.62, -0.5) + 0.028 * bump(z, 0.36, 0.14)) * torso
        room = room + 0.012 * ease * smoothstep(-z, -0.3, -0.15) * torso
        sleeve = (0.003 + 0.013 * ease) * smoothstep(at.along_arm, -0.1, 0.6) * (at.arm > 0.3)
        if top.kind in (*RIBBED, "shirt"):
            sleeve = sleeve * (1 - 0.75 * smoothstep(at.along_arm, top.sleeve - 0.25, top.sleeve - 0.08))
        if top.kind in RIBBED and not top.tucked:
            room = room * (1 - 0.8 * smoothstep(-z, -top.hem - 0.09, -top.hem - 0.04))
        if top.tucked:
            room = room * (1 - smoothstep(-z, -0.34, -0.28))
        out: FloatArray = (0.004 + 0.004 * ease * ~((z < 0.3) & top.tucked) + room + sleeve).astype(
            np.float32
        )
        return out + hang(at)

    return offset


def trouser_offset(bottom: Bottom) -> Field:
    """Close at the waist, then the style's ease at thigh, knee and hem."""
    ease = (0.003, 0.003, *bottom.legs)
    return lambda at: np.interp(at.along_leg, (-1.0, 0.0, 0.45, 1.0, 1.95), ease).astype(np.float32)


def shoe_offset(shoes: Shoes, kit: Kit) -> Field:
    """Leather round the foot, a welt round the sole, a looser shaft."""

    def offset(at: Landmarks) -> FloatArray:
        z = at.position[:, 2]
        welt = 0.004 * smoothstep(-z, -kit.sole - 0.025, -kit.sole - 0.012)
        shaft = 0.009 * smoothstep(z, kit.ankle, kit.ankle + 0.1)
        toes = 0.007 * smoothstep(-at.position[:, 1], 0.08, 0.17) * smoothstep(z, kit.sole, kit.sole + 0.03)
        toes = toes * (z < kit.ankle)
        out: FloatArray = (0.006 + welt + shaft + toes).astype(np.float32)
        return out

    return offset
