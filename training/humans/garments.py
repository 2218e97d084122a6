"""Garments on a posed body: offset from the skin, skinned, draped, refined, cut and closed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .body import skin
from .drape import Cloth, drape
from .kit import GarmentMesh, Kit, Landmarks
from .noise import bump, fractal, smoothstep
from .outfit import (
    Cut,
    Outfit,
    below_waist,
    shoe_cut,
    skirt_cut,
    top_cut,
    top_offset,
    trouser_cut,
    trouser_offset,
)  # fmt: skip
from .pose import Pose
from .topology import FloatArray, IntArray, clip, close_openings, vertex_normals

HEM_WIDTH = 0.014
"""Metres that a hem turns inward before its cap."""
WAISTBAND = 0.008
"""Metres that a top keeps from the skin over a skirt."""


@dataclass(frozen=True)
class Garment:
    """A closed garment: vertices (V, 3) posed, faces, where each vertex is on the canonical body, and `edge`
    (V,), its canonical distance from the nearest hem in metres."""

    vertices: FloatArray
    faces: IntArray
    canonical: FloatArray
    along_arm: FloatArray
    along_leg: FloatArray
    arm: FloatArray
    edge: FloatArray


class Wardrobe:
    """Dresses one posed body, from the inside out; each garment lies over the ones before it."""

    def __init__(
        self, kit: Kit, rest: FloatArray, transforms: FloatArray, pose: Pose, rng: np.random.Generator
    ) -> None:
        self.kit, self.rest, self.transforms, self.pose, self.rng = kit, rest, transforms, pose, rng
        tights = kit.tights
        relaxed = tights.from_body @ rest
        self.tights_rest_normals = vertex_normals(relaxed, tights.faces)
        self.body = skin(relaxed, tights.weights, transforms)
        self.body_normals = vertex_normals(self.body, tights.faces)
        self.thickness: FloatArray = np.zeros(len(relaxed), np.float32)
        self.covered = np.zeros(len(relaxed), bool)

    def shoes(self, outfit: Outfit) -> Garment:
        """Closed shoes with a thicker sole."""
        offset = 0.006 + 0.016 * smoothstep(-self.tights_rest_normals[:, 2], 0.3, 0.9)
        return self._make(self.kit.tights, shoe_cut(outfit, self.kit), offset.astype(np.float32), 5, None)

    def trousers(self, outfit: Outfit) -> Garment:
        """Trousers or shorts."""
        mesh, fit = self.kit.tights, outfit.trouser_fit
        offset = trouser_offset(outfit, mesh.landmarks, self.rng.uniform(0.3, 1))
        cloth = Cloth(
            slack=1.0 if fit < 0.1 else 1 + 0.07 * fit,
            tether=np.full(len(offset), 0.012 + 0.04 * fit, np.float32),
            pinned=mesh.landmarks.position[:, 2] > outfit.waist - 0.015,
            compression=0.35,
            gravity=1.5,
        )
        return self._make(mesh, trouser_cut(outfit), offset, 6 + int(10 * fit), cloth)

    def upper(self, outfit: Outfit) -> Garment:
        """Shirt, jumper, jacket, coat or dress."""
        mesh, ease = self.kit.robe, outfit.ease
        at = mesh.landmarks
        offset, under = top_offset(outfit, at), self.thickness
        if outfit.bottom == "skirt":
            offset = offset + self._waistband(at)
            self.thickness = under + self._waistband(self.kit.tights.landmarks)
        cloth = Cloth(
            slack=1 + 0.09 * ease,
            tether=(0.015 + 0.04 * ease + 0.16 * below_waist(at)).astype(np.float32),
            pinned=np.zeros(len(at.arm), bool),
            compression=0.3,
            gravity=2.0,
        )
        garment = self._make(mesh, top_cut(outfit), offset, 6 + int(16 * ease), cloth)
        self.thickness = under
        return garment

    @staticmethod
    def _waistband(at: Landmarks) -> FloatArray:
        """Room (V,) in metres for a skirt under a top, or the two would fight for the same place."""
        room: FloatArray = WAISTBAND * smoothstep(-at.position[:, 2], -0.31, -0.28) * (at.arm < 0.3)
        return room.astype(np.float32)

    def skirt(self, outfit: Outfit) -> Garment:
        """A skirt from the waist."""
        mesh = self.kit.robe
        down = below_waist(mesh.landmarks)
        # below the hems of tops, and not at all under a coat, it may stand out
        flare = 0.0 if outfit.top == "coat" else self.rng.uniform(0, 0.5)
        offset = (0.003 + flare * 0.3 * np.maximum(down - 0.16, 0)).astype(np.float32)
        cloth = Cloth(
            slack=1.02,
            tether=(0.01 + 0.16 * down).astype(np.float32),
            pinned=mesh.landmarks.position[:, 2] > 0.25,
            compression=0.3,
            gravity=2.0,
        )
        return self._make(mesh, skirt_cut(outfit), offset, 4, cloth, covers=False)

    def _make(
        self,
        mesh: GarmentMesh,
        cut: Cut,
        offset: FloatArray,
        smoothing: int,
        cloth: Cloth | None,
        covers: bool = True,
    ) -> Garment:
        level = cut(mesh.landmarks)
        if mesh is self.kit.tights:
            offset = offset + self.thickness
        relaxed, posed = self._place(mesh, offset, smoothing, level > -0.05)
        if cloth is None:
            shape = self._tighten(mesh, posed, offset, level > -0.05)
        else:
            shape = self._drape(mesh, relaxed, posed, level > -0.02, cloth)
        if covers:
            self._cover(cut, offset if mesh is self.kit.tights else None)
        return self._finish(mesh, cut, shape)

    def _place(
        self, mesh: GarmentMesh, offset: FloatArray, smoothing: int, active: np.ndarray
    ) -> tuple[FloatArray, FloatArray]:
        """The garment at rest, smoothed but at least `offset` from the skin; and skinned to the pose."""
        base = mesh.from_body @ self.rest
        normal = vertex_normals(base, mesh.faces)
        for _ in range(6):
            normal = normal + 0.7 * (mesh.average @ normal - normal)
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
        shape = base + normal * offset[:, None]
        for _ in range(smoothing):
            smooth = shape + 0.5 * (mesh.average @ shape - shape)
            height = ((smooth - base) * normal).sum(1)
            smooth += np.maximum(offset - height, 0)[:, None] * normal
            shape = np.where(active[:, None], smooth, shape)
        return shape, skin(shape, mesh.weights, self.transforms)

    def _tighten(
        self, mesh: GarmentMesh, posed: FloatArray, offset: FloatArray, active: np.ndarray
    ) -> FloatArray:
        """Smooth a garment that is not draped without letting it sink into the posed body."""
        skin_surface = skin(mesh.from_body @ self.rest, mesh.weights, self.transforms)
        normal = vertex_normals(skin_surface, mesh.faces)
        for _ in range(3):
            smooth = posed + 0.5 * (mesh.average @ posed - posed)
            height = ((smooth - skin_surface) * normal).sum(1)
            smooth += np.maximum(offset * 0.8 - height, 0)[:, None] * normal
            posed = np.where(active[:, None], smooth, posed)
        return posed

    def _drape(
        self, mesh: GarmentMesh, relaxed: FloatArray, posed: FloatArray, active: np.ndarray, cloth: Cloth
    ) -> FloatArray:
        used, faces = np.unique(mesh.faces[active[mesh.faces].all(1)], return_inverse=True)
        part = Cloth(cloth.slack, cloth.tether[used], cloth.pinned[used], cloth.compression, cloth.gravity)
        surface = self.body + self.body_normals * self.thickness[:, None]
        shape = posed.copy()
        shape[used] = drape(
            posed[used], faces.reshape(-1, 3), relaxed[used], surface, self.body_normals, part
        )
        return shape

    def _cover(self, cut: Cut, offset: FloatArray | None) -> None:
        """Note which skin lies under cloth and how thick the layers on it are (None: the top layer)."""
        level = cut(self.kit.tights.landmarks)
        self.covered |= level > 0.03
        if offset is not None:
            self.thickness = np.where(
                level > -0.02, np.maximum(self.thickness, offset + 0.003), self.thickness
            )

    def _finish(self, mesh: GarmentMesh, cut: Cut, shape: FloatArray) -> Garment:
        """Refine, crease, cut along the hems and close."""
        at = mesh.fine_landmarks
        fine = mesh.refine @ shape
        fine += vertex_normals(fine, mesh.fine_faces) * self._creases(at)[:, None]
        level = cut(at)
        faces, pick = clip(mesh.fine_faces, level)
        fine = pick @ fine
        vertices, closed, source = close_openings(fine, faces, -vertex_normals(fine, faces) * HEM_WIDTH)
        pick = pick[source]
        return Garment(
            vertices,
            closed,
            pick @ at.position,
            pick @ at.along_arm,
            pick @ at.along_leg,
            pick @ at.arm,
            pick @ level,
        )

    def _creases(self, at: Landmarks) -> FloatArray:
        """Millimetre creases (V,) in metres across bent limbs, finer than the draped mesh can hold."""
        x, y, z = at.position.T
        seed = int(self.rng.integers(1 << 20))
        left = x > 0
        elbow = np.where(left, self.pose.bend["elbow.L"], self.pose.bend["elbow.R"]) / 70
        knee = np.where(left, self.pose.bend["knee.L"], self.pose.bend["knee.R"]) / 50
        arm = (at.arm > 0.5).astype(np.float32)
        leg = (at.along_leg > 0.15) * (1 - arm)

        def ridges(along: FloatArray, across: FloatArray, depth: FloatArray, seed: int) -> FloatArray:
            field = fractal(np.stack([along, across, depth], 1), 2, seed)
            return np.clip(1 - np.abs(field) * 1.7, 0, 1) ** 2.5

        down_arm, round_arm = np.abs(x) * 0.67 - z * 0.74, np.abs(x) * 0.74 + z * 0.67
        creases = (
            arm
            * ridges(down_arm * 26, y * 7, round_arm * 7, seed)
            * (0.35 + 1.3 * bump(at.along_arm, 1.0, 0.35) * elbow + 0.8 * bump(at.along_arm, 1.9, 0.25))
        )
        creases += (
            leg
            * ridges(x * 9, y * 9, z * 24, seed + 1)
            * (
                0.15
                + 1.2 * bump(at.along_leg, 1.02, 0.25) * (knee + 0.25)
                + 1.1 * bump(at.along_leg, 1.92, 0.16)
            )
        )
        slanted, level = (np.abs(x) * 0.5 - z * 0.86) * 15, (np.abs(x) * 0.86 + z * 0.5) * 4.5
        creases += (1 - arm) * (z > 0.1) * ridges(slanted, level, y * 5, seed + 2) * 0.6
        return (0.0015 * (creases + 0.25 * fractal(at.position * 14, 2, seed + 3))).astype(np.float32)
