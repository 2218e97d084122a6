# SPDX-License-Identifier: GPL-3.0-or-later
"""What a garment must lie over: the posed body and the clothes put on before."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from .body import skin
from .cuts import Field
from .kit import GarmentMesh, Kit
from .topology import FloatArray, vertex_normals

CLOTH = 0.003
"""Metres that a layer adds to the ease it was cut with."""
REACH = 0.02
"""Metres within which a vertex under the surface is pushed out; deeper ones lie in another limb."""
HIP = 0.05
"""Canonical z (metres) below which a skirt or coat no longer follows the body."""


class Layers:
    """The outermost surface so far, and how far it stands off the skin on each garment mesh.

    covered (V,) bool: where the skin of the tights' vertices lies under cloth.
    """

    def __init__(self, kit: Kit, rest: FloatArray, transforms: FloatArray) -> None:
        self.kit = kit
        self.body = skin(kit.tights.from_body @ rest, kit.tights.weights, transforms)
        self.covered = np.zeros(len(self.body), bool)
        self._buried = self.covered.copy()
        self._tights = np.zeros(len(self.body), np.float32)
        self._robe = np.zeros(kit.robe.from_body.shape[0], np.float32)
        self._over: list[tuple[FloatArray, FloatArray]] = []

    def height(self, mesh: GarmentMesh) -> FloatArray:
        """Metres (V,) from the skin to the surface of the layers so far, on `mesh`."""
        return self._tights if mesh is self.kit.tights else self._robe

    def obstacle(self) -> tuple[FloatArray, FloatArray]:
        """Points (N, 3) and normals (N, 3) of the outermost surface, posed."""
        normals = vertex_normals(self.body, self.kit.tights.faces)
        free = ~self._buried
        points, directions = zip((self.body[free], normals[free]), *self._over, strict=True)
        return np.concatenate(points), np.concatenate(directions)

    def push_out(self, points: FloatArray, clearance: float) -> FloatArray:
        """`points` (N, 3), those less than REACH under the surface moved to `clearance` metres over it."""
        surface, normals = self.obstacle()
        nearest = cKDTree(surface).query(points)[1]
        normal = normals[nearest]
        depth = clearance - ((points - surface[nearest]) * normal).sum(1)
        moved: FloatArray = points + np.where((depth > 0) & (depth < REACH), depth, 0)[:, None] * normal
        return moved.astype(np.float32)

    def add(self, mesh: GarmentMesh, cut: Field, offset: Field, shape: FloatArray) -> None:
        """Put a garment on: `shape` (V, 3) posed vertices of `mesh`."""
        tights = self.kit.tights
        level = cut(tights.landmarks)
        if mesh is tights:
            self.body = np.where((level > -0.01)[:, None], shape, self.body)
        else:
            level = np.where(
                (tights.landmarks.position[:, 2] > HIP) | (tights.landmarks.arm > 0.5), level, -1
            )
            used = cut(mesh.landmarks) > 0
            self._over.append((shape[used], vertex_normals(shape, mesh.faces)[used]))
            self._buried |= level > 0.01
            robe = cut(mesh.landmarks) > -0.02
            self._robe = np.where(robe, self._robe + offset(mesh.landmarks) + CLOTH, self._robe)
        self.covered |= level > 0.03
        raised = self._tights + offset(tights.landmarks) + CLOTH
        self._tights = np.where(level > -0.02, raised, self._tights)
        if mesh is tights:
            robe = (cut(self.kit.robe.landmarks) > -0.02) & (self.kit.robe.landmarks.position[:, 2] > HIP)
            over = self._robe + offset(self.kit.robe.landmarks) + CLOTH
            self._robe = np.where(robe, over, self._robe)
