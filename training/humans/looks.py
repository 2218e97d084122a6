"""Colours: skin with a face, hair, cloth with patterns. All sRGB in [0, 1], one colour a vertex."""

from __future__ import annotations

import numpy as np

from .hair import Hair
from .kit import Kit
from .noise import bump, fractal
from .topology import FloatArray

SKIN_TONES = (
    (0.94, 0.78, 0.68),
    (0.87, 0.68, 0.55),
    (0.76, 0.56, 0.42),
    (0.6, 0.42, 0.3),
    (0.42, 0.28, 0.19),
    (0.3, 0.19, 0.13),
)
HAIR_TONES = (
    (0.05, 0.04, 0.03), (0.07, 0.05, 0.04), (0.12, 0.07, 0.05), (0.22, 0.13, 0.08),
    (0.38, 0.24, 0.13), (0.62, 0.46, 0.26), (0.4, 0.38, 0.37), (0.4, 0.17, 0.08),
)  # fmt: skip
MUTED = (
    (0.08, 0.08, 0.09), (0.1, 0.1, 0.12), (0.9, 0.9, 0.88), (0.82, 0.8, 0.76), (0.14, 0.18, 0.3),
    (0.45, 0.45, 0.47), (0.3, 0.31, 0.33), (0.62, 0.55, 0.45), (0.35, 0.28, 0.22), (0.28, 0.31, 0.22),
    (0.36, 0.45, 0.55),
)  # fmt: skip
STRONG = (
    (0.6, 0.12, 0.13), (0.15, 0.35, 0.25), (0.1, 0.35, 0.65), (0.8, 0.6, 0.15), (0.55, 0.3, 0.45),
    (0.85, 0.55, 0.55), (0.2, 0.5, 0.5), (0.8, 0.4, 0.15),
)  # fmt: skip
IRIS = ((0.25, 0.15, 0.08), (0.3, 0.4, 0.5), (0.3, 0.35, 0.2))


def pick(
    rng: np.random.Generator, palette: tuple[tuple[float, float, float], ...], jitter: float
) -> FloatArray:
    """A colour of `palette`, brighter or darker by up to a quarter and with some jitter."""
    colour = np.array(palette[rng.integers(len(palette))]) * rng.uniform(0.78, 1.18)
    return np.clip(colour + rng.normal(0, jitter, 3), 0.02, 0.97)


def cloth_colour(rng: np.random.Generator) -> FloatArray:
    """Muted colours dominate, as in real wardrobes."""
    return pick(rng, MUTED if rng.random() < 0.72 else STRONG, 0.03)


def skin_colours(
    rng: np.random.Generator, kit: Kit, tone: FloatArray, hair: FloatArray, female: bool
) -> FloatArray:
    """Skin (V, 3) with lips, brows, eyelids, cheeks and, on some men, a beard shadow."""
    at = kit.canonical[kit.skin_ids]
    seed = int(rng.integers(1 << 20))
    eye = kit.joints["eye.L"]
    across, up = np.abs(at[:, 0]) - eye[0], at[:, 2] - eye[2]
    front = at[:, 1] < eye[1] + 0.012
    colour = tone * (1 + 0.05 * fractal(at * 30, 3, seed))[:, None]

    def paint(amount: FloatArray, target: FloatArray) -> None:
        nonlocal colour
        colour = colour + np.clip(amount, 0, 1)[:, None] * (target - colour)

    paint(0.4 * bump(np.abs(at[:, 0]), 0.04, 0.02) * bump(up, -0.045, 0.02) * front, tone * [1.0, 0.8, 0.8])
    lips = bump(at[:, 0], 0, 0.02) * bump(up, -0.073, 0.0075) * front
    paint(lips, tone * ([0.78, 0.42, 0.45] if female else [0.85, 0.6, 0.58]))
    brow = (
        bump(across - 0.002, 0, 0.017) * bump(up - 0.019 + 0.09 * np.abs(across - 0.008), 0, 0.0038) * front
    )
    paint(brow * 1.4 * (0.7 + 0.3 * fractal(at * 400, 1, seed)), hair * 0.6)
    paint(0.7 * bump(across, 0, 0.014) * bump(up, 0.0035, 0.0022) * front, hair * 0.3)
    if not female and rng.random() < 0.6:
        chin = (up < -0.05) & (up > -0.14) & (at[:, 1] < -0.06)
        paint(chin * rng.uniform(0.1, 0.7) * (0.7 + 0.3 * fractal(at * 300, 1, seed)) * (1 - lips), hair)
    return colour


def eye_colours(rng: np.random.Generator, kit: Kit, at: FloatArray) -> FloatArray:
    """Eyeballs; at (V, 3) canonical positions."""
    eye = kit.joints["eye.L"]
    radius = np.hypot(np.abs(at[:, 0]) - eye[0], at[:, 2] - eye[2])[:, None]
    iris = np.array(IRIS[rng.integers(len(IRIS))])
    return np.where(radius < 0.0028, 0.03, np.where(radius < 0.0062, iris, [0.76, 0.74, 0.72]))


def hair_colours(rng: np.random.Generator, hair: Hair, tone: FloatArray) -> FloatArray:
    """Strands along the fall of the hair."""
    angle, row = hair.strand.T
    strands = fractal(np.stack([angle * 45, row * 5, 0 * angle], 1), 3, int(rng.integers(1 << 20)))
    return tone * (1 + 0.45 * strands)[:, None]
