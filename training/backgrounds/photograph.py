"""What stands behind the person in a training picture."""

from __future__ import annotations

import numpy as np

from . import places, studio
from .textures import Array, Material

_STUDIO: tuple[tuple[Material, float], ...] = (
    (studio.seamless_paper, 0.55),
    (studio.painted_backdrop, 0.1),
    (studio.wall_and_floor, 0.35),
)
_PLACES: tuple[tuple[Material, float], ...] = (
    (places.room, 0.24),
    (places.street, 0.2),
    (places.foliage, 0.16),
    (places.lights_out_of_focus, 0.18),
    (places.clutter, 0.12),
    (places.landscape, 0.1),
)


def photographic_background(rng: np.random.Generator, height: int, width: int) -> Array:
    """A picture to put a person in front of: (height, width, 3) float32 sRGB in [0, 1], height and width >=
    64.

    Half of them are studio-like (paper, backdrop, bare wall), the others places, sharp or out of focus.
    Drawn procedurally, so no photograph is shipped or needed. Deterministic from rng.
    """
    kinds = _STUDIO if rng.random() < 0.5 else _PLACES
    chosen = kinds[int(rng.choice(len(kinds), p=[share for _, share in kinds]))][0]
    picture = np.clip(chosen(rng, height, width), 0, 1.5)
    cast = 1 + rng.normal(0, 0.03, 3).astype(np.float32)
    return np.asarray(np.clip(picture * cast * np.float32(rng.uniform(0.85, 1.1)), 0, 1), np.float32)
