# SPDX-License-Identifier: GPL-3.0-or-later
"""Meshes to be measured, and what of them is: the surface that a photograph could show."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from ..occupancy import inside


@dataclass(frozen=True)
class Mesh:
    """vertices (V, 3) float32, metres; faces (F, 3) int64, counter-clockwise seen from outside; part (F,)
    int64: the closed part each face belongs to. Parts may overlap.

    Raises ValueError where it holds no surface or a number that is not finite.
    """

    vertices: Tensor
    faces: Tensor
    part: Tensor

    def __post_init__(self) -> None:
        if not len(self.faces) or self.faces.shape[1] != 3:
            raise ValueError("A mesh to be measured needs at least one triangle, and triangles alone.")
        if not self.vertices.isfinite().all():
            raise ValueError("A mesh to be measured has a vertex that is not finite.")
        if not float(face_areas(self).sum()) > 0:
            raise ValueError("A mesh to be measured has no surface: all of its triangles are flat.")

    def moved(self, z: float) -> Mesh:
        """The same mesh, z metres nearer to the viewer."""
        return dataclasses.replace(self, vertices=self.vertices + self.vertices.new_tensor([0.0, 0.0, z]))

    def kept(self, chosen: Tensor) -> Mesh:
        """Of its faces those of `chosen` (F,) bool; vertices stay as they are. Raises ValueError as above."""
        return Mesh(self.vertices, self.faces[chosen], self.part[chosen])


def one_part(vertices: Tensor, faces: Tensor) -> Mesh:
    """A Mesh that is closed as a whole. vertices (V, 3) float32 metres, faces (F, 3) integers."""
    faces = faces.long()
    return Mesh(vertices, faces, torch.zeros(len(faces), dtype=torch.int64, device=faces.device))


def face_areas(mesh: Mesh) -> Tensor:
    """(F,) float64, square metres."""
    a, b, c = mesh.vertices[mesh.faces].double().unbind(1)
    areas: Tensor = torch.linalg.cross(b - a, c - a).norm(dim=1) / 2
    return areas


def outer_faces(mesh: Mesh) -> Tensor:
    """(F,) bool: the faces whose middle lies inside no other part.

    Part by part, about the points in its box alone: rays through all parts at once took three times as long,
    most of it for crossings of the point's own part.
    """
    middles = mesh.vertices[mesh.faces].mean(1)
    covered = torch.zeros_like(mesh.part, dtype=torch.bool)
    for number in np.unique(mesh.part.cpu().numpy()).tolist():
        own = mesh.part == number
        corners = mesh.vertices[mesh.faces[own]].reshape(-1, 3)
        near = ((middles >= corners.amin(0)) & (middles <= corners.amax(0))).all(1)
        asked = (near & ~own & ~covered).nonzero()[:, 0]
        part = torch.zeros_like(mesh.part[own])
        covered[asked] = inside(middles[asked], mesh.vertices, mesh.faces[own], part)
    return ~covered


def outer_surface(mesh: Mesh) -> Mesh:
    """The mesh without the faces whose middle lies inside another part. Vertices stay as they are."""
    return mesh.kept(outer_faces(mesh))


def within_frame(mesh: Mesh, span: float) -> Mesh:
    """The faces whose middle lies in the picture, whose side measures `span` metres. Raises ValueError where
    there are none."""
    middles = mesh.vertices[mesh.faces][..., :2].mean(1)
    return mesh.kept((middles.abs() <= span / 2).all(1))


def median_depth(mesh: Mesh) -> float:
    """Area-weighted median of the faces' depth, metres."""
    depth, order = mesh.vertices[mesh.faces][..., 2].double().mean(1).sort()
    running = face_areas(mesh)[order].cumsum(0)
    return float(depth[torch.searchsorted(running, running[-1:] / 2)[0]])


def aligned(predicted: Mesh, true: Mesh, outer: Mesh, span: float | None = None) -> tuple[Mesh, Mesh, Mesh]:
    """All three with the area-weighted median depth of their outer surface at 0. outer: that of the truth;
    span: metres of the frame, where only what lies within it is to count."""
    depths = [median_depth(mesh if span is None else within_frame(mesh, span)) for mesh in (predicted, outer)]
    return predicted.moved(-depths[0]), true.moved(-depths[1]), outer.moved(-depths[1])


def count_components(mesh: Mesh) -> int:
    """How many connected pieces the faces form; vertices without faces do not count."""
    used, faces = np.unique(mesh.faces.cpu().numpy(), return_inverse=True)
    faces = faces.reshape(-1, 3)
    rows, columns = faces[:, [0, 1]].ravel(), faces[:, [1, 2]].ravel()
    links = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(len(used), len(used)))
    return int(connected_components(links, directed=False)[0])
