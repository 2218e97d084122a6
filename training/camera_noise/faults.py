# SPDX-License-Identifier: GPL-3.0-or-later
"""Which faults a camera has: drawn for one picture at a time, so that each depends on its own rng alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CLEAN, COMPRESSED, GREY = 0.1, 0.7, 0.02
"""Share of pictures that stay clean but for exposure; of the others, that went through JPEG; of grey ones."""


@dataclass(frozen=True)
class Develop:
    """Exposure, white balance, contrast and saturation, each slightly wrong.

    gain (3,) factors of R, G, B; saturation: factor on the distance from grey, 0 for a grey picture;
    middle: the value that contrast leaves; contrast: factor; gamma: exponent.
    """

    gain: tuple[float, float, float]
    saturation: float
    middle: float
    contrast: float
    gamma: float


@dataclass(frozen=True)
class Softness:
    """kind: "sharp", "focus" (Gaussian, amount its sigma in pixels of a picture 512 wide), "shake" (a line,
    amount its length in such pixels, angle in radians), "small" (enlarged from the share `amount` of its
    size) or "crisp" (unsharp mask of strength `amount`)."""

    kind: str
    amount: float
    angle: float = 0.0


@dataclass(frozen=True)
class Grain:
    """Sensor noise. strength: deviation at full light; colour: share that differs between the channels;
    smooth: sigma in pixels that the camera smoothed the colour noise by, 0 for none; seed: of the noise."""

    strength: float
    colour: float
    smooth: float
    seed: int


@dataclass(frozen=True)
class Faults:
    """What a camera does to one picture, in this order. quality: of the JPEG, 1 to 100, None for none."""

    develop: Develop
    softness: Softness
    grain: Grain | None
    quality: int | None


def draw_faults(rng: np.random.Generator) -> Faults:
    """Faults as cameras and the web have them. Deterministic from rng."""
    develop = _draw_develop(rng)
    softness, grain = _draw_softness(rng), _draw_grain(rng)
    quality = int(rng.integers(35, 98)) if rng.random() < COMPRESSED else None
    if rng.random() < CLEAN:
        return Faults(develop, Softness("sharp", 0.0), None, None)
    return Faults(develop, softness, grain, quality)


def _draw_develop(rng: np.random.Generator) -> Develop:
    red, green, blue = 2 ** rng.normal(0, 0.25) * np.exp(rng.normal(0, 0.04, 3))
    return Develop(
        gain=(float(red), float(green), float(blue)),
        saturation=0.0 if rng.random() < GREY else float(rng.uniform(0.65, 1.25)),
        middle=float(rng.uniform(0.35, 0.6)),
        contrast=float(rng.uniform(0.8, 1.2)),
        gamma=float(np.exp(rng.normal(0, 0.12))),
    )


def _draw_softness(rng: np.random.Generator) -> Softness:
    kind = str(rng.choice(["sharp", "focus", "shake", "small", "crisp"], p=[0.35, 0.25, 0.08, 0.2, 0.12]))
    low, high = {
        "sharp": (0.0, 0.0),
        "focus": (0.3, 1.6),
        "shake": (2.0, 7.0),
        "small": (0.4, 0.9),
        "crisp": (0.2, 0.9),
    }[kind]
    return Softness(kind, float(rng.uniform(low, high)), float(rng.uniform(0, np.pi)))


def _draw_grain(rng: np.random.Generator) -> Grain:
    return Grain(
        strength=float(0.002 + 0.035 * rng.random() ** 3),
        colour=float(rng.uniform(0.2, 1.0)),
        smooth=float(rng.uniform(0.5, 1.5)) if rng.random() < 0.6 else 0.0,
        seed=int(rng.integers(2**62)),
    )
