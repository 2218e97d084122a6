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
from .kit import SKIRT_TOP, GarmentMesh, Kit, Landmarks
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
SKIRT_LENGTH = 0.9
"""Metres below the waist that the robe reaches; longer skirts lengthen it."""
SUNK = 0.007
"""Metres that cloth under another garment is drawn in, so that it does not poke through."""


@dataclass(frozen=True)
class Pattern:
    """What a garment is cut from.

    mesh: what it is a part of; cut, offset: where, and how far from the layers below; worn: as for Garment;
    smoothing: how many times its placed shape is smoothed, so that it bridges hollows; creased: share of the
    finest creases; drop: share by which what hangs below the waist is lengthened; top: what is sewn on it.
    """

    mesh: GarmentMesh
    cut: Field
    offset: Field
    worn: str
    smoothing: int
    creased: float = 1.0
    drop: float = 0.0
    top: Top | None = None


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
        mesh = self.kit.tights
        pattern = Pattern(
            mesh, shoe_cut(shoes, self.kit), shoe_offset(shoes, self.kit), "shoes", 12, creased=0
        )
        relaxed = self._place(pattern)
        foot = mesh.landmarks.position[:, 2] < self.kit.sole + 0.04
        under = foot & (vertex_normals(mesh.from_body @ self.rest, mesh.faces)[:, 2] < -0.4)
        relaxed[under, 2] = relaxed[under, 2].min() - shoes.sole
        self._finish(pattern, skin(relaxed, mesh.weights, self.transforms))

    def trousers(self, bottom: Bottom) -> None:
        """Trousers or shorts."""
        mesh, at, offset = self.kit.tights, self.kit.tights.landmarks, trouser_offset(bottom)
        cloth = Cloth(
            slack=1 + min(0.06, 1.6 * bottom.legs[1]),
            tether=np.full(len(at.arm), 0.012 + min(0.6 * max(bottom.legs), 0.025), np.float32),
            pinned=at.position[:, 2] > bottom.waist - 0.015,
            compression=0.25,
            gravity=2.5,
            lengthen=1.04,
        )
        smoothing = 5 + int(200 * max(bottom.legs[1:]))
        self._drape(Pattern(mesh, trouser_cut(bottom), offset, "bottom", smoothing), cloth)

    def skirt(self, bottom: Bottom) -> None:
        """A skirt from the waist."""
        at, hang = self.kit.robe.landmarks, self._hang(bottom.flare, bottom.pleats)
        cloth = Cloth(
            slack=1.02,
            tether=(0.006 + 0.16 * below_waist(at)).astype(np.float32),
            pinned=at.position[:, 2] > bottom.waist - 0.025,
            compression=0.3,
            gravity=2.5,
        )

        def offset(at: Landmarks) -> FloatArray:
            return 0.004 + hang(at)

        drop = max(bottom.length - SKIRT_LENGTH, 0) / SKIRT_LENGTH
        self._drape(Pattern(self.kit.robe, skirt_cut(bottom), offset, "bottom", 4, 0.5, drop), cloth)

    def top(self, top: Top, worn: str, under: bool) -> None:
        """A top or a dress, `worn` as "top" or, over one, as "outer"; `under` another its pieces lie flat."""
        mesh, at = self.kit.robe, self.kit.robe.landmarks
        down = -at.position[:, 2]
        shoulder = np.minimum(0.3 + 0.7 * smoothstep(down, -0.72, -0.45) + 0.7 * (at.arm > 0.5), 1)
        tether = (0.012 + 0.045 * top.ease) * shoulder + 0.2 * np.maximum(below_waist(at) - 0.25, 0)
        if top.tucked:
            tether *= 1 - 0.9 * smoothstep(down, -0.33, -0.28) * (at.arm < 0.5)
        cloth = Cloth(
            slack=1 + 0.045 * top.ease,
            tether=tether.astype(np.float32),
            pinned=np.zeros(len(at.arm), bool),
            compression=0.3,
            gravity=2.5,
            lengthen=1 + 0.04 * top.ease,
        )
        offset = top_offset(top, self._hang(top.flare, top.pleats))
        drop = max(SKIRT_TOP - top.hem - SKIRT_LENGTH, 0) / SKIRT_LENGTH
        smoothing = 6 + int(16 * top.ease)
        fine = self._drape(Pattern(mesh, top_cut(top), offset, worn, smoothing, 1.0, drop, top), cloth)
        normals = vertex_normals(fine, mesh.fine_faces)
        for piece in trimmings(top, under, int(self.rng.integers(1 << 20))):
            outer = fine + normals * piece.lift(mesh.fine_landmarks)[:, None]
            level = piece.cut(mesh.fine_landmarks)
            self._add_sheet(mesh, level, outer, fine - 0.002 * normals, worn, piece.name)
        if top.hood == "up":
            vertices, faces, canonical = hood_over_head(self.rng, self.kit, self.rest, self.transforms)
            on_head = Landmarks(canonical, np.zeros(len(canonical)), self.kit.joints)
            edge = np.ones(len(canonical))
            self.garments.append(Garment(vertices, faces, on_head, edge, worn, "hood"))

    def _hang(self, flare: float, pleats: float) -> Field:
        return hanging(flare, pleats, int(self.rng.integers(6, 12)), self.rng.uniform(0, 6.28))

    def _place(self, pattern: Pattern) -> FloatArray:
        """The garment at rest, smoothed but at least its offset from the layers below."""
        mesh = pattern.mesh
        active = (pattern.cut(mesh.landmarks) > -0.05)[:, None]
        base = mesh.from_body @ self.rest
        base[:, 2] -= pattern.drop * 0.75 * below_waist(mesh.landmarks)
        away = (self.layers.height(mesh) + pattern.offset(mesh.landmarks)).astype(np.float32)
        normal = vertex_normals(base, mesh.faces)
        for _ in range(6):
            normal = normal + 0.7 * (mesh.average @ normal - normal)
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
        shape: FloatArray = base + normal * away[:, None]
        for _ in range(pattern.smoothing):
            smooth = shape + 0.5 * (mesh.average @ shape - shape)
            height = ((smooth - base) * normal).sum(1)
            smooth += np.maximum(away - height, 0)[:, None] * normal
            shape = np.where(active, smooth, shape)
        return shape

    def _drape(self, pattern: Pattern, cloth: Cloth) -> FloatArray:
        """Place, skin and drape a garment, and finish it; returns the whole fine mesh it is cut from."""
        mesh, level = pattern.mesh, pattern.cut(pattern.mesh.landmarks)
        relaxed = self._place(pattern)
        shape = skin(relaxed, mesh.weights, self.transforms)
        used, faces = np.unique(mesh.faces[(level > -HEM_ALLOWANCE)[mesh.faces].all(1)], return_inverse=True)
        part = replace(cloth, tether=cloth.tether[used], pinned=cloth.pinned[used])
        surface, normals = self.layers.obstacle()
        shape[used] = drape(shape[used], faces.reshape(-1, 3), relaxed[used], surface, normals, part)
        # what buckles from one vertex to the next is the mesh's, not the cloth's (Taubin 1995)
        for share in (0.6, -0.62):
            smooth = shape + np.float32(share) * (mesh.average @ shape - shape)
            shape = np.where((level > 0.01)[:, None], smooth, shape)
        return self._finish(pattern, shape)

    def _finish(self, pattern: Pattern, shape: FloatArray) -> FloatArray:
        """Refine, crease, cut along the hems, close, and draw in what it hides."""
        mesh, at, top = pattern.mesh, pattern.mesh.fine_landmarks, pattern.top
        level = pattern.cut(at)
        fine: FloatArray = mesh.refine @ shape
        # creases are a tenth of a garment's time: only where there is cloth
        near = np.nonzero(level > -0.03)[0]
        here = at.take(near)
        relief = np.zeros(len(near), np.float32)
        if pattern.creased:
            relief += np.float32(pattern.creased) * creases(self.rng, self.pose, here)
        if top is not None:
            relief += sewn(top, here)
        fine[near] += vertex_normals(fine, mesh.fine_faces)[near] * relief[:, None]
        fine[near] = self.layers.push_out(fine[near], 0.002)
        if pattern.worn != "shoes":
            # a long skirt of one sitting cross-legged reached 35 cm under the floor
            fine[:, 2] = np.maximum(fine[:, 2], self.layers.body[:, 2].min())
        normals = vertex_normals(fine, mesh.fine_faces)
        self.garments = [_drawn_in(g, pattern.cut) for g in self.garments]
        if top is not None and top.open:
            thick = 0.005 + 0.01 * smoothstep(level, 0.0, 0.05) * (1 - at.arm)
            self._add_sheet(mesh, level, fine, fine - normals * thick[:, None], pattern.worn, "")
        else:
            faces, pick = clip(mesh.fine_faces, level)
            inward = -(pick @ normals) * np.float32(HEM_WIDTH)
            vertices, closed, source = close_openings(pick @ fine, faces, inward)
            pick = pick[source]
            self.garments.append(Garment(vertices, closed, at.pick(pick), pick @ level, pattern.worn))
        self.layers.add(mesh, pattern.cut, pattern.offset, shape)
        return fine

    def _add_sheet(
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
