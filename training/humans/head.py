# SPDX-License-Identifier: GPL-3.0-or-later
"""The head as what hair, beards and hats sit on: its skin as meshes, hairlines, and the skull's radius."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import scipy.sparse as sp
from scipy.spatial import cKDTree

from .body import skin
from .kit import Kit, kit
from .solids import Solid, sheet
from .topology import FloatArray, IntArray, clip, loop_subdivision, vertex_normals

EAR, EAR_SIZE = (-0.043, 0.895), (0.027, 0.047)
"""Canonical y and z of the middle of the ear and its half sizes, metres."""
HAIRLINE = ((0.83, 0.86, 0.9, 0.93, 0.955, 0.966, 0.974), (0.0, -0.012, -0.066, -0.088, -0.104, -0.128, -0.2))
"""Canonical z and the y in front of which no hair grows there: nape, behind the ear, temple, forehead."""
NAPE = 0.838
HOLLOW = 0.06
"""Metres from the middle of the canonical head within which only the mouth's and the eyes' insides lie."""
SUNK = 0.006
"""Metres that the inner side of hair lies in the skin, so that none shows between them."""


class SkinPatch:
    """Part of the head's skin, subdivided.

    from_body (V, 19158) places its vertices, `position` (V, 3) is where they are on the canonical body,
    `weights` (V, J) skin them.
    """

    def __init__(self, shared: Kit, chosen: np.ndarray, steps: int) -> None:
        """chosen (13348,) bool: the skin's vertices that it covers."""
        faces = shared.skin_faces[chosen[shared.skin_faces].all(1)]
        used, faces = np.unique(faces, return_inverse=True)
        self.faces: IntArray = faces.reshape(-1, 3)
        body, ids = shared.body, shared.skin_ids[used]
        matrix = sp.csr_matrix(
            (np.ones(len(ids), np.float32), (np.arange(len(ids)), ids)), shape=(len(ids), body.count)
        )
        for _ in range(steps):
            refine, self.faces = loop_subdivision(self.faces, matrix.shape[0])
            matrix = refine @ matrix
        self.from_body = matrix.tocsr().astype(np.float32)
        self.position = (self.from_body @ shared.canonical).astype(np.float32)
        self.weights = (self.from_body @ body.weights).astype(np.float32)

    def grow(
        self, rest: FloatArray, transforms: FloatArray, level: FloatArray, offset: FloatArray
    ) -> tuple[Solid, FloatArray]:
        """What grows out of the skin where `level` (V,) > 0, by `offset` (V, 3) metres at rest.

        Returns the posed solid and the canonical position (2 V', 3) of each of its vertices.
        """
        faces, pick = clip(self.faces, level)
        base = self.from_body @ rest
        inner = pick @ (base - SUNK * vertex_normals(base, self.faces))
        weights, at = pick @ self.weights, pick @ self.position
        outer = pick @ (base + offset)
        solid = sheet(skin(outer, weights, transforms), skin(inner, weights, transforms), faces)
        return solid, np.concatenate([at, at])


@cache
def scalp() -> SkinPatch:
    """All of the head but the face below the brows, in triangles of about 4 mm."""
    shared = kit()
    x, y, z = shared.canonical[shared.skin_ids].T
    head = shared.body.weights[shared.skin_ids, shared.body.bone["head"]] > 0.3
    outside = np.linalg.norm(np.stack([x, y + 0.053, z - 0.912]), axis=0) > HOLLOW
    return SkinPatch(shared, head & outside & (z > 0.815) & ((z > 0.915) | (y > -0.1)), 2)


@cache
def jaw() -> SkinPatch:
    """The lower face, where beards grow."""
    shared = kit()
    _, y, z = shared.canonical[shared.skin_ids].T
    head = shared.body.weights[shared.skin_ids, shared.body.bone["head"]] > 0.3
    return SkinPatch(shared, head & (z < 0.91) & (z > 0.76) & (y < -0.035), 1)


def hair_level(at: FloatArray, higher: float = 0.0) -> FloatArray:
    """Metres (V,) inside the hairline at canonical positions (V, 3); `higher` raises it over the forehead."""
    x, y, z = at.T
    top = np.asarray(HAIRLINE[0]) + higher * np.array([0, 0, 0.2, 0.6, 1, 1, 1])
    front = y - np.interp(z, top, HAIRLINE[1])
    ear = np.hypot((y - EAR[0]) / EAR_SIZE[0], (z - EAR[1]) / EAR_SIZE[1]) - 1
    level = np.minimum(np.minimum(front, z - NAPE), np.where(np.abs(x) > 0.05, ear * 0.03, 1.0))
    result: FloatArray = level.astype(np.float32)
    return result


@dataclass(frozen=True)
class Skull:
    """The head of one person at rest as seen from its middle.

    centre (3,); ahead, up (3,): the axes of the head, which do not tip at rest; size: this head's height over
    the canonical one's; `radius` gives metres from the centre to the skin.
    """

    centre: FloatArray
    size: float
    direction: FloatArray
    distance: FloatArray

    def radius(self, ray: FloatArray) -> FloatArray:
        """Metres (N,) from the centre to the skin along unit rays (N, 3), over about 6 degrees smoothed."""
        apart, nearest = cKDTree(self.direction).query(ray, k=12)
        weight = np.exp(-((apart / 0.1) ** 2)) + 1e-9
        radius: FloatArray = (weight * self.distance[nearest]).sum(1) / weight.sum(1)
        return radius


def skull_of(rest: FloatArray) -> Skull:
    """The skull of a body at rest (19158, 3), ears and all; below the eyes it goes on as the face."""
    patch, shared = scalp(), kit()
    base = (patch.from_body @ rest).astype(np.float32)
    eyes = np.unique(shared.body.quads["l-eye"])
    crown = base[:, 2].max()
    canonical = patch.position[:, 2].max() - shared.canonical[eyes, 2].mean()
    size = float((crown - rest[eyes, 2].mean()) / canonical)
    middle = (base[:, 1].max() + base[:, 1].min()) / 2
    centre = np.array([0.0, middle, crown - 0.105 * size], np.float32)
    ray = base - centre
    distance = np.linalg.norm(ray, axis=1)
    return Skull(centre, size, ray / distance[:, None], distance)


def ray_of(polar: FloatArray, azimuth: FloatArray) -> FloatArray:
    """Unit rays (..., 3): `polar` radians from straight up, `azimuth` from the front to the person's left."""
    flat = np.sin(polar)
    ray: FloatArray = np.stack(
        [flat * np.sin(azimuth), -flat * np.cos(azimuth), np.cos(polar) + 0 * azimuth], -1
    )
    return ray
