# SPDX-License-Identifier: GPL-3.0-or-later
"""The fields on which the refined surface is compared with the dense one: solids, noise, and thin things."""

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.spatial import cKDTree

from tests.engine.fields import soft, sphere


def turned(points, angle=0.4, tilt=0.3):
    """Points seen from a frame that no grid line is parallel to."""
    c, s, d, t = np.cos(angle), np.sin(angle), np.cos(tilt), np.sin(tilt)
    turn, lean = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]), np.array([[1, 0, 0], [0, d, t], [0, -t, d]])
    return points @ (turn @ lean)


def ellipsoid(radii, width):
    return lambda points: soft((np.linalg.norm(turned(points) / radii, axis=1) - 1) * min(radii), width)


def box(half, width, turn=True):
    def function(points):
        far = np.abs(turned(points) if turn else points - 0.003) - np.array(half)
        return soft(far.max(axis=1), width)
    return function


def torus(large, small, width):
    def function(points):
        x, y, z = turned(points).T
        return soft(np.hypot(np.hypot(x, y) - large, z) - small, width)
    return function


def sheet(normal, offset, half, reach, width, ball=0.4):
    """A sheet, half as thick as 2 half, through a ball, or alone."""
    normal = np.array(normal) / np.linalg.norm(normal)

    def function(points):
        flat = np.maximum(np.abs(points @ normal - offset) - half, np.linalg.norm(points, axis=1) - reach)
        return soft(np.minimum(sphere(points, radius=ball), flat) if ball else flat, width)
    return function


def gap(half):
    """Two bodies with a crack between them, parallel to no grid plane."""
    def function(points):
        x, _, _ = turned(points).T
        return soft(np.maximum(sphere(points, radius=0.61), half - np.abs(x - 0.02)), 0.006)
    return function


def balls(count, low, high, seed, width=0.01):
    """Many small balls, any two apart or not."""
    rng = np.random.default_rng(seed)
    centres, radii = rng.uniform(-0.85, 0.85, (count, 3)), rng.uniform(low, high, count)

    def function(points):
        nearest = np.full(len(points), np.inf)
        for centre, radius in zip(centres, radii):
            nearest = np.minimum(nearest, sphere(points, centre, radius))
        return soft(nearest, width)
    return function


def spiral(thickness, turns=2.5):
    """A spring, thin everywhere, that hangs on nothing."""
    t = np.linspace(-1, 1, 400)
    line = np.stack([0.5 * np.cos(np.pi * turns * t), 0.7 * t, 0.5 * np.sin(np.pi * turns * t)], axis=1)

    def function(points):
        return soft(cKDTree(line).query(points, workers=1)[0] - thickness, 0.006)
    return function


def person(points):
    """A body with arms, legs, fingers two thirds of a cell of the first grid thick, and a hat's brim."""
    limbs = [((0, 0.1, 0), (0, 0.45, 0), 0.15), ((0, 0.68, 0.02), (0, 0.72, 0.02), 0.1),
             ((-0.08, 0.05, 0), (-0.12, -0.85, 0.05), 0.07), ((0.08, 0.05, 0), (0.14, -0.85, -0.03), 0.07),
             ((-0.15, 0.45, 0), (-0.5, 0.1, 0.2), 0.045), ((0.15, 0.45, 0), (0.55, 0.5, -0.1), 0.045)]
    limbs += [((0.55, 0.5, -0.1), (0.68, 0.44 + 0.035 * i, -0.1 + 0.02 * i), 0.01) for i in range(4)]
    nearest = np.full(len(points), np.inf)
    for start, stop, radius in limbs:
        a, b = np.array(start), np.array(stop)
        share = np.clip((points - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
        nearest = np.minimum(nearest, np.linalg.norm(points - a - share[:, None] * (b - a), axis=1) - radius)
    brim = np.maximum(np.abs(points[:, 1] - 0.763) - 0.006, np.hypot(points[:, 0], points[:, 2]) - 0.22)
    return soft(np.minimum(nearest, brim), 0.006)


def noise(seed, scale, level):
    """Smooth random values: surfaces all over, also through every side of the cube."""
    rough = np.random.default_rng(seed).normal(size=(48, 48, 48))
    smooth = gaussian_filter(rough, scale)
    smooth /= smooth.std()

    def function(points):
        at = (points.T.astype(np.float64) + 1) * 23.5
        return soft(level - map_coordinates(smooth, at, order=1, mode="nearest"), 0.4)
    return function


WHOLE = {
    "ellipsoid": ellipsoid((0.3, 0.8, 0.5), 0.02),
    "flat ellipsoid": ellipsoid((0.7, 0.6, 0.04), 0.01),
    "sharp ellipsoid": ellipsoid((0.3, 0.8, 0.5), 0.001),
    "very soft ellipsoid": ellipsoid((0.3, 0.8, 0.5), 0.2),
    "box": box((0.3, 0.5, 0.4), 0.01),
    "upright box": box((0.3, 0.5, 0.4), 0.01, turn=False),
    "box beyond the cube": box((1.2, 0.4, 1.3), 0.01),
    "ball beyond the cube": lambda points: soft(sphere(points, (0.011, 0.007, 0.003), 1.17)),
    "torus": torus(0.5, 0.2, 0.02),
    "thin torus": torus(0.6, 0.03, 0.006),
    "sheet through a ball": sheet((0.5, 0.3, 0.81), 0.2, 0.012, 0.85, 0.01),
    "thin sheet through a ball": sheet((0.2, 0.9, 0.4), 0.1, 0.007, 0.9, 0.004),
    "sheet edge on": sheet((1.0, 0.07, 0.05), 0.101, 0.009, 0.8, 0.004),
    "lone sheet facing the viewer": sheet((0.01, 0.02, 1.0), 0.517, 0.012, 0.8, 0.003, ball=None),
    "narrow gap": gap(0.008),
    "gap of a cell": gap(0.016),
    "few balls": balls(6, 0.1, 0.3, 1),
    "forty balls": balls(40, 0.05, 0.12, 2),
    "spiral": spiral(0.05),
    "thin spiral": spiral(0.022),
    "person": person,
    "noise": noise(3, 4.0, 0.3),
    "busy noise": noise(4, 2.0, 0.8),
    "sparse noise": noise(5, 2.5, 2.2),
}
"""What the first grid meets every part of."""

CRUMBS = balls(60, 0.004, 0.03, 7, width=0.003)
"""Parts that may lie between the first grid's nodes."""
