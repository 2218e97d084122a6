"""Smooth random fields in space."""

from __future__ import annotations

import numpy as np

from .topology import FloatArray


def value_noise(points: FloatArray, seed: int) -> FloatArray:
    """Value noise in [-1, 1] with one random number a lattice cell; points (N, 3) in cells -> (N,)."""
    cell = np.floor(points)
    t = points - cell
    t = t * t * t * (t * (t * 6 - 15) + 10)
    cell = cell.astype(np.int64)
    total = np.zeros(len(points), np.float32)
    for corner in np.ndindex(2, 2, 2):
        key = (cell[:, 0] + corner[0]) * 73856093 ^ (cell[:, 1] + corner[1]) * 19349663
        key = key ^ (cell[:, 2] + corner[2]) * 83492791 ^ (seed * 2654435761 & 0x7FFFFFFF)
        key = (key ^ (key >> 13)) * 1274126177
        value = ((key ^ (key >> 16)) & 0xFFFF) / 32767.5 - 1
        weight = np.prod([t[:, k] if corner[k] else 1 - t[:, k] for k in range(3)], axis=0)
        total += (value * weight).astype(np.float32)
    return total


def fractal(points: FloatArray, octaves: int, seed: int) -> FloatArray:
    """Sum of `octaves` of value noise, each twice as fine and half as strong; points (N, 3) -> (N,)."""
    total = np.zeros(len(points), np.float32)
    for octave in range(octaves):
        total += value_noise(points * 2**octave + octave * 17.3, seed + octave) * 0.5**octave
    return total


def smoothstep(x: FloatArray, low: float, high: float) -> FloatArray:
    """0 below `low`, 1 above `high`, a cubic between."""
    t: FloatArray = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def bump(x: FloatArray, centre: float, width: float) -> FloatArray:
    """Gaussian of height 1."""
    height: FloatArray = np.exp(-(((x - centre) / width) ** 2))
    return height
