# SPDX-License-Identifier: GPL-3.0-or-later
"""Bags as closed parts on the posed, dressed body: a backpack, a bag on a strap, a tote in a hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from .body import skin
from .kit import kit
from .locks import Flesh
from .noise import fractal, smoothstep
from .solids import Solid, circles, loft, profiled, rounded_box
from .topology import FloatArray

BAGS = {"backpack": 0.36, "shoulder bag": 0.36, "tote": 0.28}
HANGING = ("stand", "walk")
"""Poses in which a hand hangs low enough to carry a tote."""
STRAP_CLEAR = 0.009
"""Metres between clothes and the middle of a strap."""


@dataclass(frozen=True)
class Carrier:
    """Who carries: the body at rest (19158, 3), the bones' transforms (J, 3, 4), the surface of skin and
    clothes, the palms (2, 3), and the person's size over an adult's."""

    rest: FloatArray
    transforms: FloatArray
    flesh: Flesh
    palms: FloatArray
    size: float

    def fixed_to(self, bone: str, at: FloatArray) -> FloatArray:
        """Points (..., 3) that are fixed to a bone at rest, in the pose."""
        turn = self.transforms[kit().body.bone[bone]]
        moved: FloatArray = at @ turn[:, :3].T + turn[:, 3]
        return moved

    def on_trunk(self, height: FloatArray, azimuth: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Rest positions and posed ones (N, 3) of points on the trunk's skin at canonical heights (N,) in
        metres and azimuths (N,) in radians from the front to the person's left."""
        shared = kit()
        at = shared.skin_landmarks
        trunk = np.nonzero((at.arm < 0.3) & (at.position[:, 2] > -0.1) & (at.position[:, 2] < 0.78))[0]
        x, y, z = at.position[trunk].T
        turned = np.angle(np.exp(1j * (np.arctan2(x, -y) - azimuth[:, None])))
        apart = (z - height[:, None]) ** 2 + (0.14 * turned) ** 2
        ids = shared.skin_ids[trunk[np.argmin(apart, axis=1)]]
        return self.rest[ids], skin(self.rest[ids], shared.body.weights[ids], self.transforms)


def make_bag(rng: np.random.Generator, kind: str, carrier: Carrier) -> list[Solid]:
    """A bag of one of BAGS and its straps, posed; the bag itself is the first part."""
    if kind == "backpack":
        return _backpack(rng, carrier)
    if kind == "shoulder bag":
        return _shoulder_bag(rng, carrier)
    return _tote(rng, carrier)


def _bulk(rng: np.random.Generator, half: tuple[float, float, float], power: float) -> Solid:
    """A soft box that sags a little, with its top at z = half[2]."""
    box = rounded_box(half, power, 18, 36)
    at = box.vertices
    low = 1 + 0.08 * smoothstep(-at[:, 2] / half[2], -1.0, 1.0)
    dents = 0.06 * half[1] * fractal(at / (0.7 * half[1]), 2, int(rng.integers(1 << 20)))
    length = np.maximum(np.linalg.norm(at, axis=1, keepdims=True), 1e-6)
    return Solid((at * [1, 1, 1] * low[:, None] + dents[:, None] * at / length).astype(np.float32), box.faces)


def _strap(carrier: Carrier, path: FloatArray, width: float, clear: float = STRAP_CLEAR) -> Solid:
    """A band along a posed path (N, 3), laid on skin and clothes, the bag's ends left where they are."""
    lengths = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    at = np.linspace(0, lengths[-1], 60)
    line = np.stack([np.interp(at, lengths, path[:, k]) for k in range(3)], 1)
    for _ in range(6):
        line[1:-1] = gaussian_filter1d(line, 1.5, axis=0, mode="nearest")[1:-1]
        line[1:-1] = carrier.flesh.pushed_out(line[1:-1], clear)
    out = gaussian_filter1d(carrier.flesh.normals_at(line), 3.0, axis=0, mode="nearest")
    half, thin = 0.5 * width, 0.003
    profile = np.array([[thin, half], [-thin, half], [-thin, -half], [thin, -half]])
    return loft(profiled(line, out, np.tile(profile, (len(line), 1, 1))))


def _backpack(rng: np.random.Generator, carrier: Carrier) -> list[Solid]:
    size = carrier.size
    half = (rng.uniform(0.12, 0.16) * size, rng.uniform(0.05, 0.095) * size, rng.uniform(0.17, 0.24) * size)
    back, _ = carrier.on_trunk(np.linspace(0.3, 0.6, 7), np.full(7, np.pi))
    middle = np.array([0, back[:, 1].max() + half[1] * 0.9 + 0.016, back[-1, 2] - half[2] + 0.02 * size])
    bulk = _bulk(rng, half, rng.uniform(3, 5))
    pocket = rounded_box((0.75 * half[0], 0.3 * half[1], 0.42 * half[2]), 4.0)
    # a zipped pocket low on the back of the bag
    pocket = Solid(pocket.vertices + np.array([0, half[1], -0.4 * half[2]]), pocket.faces)
    parts = [
        Solid(carrier.fixed_to("spine03", p.vertices + middle).astype(np.float32), p.faces)
        for p in (bulk, pocket)
    ]
    for side in (1, -1):
        high = carrier.fixed_to(
            "spine03", middle + np.array([side * 0.55 * half[0], -0.8 * half[1], 0.9 * half[2]])
        )
        low = carrier.fixed_to(
            "spine03", middle + np.array([side * 0.8 * half[0], -0.8 * half[1], -0.8 * half[2]])
        )
        # over the shoulder between the neck and the arm, down the chest and back under the arm
        height = np.array([0.66, 0.7, 0.66, 0.56, 0.46, 0.38, 0.34])
        azimuth = np.radians([150, 92, 42, 38, 46, 75, 110]) * side
        _, over = carrier.on_trunk(height, azimuth)
        parts.append(
            _strap(carrier, np.concatenate([high[None], over, low[None]]), rng.uniform(0.035, 0.06) * size)
        )
    return parts


