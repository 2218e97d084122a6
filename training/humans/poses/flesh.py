# SPDX-License-Identifier: GPL-3.0-or-later
"""The body's surface by regions: where a hand can lie on it, and how deep one limb sinks into another."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..body import Body
from ..topology import FloatArray, IntArray, triangles, unique_edges, vertex_normals
from .rig import Figure, Vector

TRUNK = ("spine", "pelvis", "root", "clavicle", "shoulder", "neck", "breast")
HAND = ("wrist", "metacarpal", "finger")
LIMBS = {
    "arm": ("upperarm",),
    "forearm": ("lowerarm",),
    "hand": HAND,
    "thigh": ("upperleg",),
    "shin": ("lowerleg",),
    "foot": ("foot", "toe"),
}
BELOW = ("trunk", "thigh.L", "thigh.R", "shin.L", "shin.R", "foot.L", "foot.R")


@dataclass(frozen=True)
class Patch:
    """Some vertices of the body: ids (N,), their skinning weights (N, J), a few a row, and rim (N,), which of
    them border on the rest of the body: past a rim the nearest normal says nothing about in and out."""

    ids: IntArray
    weights: sp.csr_matrix
    rim: NDArray[np.bool_]


@dataclass(frozen=True)
class Solid:
    """A part of the posed surface: its vertices (N, 3), their tree, normals (N, 3), rim (N,) and depth."""

    tree: cKDTree
    surface: FloatArray
    normal: FloatArray
    rim: NDArray[np.bool_]
    thick: float

    def sunk(self, points: FloatArray) -> float:
        """Metres by which the deepest of `points` (M, 3) lies under the surface; negative is how far off the
        closest one is."""
        distance, nearest = self.tree.query(points)
        height = np.einsum("vc,vc->v", points - self.surface[nearest], self.normal[nearest])
        inside = (height < 0) & ~self.rim[nearest] & (distance < self.thick)
        return float(np.where(inside, -height, -distance).max())


@cache
def regions(body: Body) -> dict[str, IntArray]:
    """Vertices of each region of the body: trunk, head, and by side arm (the upper one), forearm, hand,
    thigh, shin and foot; `free arm` and `free thigh` are the parts of them that hang away from the trunk."""
    ids = np.unique(triangles(body.quads["body"]))
    owner = body.weights[ids].argmax(1)
    joints = body.mean[body.count :]
    labels = list(body.bone)

    def of(prefixes: tuple[str, ...], side: str = "") -> IntArray:
        bones = [i for i in body.bones(*prefixes) if labels[i].endswith(side)]
        found: IntArray = ids[np.isin(owner, bones)]
        return found

    result = {
        "trunk": of(TRUNK),
        "head": np.setdiff1d(ids, of((*TRUNK, "upper", "lower", "foot", "toe", *HAND))),
    }
    for side in (".L", ".R"):
        for region, prefixes in LIMBS.items():
            result[region + side] = of(prefixes, side)
        for region, start, end, least in (("arm", "upperarm01", "lowerarm01", 0.45),
                                          ("thigh", "upperleg01", "lowerleg01", 0.4)):  # fmt: skip
            head = joints[body.bone[start + side]]
            axis = joints[body.bone[end + side]] - head
            members = result[region + side]
            along = (body.mean[members] - head) @ axis / (axis @ axis)
            result[f"free {region}{side}"] = members[along > least]
    return result


@cache
def patch(body: Body, names: tuple[str, ...]) -> Patch:
    """The union of some regions; on head, hands and feet, where the model is dense, one vertex of three."""
    at = regions(body)
    inside = np.zeros(body.count, bool)
    inside[np.concatenate([at[name] for name in names])] = True
    edges, _, _ = unique_edges(triangles(body.quads["body"]))
    crossing = edges[inside[edges[:, 0]] != inside[edges[:, 1]]]
    rim = np.zeros(body.count, bool)
    rim[crossing] = True
    dense = [name for name in names if name.startswith(("head", "hand", "foot"))]
    ids = np.concatenate([at[name][:: 3 if name in dense else 1] for name in names])
    return Patch(ids, sp.csr_matrix(body.weights[ids]), rim[ids])


@cache
def _joints_to_shape(body: Body) -> FloatArray:
    basis = body.basis.reshape(len(body.basis), -1, 3)[:, body.count :].reshape(len(body.basis), -1)
    inverse: FloatArray = np.linalg.pinv(basis.astype(np.float64), rcond=1e-5)
    return inverse


def shape_of(body: Body, joints: FloatArray) -> FloatArray:
    """The vertices (V, 3) of the body whose joints rest at `joints` (J, 3).

    489 coordinates of joints hold the basis's 64 coefficients: 0.2 mm at worst from what they came with.
    """
    coefficients = (joints - body.mean[body.count :]).reshape(-1) @ _joints_to_shape(body)
    vertices: FloatArray = (body.mean + (coefficients @ body.basis).reshape(-1, 3))[: body.count]
    return vertices.astype(np.float32)


class Flesh:
    """The skin of the body whose joints rest at `joints`, in the pose of a figure, by regions."""

    def __init__(self, body: Body, joints: FloatArray) -> None:
        self.body, self.rest = body, shape_of(body, joints)
        rest = self.rest
        self.normals = vertex_normals(rest, triangles(body.quads["body"]))

    def surface(self, figure: Figure, part: Patch) -> tuple[FloatArray, FloatArray]:
        """Where the vertices of a patch are in the figure's pose (N, 3) and their normals (N, 3)."""
        blended = (part.weights @ figure.transforms.reshape(-1, 12)).reshape(-1, 3, 4)
        placed = np.einsum("vij,vj->vi", blended[:, :, :3], self.rest[part.ids]) + blended[:, :, 3]
        normal = np.einsum("vij,vj->vi", blended[:, :, :3], self.normals[part.ids])
        return placed, normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)

    def lowest(self, figure: Figure) -> float:
        """The height of the lowest point of trunk and legs: the floor, for whoever touches it."""
        placed, _ = self.surface(figure, patch(self.body, BELOW))
        return float(placed[:, 2].min())

    def spot(self, figure: Figure, region: str, along: float, around: float) -> tuple[Vector, Vector]:
        """The point of a region and its normal, see `spot_vertex`."""
        ids = np.array([spot_vertex(self.body, region, along, around)])
        placed, normal = self.surface(
            figure, Patch(ids, sp.csr_matrix(self.body.weights[ids]), np.zeros(1, bool))
        )
        return placed[0].astype(np.float64), normal[0].astype(np.float64)

    def points(self, figure: Figure, regions: tuple[str, ...]) -> FloatArray:
        """Where the vertices of some regions are (N, 3)."""
        placed, _ = self.surface(figure, patch(self.body, regions))
        return placed

    def solid(self, figure: Figure, regions: tuple[str, ...], thick: float = 0.2) -> Solid:
        """Some regions as something to run into, `thick` being half of what they measure across at most."""
        part = patch(self.body, regions)
        surface, normal = self.surface(figure, part)
        return Solid(cKDTree(surface), surface, normal, part.rim, thick)


