# SPDX-License-Identifier: GPL-3.0-or-later
"""Colours of skin, eyes and hair, all sRGB in [0, 1], one colour a vertex."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .hair import beard_level
from .head import hair_level
from .kit import Kit
from .noise import bump, fractal, smoothstep
from .physique import Physique
from .topology import FloatArray

SKIN = (
    (0.96, 0.82, 0.74), (0.91, 0.74, 0.63), (0.83, 0.64, 0.5), (0.7, 0.5, 0.37),
    (0.54, 0.37, 0.26), (0.39, 0.26, 0.18), (0.26, 0.17, 0.13),
)  # fmt: skip
"""From the lightest skin to the darkest, evenly spaced in the melanin scale of `draw_complexion`."""
MELANIN = {"caucasian": 0.18, "asian": 0.34, "african": 0.8}
DARK = ((0.05, 0.04, 0.035), (0.07, 0.05, 0.04), (0.1, 0.065, 0.05), (0.15, 0.095, 0.065))
FAIR = ((0.24, 0.15, 0.09), (0.36, 0.23, 0.14), (0.5, 0.36, 0.21), (0.66, 0.52, 0.33), (0.42, 0.2, 0.11))
GREY = ((0.45, 0.44, 0.43), (0.66, 0.65, 0.63), (0.82, 0.81, 0.79), (0.3, 0.29, 0.28))
DYED = ((0.55, 0.2, 0.3), (0.2, 0.3, 0.55), (0.62, 0.14, 0.1), (0.8, 0.72, 0.58))
BROWN_IRIS = ((0.2, 0.11, 0.06), (0.28, 0.16, 0.08), (0.13, 0.08, 0.05))
LIGHT_IRIS = ((0.33, 0.43, 0.52), (0.33, 0.38, 0.24), (0.42, 0.44, 0.45))


@dataclass(frozen=True)
class Complexion:
    """skin, hair, iris (3,) sRGB; red in [0, 1]: how much cheeks, nose and lips stand out; paint in [0, 1]:
    lipstick and mascara; beard: the kind on the face or "", stubble in [0, 1]: how dark shaven skin is; age:
    the body model's axis."""

    skin: FloatArray
    hair: FloatArray
    iris: FloatArray
    red: float
    paint: float
    beard: str
    stubble: float
    age: float


def draw_complexion(rng: np.random.Generator, physique: Physique, beards: dict[str, float]) -> Complexion:
    """Tones that go with the body's descent more often than not; beards: kinds and how often each is worn."""
    phenotype = physique.phenotype
    shares = np.array([phenotype[race] for race in MELANIN])
    shares /= shares.sum()
    melanin = float(np.clip(shares @ list(MELANIN.values()) + rng.normal(0, 0.13), 0, 1))
    scale = np.linspace(0, 1, len(SKIN))
    skin = np.array([np.interp(melanin, scale, channel) for channel in np.transpose(SKIN)])
    skin = skin * rng.uniform(0.94, 1.05) * (1 + rng.normal(0, [0.012, 0.01, 0.025]))
    light = shares[0] > 0.45 and melanin < 0.45
    age = phenotype["age"]
    palette = FAIR if light and rng.random() < 0.62 else DARK
    if not physique.child and rng.random() < 2.2 * (age - 0.62):
        palette = GREY
    elif rng.random() < (0.05 if physique.female else 0.015):
        palette = DYED
    hair = np.array(palette[rng.integers(len(palette))]) * rng.uniform(0.8, 1.2)
    irises = LIGHT_IRIS if light and rng.random() < 0.55 else BROWN_IRIS
    grown = not physique.female and not physique.child
    bearded = grown and rng.random() < 0.42
    return Complexion(
        skin=np.clip(skin, 0.03, 0.97),
        hair=np.clip(hair + rng.normal(0, 0.008, 3), 0.02, 0.95),
        iris=np.array(irises[rng.integers(len(irises))]) * rng.uniform(0.85, 1.2),
        red=rng.uniform(0.5, 1.3),
        paint=rng.uniform(0, 1) if physique.female and not physique.child and rng.random() < 0.55 else 0.0,
        beard=str(rng.choice(list(beards), p=list(beards.values()))) if bearded else "",
        stubble=rng.uniform(0, 0.45) ** 1.5 if grown else 0.0,
        age=age,
    )


