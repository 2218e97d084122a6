# SPDX-License-Identifier: GPL-3.0-or-later
"""Collars, lapels and hoods lying on the back: closed pieces cut from a top's own mesh that lie on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .cuts import PIT_OF_NECK, Field, below_neckline, beside_front, top_cut
from .kit import Landmarks
from .noise import fractal, smoothstep
from .outfit import Top
from .topology import FloatArray

LEAF = 0.05
"""Metres that a collar falls from its fold."""
NOTCH = 0.675
"""Canonical z (metres) where a lapel ends and its collar begins."""


@dataclass(frozen=True)
class Trimming:
    """A piece named "collar", "lapel" or "hood": where it is cut, and metres (V,) it stands off the top."""

    name: str
    cut: Field
    lift: Field


def trimmings(top: Top, under: bool, seed: int) -> list[Trimming]:
    """The pieces on a top; `under` another top they lie flat. seed: of the hood's dents."""
    pieces = []
    if top.collar in ("shirt", "lapel"):
        pieces.append(_collar(top, under))
    if top.collar == "lapel":
        pieces.append(_lapel(top))
    if top.hood == "down" and not under:
        pieces.append(_hood(top, seed))
    return pieces


def _collar(top: Top, under: bool) -> Trimming:
    spread = 0.55 if top.kind == "shirt" else 0.3

    def width(at: Landmarks) -> FloatArray:
        x, y, _ = at.position.T
        point: FloatArray = LEAF + 0.022 * smoothstep(-y, 0.05, 0.09) * smoothstep(-np.abs(x), -0.09, -0.05)
        return point

    def cut(at: Landmarks) -> FloatArray:
        x, y, z = at.position.T
        below = below_neckline(top, at)
        lowest = NOTCH if top.collar == "lapel" else PIT_OF_NECK - 0.035
        ends = np.maximum(np.abs(x) - 0.004 - spread * np.maximum(below, 0), y + 0.04)
        level = np.minimum(np.minimum(below, width(at) - below), np.minimum(ends, z - lowest))
        if top.open:
            level = np.minimum(level, np.maximum(beside_front(top, at), z - PIT_OF_NECK))
        return np.where(at.arm > 0.3, -1.0, level)

    def lift(at: Landmarks) -> FloatArray:
        share = np.clip(below_neckline(top, at) / width(at), 0, 1)
        raised: FloatArray = (0.005 + 0.008 * share) * (0.4 if under else 1.0)
        return raised

    return Trimming("collar", cut, lift)


def _lapel(top: Top) -> Trimming:
    edge = top_cut(top)
    low = PIT_OF_NECK - (0.24 if top.open else top.v_neck + 0.02)
    # the cut's level runs down the cloth, a lapel's width square to the steep edge of its neckline
    slope = 1.0 if top.open else np.hypot(1, top.v_neck / 0.09)

    def width(at: Landmarks) -> FloatArray:
        z = at.position[:, 2]
        wide: FloatArray = 0.07 * slope * np.clip((z - low) / (NOTCH - 0.03 - low), 0, 1) ** 0.8
        return wide

    def cut(at: Landmarks) -> FloatArray:
        x, y, z = at.position.T
        inward = edge(at)
        notch = NOTCH - 0.012 - z - 0.35 * (np.abs(x) - 0.06)
        level = np.minimum(np.minimum(inward, width(at) - inward), np.minimum(notch, -0.03 - y))
        return np.where((at.arm > 0.3) | (z < low), -1.0, level)

    def lift(at: Landmarks) -> FloatArray:
        share = np.clip(edge(at) / np.maximum(width(at), 0.01), 0, 1)
        return 0.005 + 0.007 * share

    return Trimming("lapel", cut, lift)


def _hood(top: Top, seed: int) -> Trimming:
    def width(at: Landmarks) -> FloatArray:
        x, y, _ = at.position.T
        wide: FloatArray = 0.04 + 0.15 * smoothstep(y, -0.06, 0.04) * smoothstep(-np.abs(x), -0.16, -0.07)
        return wide

    def cut(at: Landmarks) -> FloatArray:
        x, y, _ = at.position.T
        below = below_neckline(top, at)
        ends = np.maximum(np.abs(x) - 0.003 - 0.15 * np.maximum(below, 0), y + 0.04)
        level = np.minimum(np.minimum(below, width(at) - below), ends)
        return np.where(at.arm > 0.3, -1.0, level)

    def lift(at: Landmarks) -> FloatArray:
        share = np.clip(below_neckline(top, at) / width(at), 0, 1)
        back = (width(at) - 0.04) / 0.15
        roll = np.maximum(np.sin(np.pi * share**0.75), 0) ** 0.7
        dents = 1 + 0.35 * fractal(at.position * [14, 14, 22], 2, seed)
        return 0.004 + (0.018 + 0.045 * back) * roll * dents

    return Trimming("hood", cut, lift)