def spot_vertex(body: Body, region: str, along: float, around: float) -> int:
    """The vertex of a region `along` its bone (0..1: of the trunk from the hips to the neck, of the head from
    the chin to the crown) and `around` it in degrees (0 front, 90 the person's left, 180 back)."""
    joints = {name: body.mean[body.count + i] for name, i in body.bone.items()}
    members = regions(body)[region]
    shape = body.mean[members]
    match region.split("."):
        case ["trunk"]:
            start, end = joints["spine05"], joints["neck01"]
        case ["head"]:
            start = np.array([0, shape[:, 1].mean(), shape[:, 2].min()])
            end = np.array([0, shape[:, 1].mean(), shape[:, 2].max()])
        case ["thigh", side]:
            start, end = joints[f"upperleg01.{side}"], joints[f"lowerleg01.{side}"]
        case ["shin", side]:
            start, end = joints[f"lowerleg01.{side}"], joints[f"foot.{side}"]
        case ["arm", side]:
            start, end = joints[f"upperarm01.{side}"], joints[f"lowerarm01.{side}"]
        case _:
            raise KeyError(region)
    axis = end - start
    share = (shape - start) @ axis / (axis @ axis)
    out = shape - (start + share[:, None] * axis)
    angle = np.degrees(np.arctan2(out[:, 0], -out[:, 1]))
    apart = (angle - around + 180) % 360 - 180
    return int(
        members[np.argmin(((share - along) * np.linalg.norm(axis)) ** 2 + (np.radians(apart) * 0.12) ** 2)]
    )
