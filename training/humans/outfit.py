"""What somebody wears: which garments, and the field on the canonical body that each is cut along.

A cut is a function Landmarks -> level (V,): cloth is where it is positive, its hems are where it is zero.
Lengths and eases are in canonical metres; `ease` in [0, 1] goes from tight to loose.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .kit import SKIRT_TOP, Kit, Landmarks
from .noise import smoothstep
from .topology import FloatArray

Cut = Callable[[Landmarks], FloatArray]
FAR = 9.0

SLEEVE = {"tank": (-0.1, -0.1), "tee": (0.35, 0.75), "shirt": (1.75, 1.98), "jumper": (1.85, 2.02),
          "jacket": (1.85, 2.02), "coat": (1.9, 2.02)}  # fmt: skip
"""Where the sleeve ends along the arm: 0 shoulder, 1 elbow, 2 wrist."""
HEM = {"tank": (0.1, 0.22), "tee": (0.07, 0.2), "shirt": (0.05, 0.2), "jumper": (0.08, 0.2),
       "jacket": (0.02, 0.16), "coat": (-0.5, -0.05)}  # fmt: skip
EASE = {"tank": (0.0, 0.3), "tee": (0.15, 0.8), "shirt": (0.1, 0.6), "jumper": (0.4, 1.0),
        "jacket": (0.4, 0.9), "coat": (0.5, 1.0)}  # fmt: skip
NECK = {"tank": -0.04, "tee": 0.025, "shirt": 0.06, "jumper": 0.06, "jacket": 0.03, "coat": 0.05}


@dataclass(frozen=True)
class Outfit:
    """The garments of one person, drawn once, so that cuts agree on coarse and fine meshes."""

    top: str
    bottom: str
    shoe_height: float
    trouser_length: float
    trouser_fit: float
    waist: float
    sleeve: float
    hem: float
    ease: float
    neck: float
    v_neck: float
    flare: float
    skirt_length: float


def random_outfit(rng: np.random.Generator, female: bool) -> Outfit:
    """Draw an outfit; trousers are most frequent, dresses and skirts are worn by women."""
    u = rng.uniform
    if female:
        bottom = str(rng.choice(["trousers", "shorts", "skirt", "dress"], p=[0.5, 0.1, 0.2, 0.2]))
    else:
        bottom = str(rng.choice(["trousers", "shorts"], p=[0.85, 0.15]))
    tops = (
        ["tank", "tee", "shirt", "jumper"]
        if bottom == "dress"
        else ["tee", "shirt", "jumper", "jacket", "coat"]
    )
    top = str(rng.choice([*tops, "tank"] if female and bottom != "dress" else tops))
    hem = u(*HEM[top])
    if bottom == "dress":
        hem = u(-0.6, -0.1)
    elif bottom == "skirt" and top != "coat":
        hem = max(hem, 0.16)
    return Outfit(
        top=top,
        bottom=bottom,
        shoe_height=u(0.0, 0.09),
        trouser_length=u(0.5, 0.95) if bottom == "shorts" else u(1.75, 2.03),
        trouser_fit=u(0, 1) ** 1.2,
        waist=0.26 + u(-0.06, 0.03),
        sleeve=u(*SLEEVE[top]),
        hem=hem,
        ease=u(*EASE[top]),
        neck=NECK[top] + u(-0.01, 0.012),
        v_neck=u(0, 0.13) if top in ("tank", "jacket", "tee", "coat") and rng.random() < 0.6 else 0.0,
        flare=u(0, 0.45) * {"dress": 1.0}.get(bottom, 0.35 if top == "coat" else 0.12),
        skirt_length=u(0.3, 0.9),
    )


def shoe_cut(outfit: Outfit, kit: Kit) -> Cut:
    """Everything below the ankle plus the shaft."""
    return lambda at: kit.ankle + outfit.shoe_height - at.position[:, 2] - (at.arm > 0.5) * FAR


def trouser_cut(outfit: Outfit) -> Cut:
    """From the waist down to the trouser's length along the leg."""
    return lambda at: (
        np.minimum(outfit.waist - at.position[:, 2], (outfit.trouser_length - at.along_leg) * 0.4)
        - (at.arm > 0.5) * FAR
    )


def top_cut(outfit: Outfit) -> Cut:
    """From the neckline down to the hem, and along the arms to the sleeve's end."""

    def cut(at: Landmarks) -> FloatArray:
        x, y, z = at.position.T
        front = smoothstep(-y, 0.02, 0.1)
        neckline = 0.66 + outfit.neck - front * 0.04 + 0.35 * (np.maximum(y, -0.03) + 0.03)
        neckline -= outfit.v_neck * front * np.maximum(1 - np.abs(x) / 0.09, 0)
        torso = np.minimum(z - outfit.hem, neckline - z + 1.5 * np.maximum(np.abs(x) - 0.07, 0))
        sleeve = np.minimum(np.where(at.arm > 0.5, 1.0, torso), (outfit.sleeve - at.along_arm) * 0.3)
        level: FloatArray = np.where(at.arm > 0.02, sleeve, torso).astype(np.float32)
        return level

    return cut


def skirt_cut(outfit: Outfit) -> Cut:
    """From the waist down to the skirt's length."""
    return lambda at: (
        np.minimum(0.275 - at.position[:, 2], outfit.skirt_length * 0.75 - (SKIRT_TOP - at.position[:, 2]))
        - (at.arm > 0.3) * FAR
    )


def below_waist(at: Landmarks) -> FloatArray:
    """How far down a skirt or coat a vertex is: 0 at the skirt's top and on the arms, 1 at 0.75 m below."""
    down: FloatArray = np.maximum((SKIRT_TOP - at.position[:, 2]) / 0.75, 0) * (at.arm < 0.3)
    return down


def top_offset(outfit: Outfit, at: Landmarks) -> FloatArray:
    """Metres between the body and a top before it is draped."""
    ease = outfit.ease
    belly = 0.018 * ease * smoothstep(-at.position[:, 2], -0.55, -0.2) * (at.arm < 0.5)
    sleeve = (0.003 + 0.012 * ease) * smoothstep(at.along_arm, -0.1, 0.5) * (at.arm > 0.3)
    flare = outfit.flare * 0.3 * below_waist(at)
    offset: FloatArray = (0.004 + 0.004 * ease + belly + sleeve + flare).astype(np.float32)
    return offset


def trouser_offset(outfit: Outfit, at: Landmarks, width: float) -> FloatArray:
    """Metres between the leg and the trousers before they are draped; `width` in [0.3, 1] widens the legs."""
    fit = outfit.trouser_fit
    width_down = (0.003 + 0.03 * fit * width) * smoothstep(at.along_leg, 0.2, 1.6)
    offset: FloatArray = (0.003 + 0.004 * fit + width_down).astype(np.float32)
    return offset
