"""The meshes that garments are cut from: MakeHuman's tights, and tights and skirt stitched to one robe."""

from __future__ import annotations

from copy import copy
from functools import cache

import numpy as np
import scipy.sparse as sp
from scipy.spatial import cKDTree

from .body import Body
from .topology import FloatArray, IntArray, boundary, clip, loop_subdivision, neighbour_average, triangles

AVERAGE = {"gender": 0.5, "age": 0.67, "muscle": 0.5, "weight": 0.5, "height": 0.5, "proportions": 0.7}
"""The phenotype of the canonical body, in whose rest pose cuts, patterns and colours are placed."""
SKIRT_TOP = 0.28
"""Canonical z (metres) where the skirt helper begins."""
ARM_BONES = ("upperarm", "lowerarm", "wrist", "finger", "metacarpal")


class Landmarks:
    """Where a vertex is on the canonical body.

    position (V, 3) metres in its rest pose; arm (V,) weight of the arm's bones; along_arm (V,) 0 at the
    shoulder, 1 at the elbow, 2 at the wrist; along_leg (V,) 0 at the hip, 1 at the knee, 2 at the ankle.
    """

    def __init__(self, position: FloatArray, arm: FloatArray, joints: dict[str, FloatArray]) -> None:
        self.position, self.arm = position, arm
        mirrored = position.copy()
        mirrored[:, 0] = np.abs(mirrored[:, 0])
        shoulder, elbow, wrist = (joints[f"{name}.L"] for name in ("upperarm01", "lowerarm01", "wrist"))
        upper = (mirrored - shoulder) @ (elbow - shoulder) / ((elbow - shoulder) @ (elbow - shoulder))
        lower = (mirrored - elbow) @ (wrist - elbow) / ((wrist - elbow) @ (wrist - elbow))
        along_arm = np.where(upper < 1, np.minimum(upper, 1), 1 + np.maximum(lower, 0))
        self.along_arm = along_arm.astype(np.float32)
        hip, knee, ankle = (joints[f"{name}.L"][2] for name in ("upperleg01", "lowerleg01", "foot"))
        z = position[:, 2]
        along_leg = np.where(z > knee, (hip - z) / (hip - knee), 1 + (knee - z) / (knee - ankle))
        self.along_leg = along_leg.astype(np.float32)

    def pick(self, matrix: sp.csr_matrix) -> Landmarks:
        """The landmarks of vertices that `matrix` (V', V) interpolates."""
        picked = copy(self)
        picked.position, picked.arm = matrix @ self.position, matrix @ self.arm
        picked.along_arm, picked.along_leg = matrix @ self.along_arm, matrix @ self.along_leg
        return picked

    def take(self, rows: IntArray) -> Landmarks:
        """The landmarks of the vertices `rows`."""
        taken = copy(self)
        taken.position, taken.arm = self.position[rows], self.arm[rows]
        taken.along_arm, taken.along_leg = self.along_arm[rows], self.along_leg[rows]
        return taken


class GarmentMesh:
    """A mesh around the body in two densities: `faces` for draping, `fine_faces` for cutting and rendering.

    from_body (V, 19158) places its vertices, refine (V', V) goes to the fine mesh.
    """

    def __init__(self, body: Body, canonical: FloatArray, joints: dict[str, FloatArray],
                 from_body: sp.csr_matrix, faces: IntArray) -> None:  # fmt: skip
        self.from_body, self.faces = from_body.astype(np.float32), faces
        self.weights = self.from_body @ body.weights
        self.average = neighbour_average(faces, from_body.shape[0])
        self.refine, self.fine_faces = loop_subdivision(faces, from_body.shape[0])
        arm = self.weights[:, body.bones(*ARM_BONES)].sum(1)
        position = (self.from_body @ canonical).astype(np.float32)
        self.landmarks = Landmarks(position, arm, joints)
        self.fine_landmarks = Landmarks(self.refine @ position, self.refine @ arm, joints)


