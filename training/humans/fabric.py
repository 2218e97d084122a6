# SPDX-License-Identifier: GPL-3.0-or-later
"""Fabrics: a colour and a pattern that runs along each panel a garment is sewn from. sRGB in [0, 1]."""

from __future__ import annotations

import numpy as np

from .kit import Landmarks
from .noise import bump, fractal, smoothstep
from .topology import FloatArray

NEUTRAL = ((0.9, 0.9, 0.88), (0.08, 0.08, 0.09), (0.12, 0.15, 0.26), (0.5, 0.5, 0.52), (0.84, 0.79, 0.7))
"""What stripes and prints are drawn in."""
EDGE = 0.003
"""Metres over which a stripe's edge fades: colours are known at vertices 8 mm apart."""
SIDE_SEAM = -0.03
"""Canonical y (metres) where front panels meet back panels."""
BACK_PANEL = 0.37
"""Shift (metres) of a back panel's pattern, so that it does not go on across the side seam."""


class Fabric:
    """A cloth of one base colour with a pattern: plain, across, along, check, dots, floral, print, melange or
    denim. Calling it with landmarks gives colours (V, 3)."""

    def __init__(self, rng: np.random.Generator, base: FloatArray, pattern: str) -> None:
        self.base, self.pattern, self.seed = base, pattern, int(rng.integers(1 << 20))
        others = [np.array(c) for c in NEUTRAL if abs(np.mean(c) - base.mean()) > 0.22]
        self.second, self.third = (others[i] for i in rng.integers(len(others), size=2))
        self.strength = rng.uniform(0.5, 1.0)
        wide = {"across": (0.03, 0.09), "along": (0.03, 0.05), "check": (0.05, 0.12), "dots": (0.035, 0.06)}
        self.period = rng.uniform(*wide.get(pattern, (0.03, 0.06)))
        if pattern == "floral":
            self.period *= 0.5
        self.share = rng.uniform(0.25, 0.5)
        self.box = rng.uniform((0.05, 0.03), (0.11, 0.09))
        self.fade = 0.5 * rng.uniform() ** 1.5

    def __call__(self, at: Landmarks) -> FloatArray:
        u, v = panels(at)
        plane = np.stack([u, v, 0 * u], 1)
        colour = np.tile(self.base, (len(u), 1))
        match self.pattern:
            case "across":
                self._paint(colour, self._stripes(v, self.share))
            case "along":
                self._paint(colour, 0.6 * self._stripes(u, 0.6 * self.share))
            case "check":
                for along in (u, v):
                    self._paint(colour, 0.5 * self._stripes(along, self.share))
            case "dots":
                # every second row is shifted by half a period
                row = np.floor(v / self.period)
                column = (u / self.period + row % 2 / 2) % 1 - 0.5
                away = np.hypot(column, v / self.period % 1 - 0.5) - 0.5 * self.share + 0.05
                self._paint(colour, smoothstep(-away * self.period, -EDGE, EDGE))
            case "floral":
                field = fractal(plane / self.period, 2, self.seed)
                colour[field > 0.42] = self.second
                colour[fractal(plane / self.period * 1.3 + 50, 2, self.seed) > 0.45] = self.third
            case "print":
                x, y, z = at.position.T
                chest = (np.abs(x) < self.box[0]) & (np.abs(z - 0.47) < self.box[1]) & (y < SIDE_SEAM)
                chest &= at.arm < 0.3
                letters = lettering(plane * [1, 1.5, 1], self.seed)
                colour[chest & (letters > -0.2)] = self.second
                colour[chest & (letters > 0.45)] = self.third
            case "melange":
                flecks = 0.5 + 0.5 * fractal(plane * 160, 2, self.seed)
                colour += (0.25 * flecks)[:, None] * (self.second - colour)
            case "denim":
                weave = 0.1 * fractal(at.position * [500, 500, 60], 2, self.seed)
                worn = self.fade * (bump(at.along_leg, 0.55, 0.4) + 0.5 * bump(at.along_leg, 1.05, 0.2))
                worn = worn * (0.8 + 0.3 * fractal(at.position * 18, 2, self.seed + 1))
                colour = colour * (1 + weave + worn)[:, None]
        grain = 0.04 * fractal(at.position * 9, 2, self.seed + 2)
        grain = grain + 0.03 * fractal(at.position * 260, 1, self.seed + 3)
        shaded: FloatArray = colour * (1 + grain)[:, None]
        return shaded

    def _stripes(self, along: FloatArray, share: float) -> FloatArray:
        """1 on stripes that take `share` of each period, 0 between."""
        phase = along / self.period % 1
        inside = np.minimum(phase, share - phase)
        return smoothstep(np.maximum(inside, phase - 1) * self.period, -EDGE, EDGE)

    def _paint(self, colour: FloatArray, amount: FloatArray) -> None:
        colour += (self.strength * amount)[:, None] * (self.second - colour)


def lettering(plane: FloatArray, seed: int) -> FloatArray:
    """A field (V,) in [-1, 1] that looks like rows of lettering from afar."""
    field: FloatArray = fractal(plane * [38, 22, 1], 2, seed)
    return np.where(plane[:, 1] / 0.05 % 1 < 0.75, field, -1.0)


def panels(at: Landmarks) -> tuple[FloatArray, FloatArray]:
    """Metres across and along the panel that each vertex lies on: front, back, sleeves, trouser legs.

    Sleeves have coordinates of their own, so stripes break at the armholes; fronts and backs meet at the side
    seams.
    """
    x, y, z = at.position.T
    sleeve, leg = at.arm > 0.5, at.along_leg > 0.25
    across = np.where(leg, np.abs(x) - 0.13 - 0.06 * at.along_leg, x)
    u = np.where(y < SIDE_SEAM, across, BACK_PANEL - across)
    turn = np.arctan2(y + 0.03, np.abs(x) * 0.74 + z * 0.67 - 0.565)
    return np.where(sleeve, 0.055 * turn, u), np.where(sleeve, -0.29 * at.along_arm, z)
