# SPDX-License-Identifier: GPL-3.0-or-later
"""Hats and glasses as closed parts that are fixed to the head."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .head import Skull, ray_of
from .locks import Locks
from .noise import bump, fractal, smoothstep
from .solids import Solid, circles, loft, profiled
from .topology import FloatArray

HATS = {"knitted cap": 0.38, "baseball cap": 0.34, "brimmed hat": 0.28}
AROUND = 64
GAP = 0.009
"""Metres between the skull and a hat: the hair under it, see hair.UNDER_HAT."""
TILT = 12.0
"""Degrees that a hat's rim rises to the front."""


@dataclass(frozen=True)
class Worn:
    """One closed, posed part: `along` (V,) runs from 0 at the middle of the crown to 1 at its rim, further on
    a brim; `around` (V,) radians from the front."""

    solid: Solid
    along: FloatArray
    around: FloatArray


def make_hat(rng: np.random.Generator, kind: str, locks: Locks) -> list[Worn]:
    """A hat of one of HATS, posed."""
    makers: dict[str, Callable[[np.random.Generator, Locks], list[Worn]]] = {
        "knitted cap": _knitted_cap,
        "baseball cap": _baseball_cap,
        "brimmed hat": _brimmed_hat,
    }
    return makers[kind](rng, locks)


def rim_of(skull: Skull, polar: float, gap: float) -> FloatArray:
    """The ring (AROUND, 3) round a head, `polar` degrees from the crown, tilted and `gap` metres off."""
    azimuth = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)
    rays = ray_of(np.radians(polar) * np.ones(AROUND), azimuth) @ _tilt().T
    radius = skull.radius(rays)
    # felt and knit do not follow each dent of the skull
    spectrum = np.fft.rfft(radius)
    spectrum[7:] = 0
    smooth = np.fft.irfft(spectrum, AROUND)
    ring: FloatArray = skull.centre + rays * np.maximum(smooth, radius - 0.002)[:, None] + gap * rays
    return ring


def _tilt() -> FloatArray:
    c, s = np.cos(np.radians(TILT)), np.sin(np.radians(TILT))
    return np.array([[1, 0, 0], [0, c, s], [0, -s, c]])


def _dome(skull: Skull, polar: FloatArray, gap: FloatArray) -> FloatArray:
    return np.stack([rim_of(skull, float(p), float(g)) for p, g in zip(polar, gap, strict=True)])


def _worn(locks: Locks, rings: FloatArray, along: FloatArray) -> Worn:
    around = np.linspace(0, 2 * np.pi, rings.shape[1], endpoint=False)
    solid = loft(rings)
    posed = Solid(locks.posed(solid.vertices).astype(np.float32), solid.faces)
    along = np.concatenate([np.repeat(along, rings.shape[1]), along[[0, -1]]])
    return Worn(posed, along, np.concatenate([np.tile(around, len(rings)), [0, 0]]))


def _lined(outer: FloatArray, along: FloatArray, skull: Skull) -> tuple[FloatArray, FloatArray]:
    """Rings that go on inside: half way to the head's middle, so that a hat is a solid with a hollow."""
    inner = outer[::-3] + 0.1 * (skull.centre - outer[::-3])
    return np.concatenate([outer, inner]), np.concatenate([along, along[::-3]])


def _knitted_cap(rng: np.random.Generator, locks: Locks) -> list[Worn]:
    skull = locks.skull
    low, slouch = rng.uniform(84, 98), rng.uniform(0, 0.03)
    polar = np.linspace(3, low, 40)
    share = np.linspace(0, 1, 40)
    turned_up = 0.006 * smoothstep(share, 0.7, 0.72) if rng.random() < 0.7 else 0 * share
    gap = GAP + turned_up + (slouch + 0.004) * (1 - share**2) - 0.004 * smoothstep(share, 0.97, 1.0)
    rings = _dome(skull, polar, gap)
    # a soft tip leans back
    rings[..., 1] += slouch * (1 - share[:, None]) ** 2
    angle = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)
    ribs = np.tile(np.sin(angle * 30), (40, 1)) * smoothstep(share, 0.05, 0.4)[:, None]
    folds = fractal(np.stack(np.broadcast_arrays(share[:, None] * 7, np.cos(angle) * 2, np.sin(angle) * 2), 2)
                    .reshape(-1, 3), 2, int(rng.integers(1 << 20))).reshape(40, AROUND)  # fmt: skip
    out = rings - skull.centre
    out /= np.linalg.norm(out, axis=2, keepdims=True)
    rings = rings + out * (0.0008 * ribs + (0.001 + 0.12 * slouch) * folds)[..., None]
    parts = [_worn(locks, *_lined(rings, share, skull))]
    if rng.random() < 0.25:
        top = rings[0].mean(0) + np.array([0, 0, 0.018])
        radius = rng.uniform(0.02, 0.034) * np.sin(np.linspace(0.08, np.pi - 0.08, 14))
        line = top + np.linspace(-1, 1, 14)[:, None] * np.array([0, 0, 0.028])
        balls = profiled(line, np.tile([1.0, 0, 0], (14, 1)), circles(radius, 20))
        fluff = fractal(balls.reshape(-1, 3) * 90, 2, 5).reshape(14, 20, 1)
        balls = top + (balls - top) * (1 + 0.15 * fluff)
        parts.append(_worn(locks, balls, np.linspace(0, 1, 14)))
    return parts