class Kit:
    """The body, the garment meshes and the landmarks that every person shares."""

    def __init__(self) -> None:
        body = self.body = Body()
        self.canonical, canonical_joints = body.rest(AVERAGE)
        self.joints = {name: canonical_joints[i] for name, i in body.bone.items()}
        self.tights = GarmentMesh(body, self.canonical, self.joints, *_subdivided(body, "tights"))
        self.robe = GarmentMesh(body, self.canonical, self.joints, *_stitched_robe(body, self.canonical))
        skin_faces = triangles(body.quads["body"])
        self.skin_ids = np.unique(skin_faces)
        renumber = np.full(body.count, -1)
        renumber[self.skin_ids] = np.arange(len(self.skin_ids))
        self.skin_faces: IntArray = renumber[skin_faces]
        self.skin_landmarks = Landmarks(
            self.canonical[self.skin_ids],
            body.weights[self.skin_ids][:, body.bones(*ARM_BONES)].sum(1),
            self.joints,
        )
        tree = cKDTree(self.tights.landmarks.position)
        distance, self.skin_to_tights = tree.query(self.canonical[self.skin_ids])
        self.skin_near_tights = distance < 0.04
        self.ankle = float(self.joints["foot.L"][2])
        self.sole = float(self.canonical[self.skin_ids, 2].min())


@cache
def kit() -> Kit:
    """The one kit of this process."""
    return Kit()


def _subdivided(body: Body, name: str) -> tuple[sp.csr_matrix, IntArray]:
    faces = triangles(body.quads[name])
    ids = np.unique(faces)
    renumber = np.full(body.count, -1)
    renumber[ids] = np.arange(len(ids))
    matrix, finer = loop_subdivision(renumber[faces], len(ids))
    pick = sp.csr_matrix(
        (np.ones(len(ids), np.float32), (np.arange(len(ids)), ids)), shape=(len(ids), body.count)
    )
    return (matrix @ pick).tocsr(), finer


def _stitched_robe(body: Body, canonical: FloatArray) -> tuple[sp.csr_matrix, IntArray]:
    """The tights' upper half with the arms, zipped to the skirt: for shirts, jackets, dresses, coats."""
    tights, tights_faces = _subdivided(body, "tights")
    skirt, skirt_faces = _subdivided(body, "skirt")
    arm = tights @ body.weights[:, body.bones(*ARM_BONES)].sum(1)
    skirt_position = skirt @ canonical
    edge = boundary(skirt_faces)
    top = edge[(skirt_position[edge, 2] > 0).all(1)]
    height = skirt_position[top[:, 0], 2].max() + 0.012
    level = np.where(arm > 0.3, 1.0, (tights @ canonical)[:, 2] - height).astype(np.float32)
    upper_faces, cut = clip(tights_faces, level)
    upper = cut @ tights
    matrix = sp.vstack([upper, skirt]).tocsr()
    position = (matrix @ canonical).astype(np.float32)
    cut_edge = boundary(upper_faces)
    # the tights' own openings (neck, wrists) are boundaries too: the seam is the one at the cut's height
    seam = cut_edge[np.abs(position[cut_edge, 2] - height).max(1) < 1e-3]
    zipper = _zip(_loop(seam), _loop(top + upper.shape[0]), position)
    return matrix, np.concatenate([upper_faces, skirt_faces + upper.shape[0], zipper])


def _loop(edges: IntArray) -> IntArray:
    """Directed edges of one closed loop -> its vertices in order."""
    following = dict(edges.tolist())
    order = [next(iter(following))]
    while following[order[-1]] != order[0]:
        order.append(following[order[-1]])
    return np.array(order)


def _zip(upper: IntArray, lower: IntArray, position: FloatArray) -> IntArray:
    """Triangles between two loops round the z axis, walking both by angle, oriented outward."""

    def by_angle(loop: IntArray) -> tuple[IntArray, FloatArray]:
        angle = np.arctan2(position[loop, 0], -position[loop, 1])
        if np.unwrap(angle)[-1] < np.unwrap(angle)[0]:
            loop = loop[::-1]
        loop = np.roll(loop, -int(np.argmin(np.arctan2(position[loop, 0], -position[loop, 1]))))
        return loop, np.arctan2(position[loop, 0], -position[loop, 1])

    (upper, upper_angle), (lower, lower_angle) = by_angle(upper), by_angle(lower)
    faces, i, j = [], 0, 0
    while i < len(upper) or j < len(lower):
        next_upper = upper_angle[i + 1] if i + 1 < len(upper) else upper_angle[0] + 2 * np.pi
        next_lower = lower_angle[j + 1] if j + 1 < len(lower) else lower_angle[0] + 2 * np.pi
        a, b = upper[i % len(upper)], lower[j % len(lower)]
        if j >= len(lower) or (i < len(upper) and next_upper <= next_lower):
            i += 1
            faces.append([a, b, upper[i % len(upper)]])
        else:
            j += 1
            faces.append([a, b, lower[j % len(lower)]])
    result = np.array(faces, dtype=np.int64)
    corners = position[result]
    outward = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, :2]
    if (outward * corners.mean(1)[:, :2]).sum() < 0:
        result = result[:, ::-1]
    return result
