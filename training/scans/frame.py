# SPDX-License-Identifier: GPL-3.0-or-later
"""The unit and the up axis of a scan, given or found; and the scan moved into a person's frame."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .surface import Array, Ints, UnusableScan

UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001}
LOWEST, HIGHEST, WIDEST = 0.4, 2.6, 3.0
"""Metres: heights of people crouching to reaching up (they never overlap between units), and no extent may be
larger than the last, or a floor was scanned along."""
CLEAR = 1.3
"""Where one of y and z is longer by this ratio, it is up; else the less symmetric one is."""


@dataclass(frozen=True)
class ScanFrame:
    """unit: m, cm, mm, auto, or the metres of one as a number, for scans in units of their own; up: y, z or
    auto; yaw: degrees that turn the scans about the up axis so that they face +z (y up) or -y (z up), the
    fronts of glTF and Blender; positive turns to the viewer's right. Raises ValueError for another unit."""

    unit: str = "auto"
    up: str = "auto"
    yaw: float = 0.0

    def __post_init__(self) -> None:
        try:
            known = self.unit == "auto" or 0 < self.metres() < math.inf
        except ValueError:
            known = False
        if not known:
            raise ValueError(f"The unit {self.unit!r} is none: give m, cm, mm, auto, or its metres as 1.8.")

    def metres(self) -> float:
        """Of one unit, where one is given. Raises ValueError for `auto`."""
        return UNITS.get(self.unit) or float(self.unit)


def in_metres(vertices: Array, faces: Ints, frame: ScanFrame) -> tuple[Array, dict[str, str]]:
    """Vertices (V, 3) in the frame of training.humans.Person: metres, y up, feet at 0, centred about the y
    axis; and how unit and up axis were decided. Raises UnusableScan for no person's size."""
    record = {"yaw": f"{frame.yaw:g} degrees, given"}
    up, record["up"] = (frame.up, f"{frame.up}, given") if frame.up != "auto" else _up_axis(vertices, faces)
    if up == "z":
        vertices = np.stack([vertices[:, 0], vertices[:, 2], -vertices[:, 1]], 1)
    height = float(np.ptp(vertices[:, 1]))
    units = UNITS if frame.unit == "auto" else {frame.unit: frame.metres()}
    fitting = [name for name, metres in units.items() if LOWEST <= height * metres <= HIGHEST]
    if not fitting:
        known = "m, cm or mm" if frame.unit == "auto" else frame.unit
        raise UnusableScan(
            f"a height of {height:.4g} is no person's in {known} ({LOWEST} to {HIGHEST} m); "
            f"up axis: {record['up']}"
        )
    unit = fitting[0]
    how = f"from the height of {height:.4g}" if frame.unit == "auto" else "given"
    record["unit"] = f"{unit}, {how}"
    vertices = vertices * units[unit]
    if np.ptp(vertices, axis=0).max() > WIDEST:
        raise UnusableScan(f"{np.ptp(vertices, axis=0).max():.3g} m wide: more than a person was scanned")
    cosine, sine = math.cos(math.radians(frame.yaw)), math.sin(math.radians(frame.yaw))
    turn = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    vertices = vertices @ turn.T
    low, high = vertices.min(0), vertices.max(0)
    origin = np.array([(low[0] + high[0]) / 2, low[1], (low[2] + high[2]) / 2])
    return vertices - origin, record


def _up_axis(vertices: Array, faces: Ints) -> tuple[str, str]:
    tall_y, tall_z = np.ptp(vertices[:, 1]), np.ptp(vertices[:, 2])
    if max(tall_y, tall_z) >= CLEAR * min(tall_y, tall_z):
        axis = "y" if tall_y > tall_z else "z"
        return axis, f"{axis}, the longer of y and z ({tall_y:.4g} and {tall_z:.4g})"
    skew_y, skew_z = (_asymmetry(vertices, faces, axis) for axis in (1, 2))
    axis = "y" if skew_y >= skew_z else "z"
    return axis, f"{axis}, the less symmetric of y and z ({skew_y:.2f} and {skew_z:.2f})"


def _asymmetry(vertices: Array, faces: Ints, axis: int) -> float:
    """0..1: how far the surface's spread along an axis differs from its mirror image; feet, legs and head
    tell top from bottom more than chest tells front from back."""
    a, b, c = vertices[faces].transpose(1, 0, 2)
    areas = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    at = (a + b + c)[:, axis] / 3
    share, _ = np.histogram(at, 24, (vertices[:, axis].min(), vertices[:, axis].max()), weights=areas)
    return float(np.abs(share - share[::-1]).sum() / 2 / max(share.sum(), 1e-12))