def _baseball_cap(rng: np.random.Generator, locks: Locks) -> list[Worn]:
    skull = locks.skull
    low = rng.uniform(78, 86)
    share = np.linspace(0, 1, 24)
    angle = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)
    dome = _dome(skull, 3 + (low - 3) * share, GAP + 0.012 * np.sin(np.pi * share**0.7) * (1 - 0.4 * share))
    out = (dome - skull.centre) / np.linalg.norm(dome - skull.centre, axis=2, keepdims=True)
    seams = np.abs((angle / (np.pi / 3) + 0.5) % 1 - 0.5) < 0.06
    dome = dome - out * (0.0012 * seams[None, :, None]) + out * 0.004 * bump(share, 0, 0.05)[:, None, None]
    parts = [_worn(locks, *_lined(dome, share, skull))]
    # the peak: a bowed slab from the rim, as long in the middle as a hand is wide
    backward = rng.random() < 0.12
    facing = np.pi if backward else 0.0
    spread, length = np.radians(62), rng.uniform(0.062, 0.08) * skull.size
    turn = np.linspace(-1, 1, 33)
    rim = rim_of(skull, low, GAP)
    at = (facing + turn * spread) / (2 * np.pi) * AROUND
    start = np.stack(
        [np.interp(at, np.arange(-AROUND, 2 * AROUND), np.tile(rim[:, k], 3)) for k in range(3)], 1
    )
    ahead = _tilt() @ np.array([0.0, 1.0 if backward else -1.0, 0.0])
    up = _tilt() @ np.array([0.0, 0.0, 1.0])
    reach = length * np.sqrt(np.maximum(1 - np.abs(turn) ** 3.2, 0.004))
    bow = -0.02 * turn**2 - 0.004
    depth = np.linspace(-0.12, 1, 7)
    upper = (
        start[:, None]
        + depth[None, :, None] * reach[:, None, None] * ahead
        + up * bow[:, None, None] * np.abs(depth[:, None])
    )
    upper = upper - up * 0.014 * depth[:, None] ** 2
    lower = upper - 0.0035 * up
    rings = np.concatenate([upper, lower[:, ::-1]], 1)
    solid = loft(rings)
    posed = Solid(locks.posed(solid.vertices).astype(np.float32), solid.faces)
    parts.append(Worn(posed, np.full(len(posed.vertices), 1.2), np.zeros(len(posed.vertices))))
    return parts


def _brimmed_hat(rng: np.random.Generator, locks: Locks) -> list[Worn]:
    skull = locks.skull
    low, tall, wide = rng.uniform(72, 80), rng.uniform(0.085, 0.115), rng.uniform(0.04, 0.085)
    angle = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)
    rim = rim_of(skull, low, GAP)
    up, ahead = _tilt() @ np.array([0.0, 0.0, 1.0]), _tilt() @ np.array([0.0, -1.0, 0.0])
    middle = rim.mean(0)
    # crown: straight sides, a rounded edge and a dent along the middle
    share = np.linspace(0, 1, 26)
    shrink = np.interp(share, [0, 0.35, 0.5, 1], [0.03, 0.62, 0.84, 1.0])
    height = tall * skull.size * np.interp(share, [0, 0.3, 0.42, 0.55, 1], [0.97, 1.0, 0.96, 0.84, 0.0])
    crown = middle + shrink[:, None, None] * (rim - middle) + height[:, None, None] * up
    side = (crown - middle) @ np.array([1.0, 0, 0])
    dent = rng.uniform(0.0, 0.022) * bump(side, 0, 0.025) * (1 - smoothstep(share, 0.42, 0.75))[:, None]
    crown = crown - dent[..., None] * up
    crown_share = share
    # brim: out, over the edge and back under
    away = rim - middle
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    wave = rng.uniform(-0.012, 0.012) * np.cos(2 * angle) - rng.uniform(0, 0.012) * (away @ ahead)
    out = np.concatenate([np.linspace(0.02, 1, 8), np.linspace(1, 0.0, 8)])
    droop = np.concatenate([np.zeros(8), np.full(8, -0.004)])[:, None] + np.abs(out[:, None]) ** 2 * wave
    brim = rim + out[:, None, None] * wide * away + droop[..., None] * up
    inside = (
        middle
        + np.array([0.93, 0.7, 0.3])[:, None, None] * (rim - middle)
        + np.array([0.01, 0.05, 0.06])[:, None, None] * up
    )
    rings = np.concatenate([crown, brim, inside])
    along = np.concatenate([crown_share, 1 + out, np.full(3, 1.0)])
    return [_worn(locks, rings, along)]


