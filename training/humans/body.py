"""The parametric body: phenotype -> rest shape -> posed shape.

The data are MakeHuman's base mesh with its clothes helpers and phenotype targets (CC0), compressed to a
rank-64 basis; see README.md beside this file. Frame: metres, z up, facing -y, x > 0 is the person's left.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .topology import FloatArray, IntArray

ASSETS = Path(__file__).with_name("human_assets.npz")
RACES = ("african", "asian", "caucasian")
STEPS = {
    "gender": 2,
    "age": 5,
    "muscle": 3,
    "weight": 3,
    "height": 2,
    "proportions": 2,
    "cupsize": 3,
    "firmness": 3,
}
"""Phenotype axes after the races, in the targets' order, and how many anchors each is interpolated over."""


class Body:
    """MakeHuman's base mesh with 19,158 vertices, its skeleton and its phenotype space."""

    def __init__(self, path: Path = ASSETS) -> None:
        data = np.load(path)
        self.count = int(data["n_verts"])
        self.mean = data["mean"].astype(np.float32)
        self.basis = data["basis"].astype(np.float32)
        self.projection = data["proj"].astype(np.float32)
        self.target_mask = data["mask"] > 0
        self.parents: list[int] = data["bone_parents"].tolist()
        self.bone = {str(label): i for i, label in enumerate(data["bone_labels"])}
        weights = np.zeros((self.count, len(self.parents)), np.float32)
        np.add.at(
            weights,
            (np.arange(self.count)[:, None], data["wi"].astype(np.int64)),
            data["w"].astype(np.float32),
        )
        self.weights = weights / weights.sum(1, keepdims=True)
        self.quads: dict[str, IntArray] = {
            key[2:].replace("helper-", ""): data[key].astype(np.int64)
            for key in data.files
            if key.startswith("q_") and not key.endswith("_uv")
        }

    def bones(self, *prefixes: str) -> list[int]:
        """Indices of all bones whose name starts with one of `prefixes`."""
        return [i for name, i in self.bone.items() if name.startswith(prefixes)]

    def rest(self, phenotype: dict[str, float]) -> tuple[FloatArray, FloatArray]:
        """Vertices (19158, 3) and joints (J, 3) of a phenotype (values in [0, 1]; missing axes are 0.5)."""
        coefficients = self._target_weights(phenotype) @ self.projection
        shape = self.mean + (coefficients @ self.basis).reshape(-1, 3)
        return shape[: self.count], shape[self.count :]

    def _target_weights(self, phenotype: dict[str, float]) -> FloatArray:
        races = np.array([phenotype.get(race, 0.5) for race in RACES])
        anchors = [races / races.sum()]
        for name, steps in STEPS.items():
            low = -1 / 3 if name == "age" else 0.0
            grid = np.linspace(low, 1, steps)
            value = np.clip(phenotype.get(name, 0.5), low, 1)
            anchors.append(np.clip(1 - np.abs(value - grid) / (grid[1] - grid[0]), 0, None))
        share = np.concatenate(anchors).astype(np.float32)
        weights: FloatArray = np.where(self.target_mask, share, 1.0).prod(-1).astype(np.float32)
        return weights

    def palms(self, joints: FloatArray, transforms: FloatArray) -> FloatArray:
        """Middles (2, 3) of the left and the right palm, between the wrist and the roots of the fingers.

        joints (J, 3) at rest, transforms (J, 3, 4) of the pose; metres.
        """
        middles = []
        for side in "LR":
            names = ["wrist", *(f"finger{finger}-1" for finger in range(2, 6))]
            at = np.stack([joints[self.bone[f"{name}.{side}"]] for name in names])
            middle = (at[0] + at[1:].mean(0)) / 2
            turn = transforms[self.bone[f"wrist.{side}"]]
            middles.append(turn[:, :3] @ middle + turn[:, 3])
        return np.stack(middles)

    def bone_transforms(self, joints: FloatArray, rotations: dict[str, NDArray[np.float64]]) -> FloatArray:
        """(J, 3, 4) affine map of each bone.

        rotations: bone name -> (3, 3) rotation about the bone's head, in the rest pose's world axes, relative
        to its parent; bones without an entry follow their parent.
        """
        turn = np.tile(np.eye(3), (len(self.parents), 1, 1))
        for name, matrix in rotations.items():
            turn[self.bone[name]] = matrix
        result = np.zeros((len(self.parents), 3, 4))
        for bone, parent in enumerate(self.parents):
            if parent < 0:
                rotation, head = turn[bone], joints[bone].astype(float)
            else:
                rotation = result[parent, :, :3] @ turn[bone]
                head = result[parent, :, :3] @ joints[bone] + result[parent, :, 3]
            result[bone, :, :3] = rotation
            result[bone, :, 3] = head - rotation @ joints[bone]
        return result.astype(np.float32)


def skin(vertices: FloatArray, weights: FloatArray, transforms: FloatArray) -> FloatArray:
    """Linear blend skinning: vertices (V, 3), weights (V, J), transforms (J, 3, 4) -> (V, 3)."""
    blended = (weights @ transforms.reshape(len(transforms), 12)).reshape(-1, 3, 4)
    posed: FloatArray = np.einsum("vij,vj->vi", blended[..., :3], vertices) + blended[..., 3]
    return posed
