"""Colours of cloth as people wear them, sRGB in [0, 1]."""

from __future__ import annotations

import numpy as np

from .topology import FloatArray

MUTED = (
    (0.08, 0.08, 0.09), (0.1, 0.1, 0.12), (0.9, 0.9, 0.88), (0.82, 0.8, 0.76), (0.14, 0.18, 0.3),
    (0.45, 0.45, 0.47), (0.3, 0.31, 0.33), (0.62, 0.55, 0.45), (0.35, 0.28, 0.22), (0.28, 0.31, 0.22),
    (0.36, 0.45, 0.55),
)  # fmt: skip
STRONG = (
    (0.6, 0.12, 0.13), (0.15, 0.35, 0.25), (0.1, 0.35, 0.65), (0.8, 0.6, 0.15), (0.55, 0.3, 0.45),
    (0.85, 0.55, 0.55), (0.2, 0.5, 0.5), (0.8, 0.4, 0.15),
)  # fmt: skip


def pick(
    rng: np.random.Generator, palette: tuple[tuple[float, float, float], ...], jitter: float
) -> FloatArray:
    """A colour of `palette`, brighter or darker by up to a quarter and with some jitter."""
    colour = np.array(palette[rng.integers(len(palette))]) * rng.uniform(0.78, 1.18)
    return np.clip(colour + rng.normal(0, jitter, 3), 0.02, 0.97)


def cloth_colour(rng: np.random.Generator) -> FloatArray:
    """Muted colours dominate, as in real wardrobes."""
    return pick(rng, MUTED if rng.random() < 0.72 else STRONG, 0.03)
