"""Garments on a posed body: offset from the skin, skinned, draped, refined, cut and closed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .body import skin
from .creases import creases, sewn
from .cuts import (
    Field,
    below_waist,
    hanging,
    shoe_cut,
    shoe_offset,
    skirt_cut,
    top_cut,
    top_offset,
    trouser_cut,
    trouser_offset,
)  # fmt: skip
from .drape import Cloth, drape
from .hood import hood_over_head
from .kit import GarmentMesh, Kit, Landmarks
from .layers import Layers
from .noise import smoothstep
from .outfit import Bottom, Outfit, Shoes, Top
from .pose import Pose
from .topology import FloatArray, IntArray, clip, close_openings, close_sheet, vertex_normals
from .trimmings import trimmings

HEM_WIDTH = 0.014
"""Metres that a hem turns inward before its cap."""
HEM_ALLOWANCE = 0.04
"""Metres of cloth beyond each hem that drape with the garment; without it hems kept the undraped shape."""
SKIRT_END = -0.62
"""Canonical z (metres) below which hems reach beyond the robe, which is lengthened for them."""
SUNK = 0.007
"""Metres that cloth under another garment is drawn in, so that it does not poke through."""


@dataclass(frozen=True)
class Garment:
    """A closed garment or a closed piece of one.

    vertices (V, 3) posed metres; faces (F, 3); at: where each vertex is on the canonical body; edge (V,)
    canonical metres from the nearest hem; worn: "shoes", "bottom", "top" or "outer"; piece: "" for the
    garment itself, or "collar", "lapel", "hood".
    """

    vertices: FloatArray
    faces: IntArray
    at: Landmarks
    edge: FloatArray
    worn: str
    piece: str = ""


class Wardrobe:
    """Dresses one posed body, from the inside out; each garment lies over the ones before it."""

    def __init__(
        self, kit: Kit, rest: FloatArray, transforms: FloatArray, pose: Pose, rng: np.random.Generator
    ) -> None:
        self.kit, self.rest, self.transforms, self.pose, self.rng = kit, rest, transforms, pose, rng
        self.layers = Layers(kit, rest, transforms)
        self.garments: list[Garment] = []

    def dress(self, outfit: Outfit) -> list[Garment]:
        """Every garment of an outfit, from the inside out."""
        if not outfit.shoes.over:
            self.shoes(outfit.shoes)
        if outfit.top.tucked:
            self.top(outfit.top, "top", outfit.outer is not None)
        if outfit.bottom.kind == "skirt":
            self.skirt(outfit.bottom)
        elif outfit.bottom.kind != "dress":
            self.trousers(outfit.bottom)
        if outfit.shoes.over:
            self.shoes(outfit.shoes)
        if not outfit.top.tucked:
            self.top(outfit.top, "top", outfit.outer is not None)
        if outfit.outer is not None:
            self.top(outfit.outer, "outer", False)
        return self.garments

    def shoes(self, shoes: Shoes) -> None:
        """Closed shoes or boots with a flat sole."""
        mesh, cut, offset = self.kit.tights, shoe_cut(shoes, self.kit), shoe_offset(shoes, self.kit)
        level = cut(mesh.landmarks)
        relaxed = self._place(mesh, offset, 12, level > -0.05)
        foot = mesh.landmarks.position[:, 2] < self.kit.sole + 0.04
        under = foot & (vertex_normals(mesh.from_body @ self.rest, mesh.faces)[:, 2] < -0.4)
        relaxed[under, 2] = relaxed[under, 2].min() - shoes.sole
        shape = skin(relaxed, mesh.weights, self.transforms)
        self._finish(mesh, cut, offset, shape, "shoes", 0)

    def trousers(self, bottom: Bottom) -> None:
        """Trousers or shorts."""
        mesh, at = self.kit.tights, self.kit.tights.landmarks
        offset = trouser_offset(bottom)
        wide = max(bottom.legs[1:])
        cloth = Cloth(
            slack=1 + min(0.06, 1.6 * bottom.legs[1]),
            tether=(0.01 + 1.2 * np.minimum(offset(at), 0.03)).astype(np.float32),
            pinned=at.position[:, 2] > bottom.waist - 0.015,
            compression=0.35,
            gravity=2.5,
            lengthen=1.035,
        )
        self._drape(mesh, trouser_cut(bottom), offset, 5 + int(200 * wide), cloth, "bottom", 1)

    def skirt(self, bottom: Bottom) -> None:
        """A skirt from the waist."""
        mesh, at = self.kit.robe, self.kit.robe.landmarks
        hang = self._hang(bottom.flare, bottom.pleats)
        cloth = Cloth(
            slack=1.02,
            tether=(0.006 + 0.16 * below_waist(at)).astype(np.float32),
            pinned=at.position[:, 2] > bottom.waist - 0.025,
            compression=0.3,
            gravity=2.5,
        )
        drop = max(bottom.length - 0.9, 0) / 0.9
        self._drape(mesh, skirt_cut(bottom), lambda at: 0.004 + hang(at), 4, cloth, "bottom", 0.5, drop)

    def top(self, top: Top, worn: str, under: bool) -> None:
        """A top or a dress, `worn` as "top" or, over another one, as "outer"; `under` one its pieces lie flat."""
        mesh, at = self.kit.robe, self.kit.robe.landmarks
        shoulder = 0.3 + 0.7 * smoothstep(-at.position[:, 2], -0.72, -0.45) + 0.7 * (at.arm > 0.5)
        tether = (0.012 + 0.045 * top.ease) * np.minimum(shoulder, 1) + 0.16 * below_waist(at)
        if top.tucked:
            tether *= 1 - 0.9 * smoothstep(-at.position[:, 2], -0.33, -0.28) * (at.arm < 0.5)
        cloth = Cloth(
            slack=1 + 0.045 * top.ease,
            tether=tether.astype(np.float32),
            pinned=np.zeros(len(at.arm), bool),
            compression=0.3,
            gravity=2.5,
            lengthen=1 + 0.05 * top.ease,
        )
        offset = top_offset(top, self._hang(top.flare, top.pleats))
        drop = max(SKIRT_END - top.hem, 0) / 0.9
        fine = self._drape(mesh, top_cut(top), offset, 6 + int(16 * top.ease), cloth, worn, 1, drop, top)
        normals = vertex_normals(fine, mesh.fine_faces)
        for piece in trimmings(top, under, int(self.rng.integers(1 << 20))):
            outer = fine + normals * piece.lift(mesh.fine_landmarks)[:, None]
            level = piece.cut(mesh.fine_landmarks)
            self._close(mesh, level, outer, fine - 0.002 * normals, worn, piece.name)
        if top.hood == "up":
            vertices, faces, canonical = hood_over_head(self.rng, self.kit, self.rest, self.transforms)
            at = Landmarks(canonical, np.zeros(len(canonical)), self.kit.joints)
            self.garments.append(Garment(vertices, faces, at, np.ones(len(canonical)), worn, "hood"))

    def _hang(self, flare: float, pleats: float) -> Field:
        return hanging(flare, pleats, int(self.rng.integers(6, 12)), self.rng.uniform(0, 6.28))

    def _place(
        self, mesh: GarmentMesh, offset: Field, smoothing: int, active: np.ndarray, drop: float = 0.0
    ) -> FloatArray:
        """The garment at rest, smoothed but at least its offset from the layers below; `drop` lengthens it."""
        base = mesh.from_body @ self.rest
        base[:, 2] -= drop * 0.75 * below_waist(mesh.landmarks)
        away = (self.layers.height(mesh) + offset(mesh.landmarks)).astype(np.float32)
        normal = vertex_normals(base, mesh.faces)
        for _ in range(6):
            normal = normal + 0.7 * (mesh.average @ normal - normal)
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
        shape = base + normal * away[:, None]
        for _ in range(smoothing):
            smooth = shape + 0.5 * (mesh.average @ shape - shape)
            height = ((smooth - base) * normal).sum(1)
            smooth += np.maximum(away - height, 0)[:, None] * normal
            shape = np.where(active[:, None], smooth, shape)
        return shape

    def _drape(
        self,
        mesh: GarmentMesh,
        cut: Field,
        offset: Field,
        smoothing: int,
        cloth: Cloth,
        worn: str,
        creased: float,
        drop: float = 0.0,
        top: Top | None = None,
    ) -> FloatArray:
        """Place, skin and drape a garment, and finish it; returns the whole fine mesh it is cut from."""
        level = cut(mesh.landmarks)
        relaxed = self._place(mesh, offset, smoothing, level > -0.05, drop)
        shape = skin(relaxed, mesh.weights, self.transforms)
        used, faces = np.unique(mesh.faces[(level > -HEM_ALLOWANCE)[mesh.faces].all(1)], return_inverse=True)
        part = replace(cloth, tether=cloth.tether[used], pinned=cloth.pinned[used])
        surface, normals = self.layers.obstacle()
        shape[used] = drape(shape[used], faces.reshape(-1, 3), relaxed[used], surface, normals, part)
        # what buckles from one vertex to the next is the mesh's, not the cloth's
        for share in (0.6, -0.62):
            smooth = shape + np.float32(share) * (mesh.average @ shape - shape)
            shape = np.where((level > 0.01)[:, None], smooth, shape)
        return self._finish(mesh, cut, offset, shape, worn, creased, top)

    def _finish(
        self,
        mesh: GarmentMesh,
        cut: Field,
        offset: Field,
        shape: FloatArray,
        worn: str,
        creased: float,
        top: Top | None = None,
    ) -> FloatArray:
        """Refine, crease, cut along the hems, close, and draw in what it hides."""
        at = mesh.fine_landmarks
        level = cut(at)
        fine: FloatArray = mesh.refine @ shape
        relief = creased * creases(self.rng, self.pose, at)
        if top is not None:
            relief = relief + sewn(top, at)
        fine = fine + vertex_normals(fine, mesh.fine_faces) * relief[:, None]
        near = level > -0.03
        fine[near] = self.layers.push_out(fine[near], 0.002)
        normals = vertex_normals(fine, mesh.fine_faces)
        self.garments = [_drawn_in(g, cut) for g in self.garments]
        if top is not None and top.open:
            thick = 0.005 + 0.01 * smoothstep(level, 0.0, 0.05) * (1 - at.arm)
            self._close(mesh, level, fine, fine - normals * thick[:, None], worn, "")
        else:
            faces, pick = clip(mesh.fine_faces, level)
            vertices, closed, source = close_openings(
                pick @ fine, faces, -(pick @ normals) * np.float32(HEM_WIDTH)
            )
            pick = pick[source]
            self.garments.append(Garment(vertices, closed, at.pick(pick), pick @ level, worn))
        self.layers.add(mesh, cut, offset, shape)
        return fine

    def _close(
        self,
        mesh: GarmentMesh,
        level: FloatArray,
        outer: FloatArray,
        inner: FloatArray,
        worn: str,
        piece: str,
    ) -> None:
        """Add what of the sheet between `outer` and `inner` lies at level > 0."""
        faces, pick = clip(mesh.fine_faces, level)
        vertices, closed, source = close_sheet(pick @ outer, faces, pick @ inner)
        pick = pick[source]
        at = mesh.fine_landmarks.pick(pick)
        self.garments.append(Garment(vertices, closed, at, pick @ level, worn, piece))


def _drawn_in(garment: Garment, cut: Field) -> Garment:
    """A garment with what lies well under the cloth of `cut` moved SUNK metres inward."""
    if garment.piece:
        return garment
    depth = SUNK * smoothstep(cut(garment.at), 0.01, 0.04)
    normals = vertex_normals(garment.vertices, garment.faces)
    return replace(garment, vertices=(garment.vertices - normals * depth[:, None]).astype(np.float32))