def skin_colours(rng: np.random.Generator, kit: Kit, looks: Complexion, bald: bool) -> FloatArray:
    """Skin (V, 3) with lips, brows, lids, cheeks, nails, knuckles, the roots of hair and of beards."""
    at = kit.canonical[kit.skin_ids]
    seed = int(rng.integers(1 << 20))
    eye = kit.joints["eye.L"]
    x, across, up = np.abs(at[:, 0]), np.abs(at[:, 0]) - eye[0], at[:, 2] - eye[2]
    front = at[:, 1] < eye[1] + 0.012
    tone, red = looks.skin, looks.red
    colour = tone * (1 + 0.045 * fractal(at * 25, 3, seed) + 0.02 * fractal(at * 320, 1, seed))[:, None]

    def paint(amount: FloatArray, target: FloatArray) -> None:
        nonlocal colour
        colour = colour + np.clip(amount, 0, 1)[:, None] * (target - colour)

    blush = tone * [1.0, 0.78, 0.77]
    paint(0.5 * red * bump(x, 0.042, 0.02) * bump(up, -0.04, 0.02) * front, blush)
    paint(0.45 * red * bump(x, 0, 0.014) * bump(up, -0.042, 0.012) * front, blush)
    paint(0.5 * red * smoothstep(x, 0.073, 0.082) * bump(up, 0, 0.05) * (up > -0.08) * (x < 0.1), blush)
    # hands are redder than forearms, palms lighter than backs
    hand = smoothstep(kit.skin_landmarks.along_arm, 1.95, 2.2) * (kit.skin_landmarks.arm > 0.5)
    paint(0.3 * red * hand, blush)
    paint(0.35 * bump(across, 0, 0.022) * bump(up, -0.012, 0.009) * front, tone * [0.78, 0.7, 0.7])
    paint(0.3 * bump(across, 0, 0.02) * bump(up, 0.009, 0.006) * front, tone * [0.8, 0.7, 0.68])
    lips = bump(at[:, 0], 0, 0.021) * bump(up, -0.073, 0.0075) * front
    natural, worn = tone * [0.88, 0.6, 0.6], np.array([0.62, 0.12, 0.16])
    paint(lips * 1.1, natural + 0.6 * looks.paint * (worn - natural))
    arch = up - 0.019 + 0.09 * np.abs(across - 0.008)
    hairs = 0.65 + 0.45 * fractal(at * [450, 450, 250], 1, seed)
    paint(
        1.5 * bump(across - 0.002, 0, 0.018) * bump(arch, 0, 0.0036) * front * hairs, looks.hair * 0.55 + 0.03
    )
    lash = (0.7 + 0.3 * looks.paint) * bump(across, 0, 0.015) * bump(up, 0.0035, 0.0022) * front
    paint(lash, np.minimum(looks.hair * 0.3, 0.08))
    paint(0.35 * bump(across, 0, 0.013) * bump(up, -0.005, 0.0016) * front, tone * 0.55)
    # under hair the scalp takes its colour, so that thin places do not shine through
    if not bald:
        root = smoothstep(hair_level(at), -0.002, 0.012) * (at[:, 2] > 0.83)
        paint(0.85 * root, looks.hair * 0.8 + 0.1 * tone)
    shaven = smoothstep(beard_level(at, "full"), 0.0, 0.008) * (at[:, 2] < eye[2])
    grain = 0.75 + 0.25 * fractal(at * 300, 1, seed)
    paint(shaven * grain * (0.6 if looks.beard == "full" else looks.stubble), looks.hair * 0.7 + 0.15 * tone)
    return colour


def eye_colours(kit: Kit, looks: Complexion, at: FloatArray) -> FloatArray:
    """Eyeballs (V, 3) with pupil, iris and its dark rim; at (V, 3) canonical positions."""
    eye = kit.joints["eye.L"]
    radius = np.hypot(np.abs(at[:, 0]) - eye[0], at[:, 2] - eye[2])[:, None]
    white = np.array([0.84, 0.81, 0.79]) - 0.3 * smoothstep(radius, 0.009, 0.014)
    iris = np.where(radius < 0.0052, looks.iris, 0.45 * looks.iris)
    return np.where((radius < 0.0026), 0.025, np.where(radius < 0.0062, iris, white))


def hair_colours(rng: np.random.Generator, strand: FloatArray, tone: FloatArray) -> FloatArray:
    """Strands (V, 3) along hair, a little lighter towards the tips; strand (V, 2): see `hair.Lock`."""
    across, along = strand.T
    seed = int(rng.integers(1 << 20))
    fine = fractal(np.stack([across, along * 9, 0 * along], 1), 3, seed)
    broad = fractal(np.stack([across * 0.12, along * 3, 0 * along], 1), 1, seed + 7)
    lighter = 1 + 0.4 * fine + 0.12 * broad + 0.25 * smoothstep(along, 0.1, 0.5)
    colour: FloatArray = tone * np.maximum(lighter, 0.3)[:, None]
    return colour