def _shoulder_bag(rng: np.random.Generator, carrier: Carrier) -> list[Solid]:
    """A bag at one hip, its strap across the chest from the other shoulder."""
    size = carrier.size
    side = 1 if rng.random() < 0.5 else -1
    half = (rng.uniform(0.1, 0.17) * size, rng.uniform(0.025, 0.05) * size, rng.uniform(0.07, 0.12) * size)
    bearing = np.radians(rng.uniform(112, 140)) * side
    rest, _ = carrier.on_trunk(np.array([0.08]), np.array([bearing]))
    out = np.array([np.sin(bearing), -np.cos(bearing), 0.0])
    middle = rest[0] + out * (half[1] + 0.022)
    turn = np.stack([np.array([out[1], -out[0], 0.0]), out, np.array([0, 0, 1.0])], 1)
    box = _bulk(rng, half, rng.uniform(3, 6))
    flap = rounded_box((half[0] * 1.02, 0.008, 0.45 * half[2]), 5.0)
    flap = Solid(flap.vertices + np.array([0, half[1] * 0.98, 0.5 * half[2]]), flap.faces)
    parts = [
        Solid(carrier.fixed_to("root", p.vertices @ turn.T + middle).astype(np.float32), p.faces)
        for p in (box, flap)
    ]
    ends = [
        carrier.fixed_to("root", middle + turn @ np.array([end * 0.93 * half[0], 0.0, 0.7 * half[2]]))
        for end in (1, -1)
    ]
    height = np.array([0.2, 0.36, 0.5, 0.62, 0.7, 0.64, 0.5, 0.34, 0.2])
    azimuth = np.radians([70, 40, 5, -35, -90, -145, -178, 165, 145]) * side
    _, over = carrier.on_trunk(height, azimuth)
    front = int(np.argmin([np.linalg.norm(over[0] - end) for end in ends]))
    path = np.concatenate([ends[front][None], over, ends[1 - front][None]])
    parts.append(_strap(carrier, path, rng.uniform(0.018, 0.045) * size))
    return parts


def _tote(rng: np.random.Generator, carrier: Carrier) -> list[Solid]:
    """A tote or a handbag that hangs from the lower hand, clear of the legs."""
    size = carrier.size
    palm = carrier.palms[np.argmin(carrier.palms[:, 2])]
    floor = carrier.flesh.points[:, 2].min()
    drop = float(palm[2] - floor)
    half = (rng.uniform(0.11, 0.19) * size, rng.uniform(0.03, 0.065) * size, rng.uniform(0.09, 0.18) * size)
    handle = rng.uniform(0.1, 0.2) * size
    # whatever would touch the floor is smaller
    shrink = min(1.0, (drop - 0.03) / (handle + 2.1 * half[2]))
    half, handle = (half[0] * shrink, half[1] * shrink, half[2] * shrink), handle * shrink
    body = carrier.flesh.points
    near = np.abs(body[:, 2] - (palm[2] - handle - half[2])) < half[2]
    away = palm[:2] - (body[near, :2].mean(0) if near.any() else body[:, :2].mean(0))
    away = np.append(away / max(np.linalg.norm(away), 1e-6), 0.0)
    along = np.array([away[1], -away[0], 0.0])
    middle = palm - [0, 0, handle + half[2]]
    for _ in range(12):
        offset = body - middle
        inside = (np.abs(offset @ along) < half[0]) & (np.abs(offset @ away) < half[1] + 0.012)
        inside &= np.abs(offset[:, 2]) < half[2]
        if not inside.any():
            break
        middle = middle + 0.012 * away
    turn = np.stack([along, away, np.array([0, 0, 1.0])], 1)
    box = _bulk(rng, half, rng.uniform(4, 8))
    parts = [Solid((box.vertices @ turn.T + middle).astype(np.float32), box.faces)]
    thick = rng.uniform(0.004, 0.008) * size
    arc = np.linspace(0, np.pi, 25)
    for face in (1, -1):
        foot = middle + turn @ np.array([0.0, face * 0.7 * half[1], 0.9 * half[2]])
        rise = palm - foot
        line = foot + np.cos(arc)[:, None] * 0.45 * half[0] * along + (np.sin(arc) ** 0.7)[:, None] * rise
        radii = np.full(len(arc), thick)
        parts.append(loft(profiled(line, np.tile(away, (len(arc), 1)), circles(radii, 8))))
    return parts