def make_glasses(
    rng: np.random.Generator, locks: Locks, eyes: FloatArray, dark: bool
) -> list[tuple[Solid, bool]]:
    """Glasses before eyes at rest (2, 3): rims, bridge and temples, and the lenses where they are dark.

    Returns posed closed parts, and whether each is a lens.
    """
    skull, size = locks.skull, locks.skull.size
    width, height = rng.uniform(0.022, 0.026) * size, rng.uniform(0.016, 0.022) * size
    power, thick = rng.uniform(2, 4), rng.uniform(0.0009, 0.0024)
    angle = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    shape = np.stack([np.cos(angle), np.sin(angle)], 1)
    shape /= (np.abs(shape) ** power).sum(1, keepdims=True) ** (1 / power)
    front = eyes[:, 1].min() - 0.026 * size
    parts: list[tuple[Solid, bool]] = []
    for eye in eyes:
        outline = np.stack(
            [
                eye[0] * 1.04 + width * shape[:, 0],
                0 * angle + front,
                eye[2] - 0.004 * size + height * shape[:, 1],
            ],
            1,
        )
        # rims wrap a little round the face
        outline[:, 1] += 3.2 * outline[:, 0] ** 2
        after = np.roll(outline, -1, axis=0) - np.roll(outline, 1, axis=0)
        out = np.cross(after, [0.0, 1.0, 0.0])
        out /= np.linalg.norm(out, axis=1, keepdims=True)
        turn = np.linspace(0, 2 * np.pi, 6, endpoint=False)
        rings = outline[:, None] + thick * (
            np.cos(turn)[:, None] * out[:, None] + np.sin(turn)[:, None] * np.array([0, 1.0, 0])
        )
        parts.append((loft(rings, endless=True), False))
        if dark:
            lens = np.stack([outline + [0, 0.0006, 0], outline - [0, 0.0006, 0]])
            parts.append((loft(lens), True))
        sign = np.sign(eye[0])
        hinge = outline[np.argmax(sign * outline[:, 0])]
        ear = np.array([sign * 0.079 * size, skull.centre[1] + 0.018 * size, eye[2] + 0.004])
        ray = (ear - skull.centre) / np.linalg.norm(ear - skull.centre)
        ear = skull.centre + ray * (skull.radius(ray[None]) + 0.001)
        bend = ear + np.array([0, 0.012, -0.02]) * size
        parts.append(
            (
                _wire(
                    np.stack([hinge, hinge * 0.5 + ear * 0.5 + [sign * 0.004, 0, 0.001], ear, bend]), thick
                ),
                False,
            )
        )
    inner = eyes[:, 0] * 1.04 - np.sign(eyes[:, 0]) * width
    bridge = np.stack(
        [np.linspace(inner[0], inner[1], 5), np.full(5, front), np.full(5, eyes[:, 2].mean())], 1
    )
    bridge += np.array([0, -0.5, 1.0]) * 0.003 * np.array([0, 0.8, 1, 0.8, 0])[:, None]
    parts.append((_wire(bridge, thick), False))
    return [(Solid(locks.posed(p.vertices).astype(np.float32), p.faces), lens) for p, lens in parts]


def _wire(path: FloatArray, thick: float) -> Solid:
    return loft(
        profiled(path, np.tile([0.2, 0.1, 1.0], (len(path), 1)), circles(np.full(len(path), thick), 6))
    )
