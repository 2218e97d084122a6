# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a predicted mesh is from the true one.

Both lie in one frame: metres, x right, y up, z to the viewer of the photograph, who sees yaw 0. One view
leaves the depth open. Both meshes are therefore moved along z until the area-weighted median depth of
their outer surface is 0, as it nearly is by design: training puts the median of all surface there, what
lies under clothes included. The figures named z_* are taken after a further move of the
prediction, by the mean signed depth offset over the pixels that both cover (the middle between front and
back surface at yaw 0).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..occupancy import inside
from ..sampling import surface_points
from .distances import Surface
from .meshes import Mesh, aligned, count_components, face_areas, outer_surface, within_frame
from .renderings import Seen, both_sides, framing

SAMPLES = 10_000
"""Area-weighted samples on each mesh."""
VOLUME_SAMPLES = 100_000
"""Uniform samples in the box round both meshes."""
NEAR = 0.01  # metres: what the F-score counts as found


@dataclass(frozen=True)
class MeshMetrics:
    """Figures of one prediction. Distances: 10,000 area-weighted samples a mesh, to the other's SURFACE.

    p2s: mean from the prediction's samples to the truth, cm. completeness: mean from the truth's samples to
    the prediction, cm. chamfer: mean of these two, unsquared, cm. f_score: harmonic mean of the shares of
    both sides' samples within 1 cm, percent. normal: squared length of the difference of unit normals in
    renderings at 512^2, background zero, mean over ALL pixels and yaw 0, 90, 180, 270. degrees: mean angle
    between them where both render something, same yaws. back_p2s, back_normal, back_degrees: the same of the
    side that the photograph does not show: of the samples whose face is turned away from its viewer, and of
    yaw 180 alone. silhouette_iou, side_iou: of the silhouettes at yaw 0 and 90. volume_iou: 100,000 uniform
    samples in the box round both. components: connected ones of the prediction. z_offset: cm that the z_*
    figures moved the prediction towards the viewer. What is not defined, because nothing is there, is NaN.
    """

    p2s: float
    completeness: float
    chamfer: float
    f_score: float
    normal: float
    degrees: float
    back_p2s: float
    back_normal: float
    back_degrees: float
    silhouette_iou: float
    side_iou: float
    volume_iou: float
    components: int
    z_offset: float
    z_p2s: float
    z_completeness: float
    z_chamfer: float
    z_f_score: float


def compare(
    predicted: Mesh, true: Mesh, outer: Mesh | None = None, span: float | None = None, seed: int = 0
) -> MeshMetrics:
    """All figures of a prediction, the same for the same seed; the frame as in this module's docstring.

    Surface of one part of the truth inside another (the body under its clothes) is neither sampled nor a
    target: no photograph shows it and no prediction is asked for it. outer: the truth's outer surface, found
    here where it is not given. span: metres of the picture's side where the person reaches out of it; both
    meshes are then cut by the frame, and what lies beyond is neither sampled nor a target nor rendered.
    """
    outer = outer_surface(true) if outer is None else outer
    components = count_components(predicted)
    predicted, true, outer = aligned(predicted, true, outer, span)
    volume_iou = _volume_iou(predicted, true, span, seed)
    if span is not None:
        predicted, true, outer = (within_frame(mesh, span) for mesh in (predicted, true, outer))
    distances = _Distances(predicted, outer, seed)
    p2s, completeness, f_score, back_p2s = distances.figures(0.0)
    scale, middle = framing(true)
    # yaw 0 and 180, then 90 and 270, of the prediction and of the truth
    views = [
        pair
        for yaw in (0, 90)
        for pair in zip(*(both_sides(mesh, yaw, scale, middle) for mesh in (predicted, true)), strict=True)
    ]
    normals = [_normal_errors(*pair) for pair in views]
    offset = _depth_offset(*views[:2]) / scale
    z_p2s, z_completeness, z_f_score, _ = distances.figures(offset)
    return MeshMetrics(
        p2s=p2s,
        completeness=completeness,
        chamfer=(p2s + completeness) / 2,
        f_score=f_score,
        normal=float(np.mean([error for error, _ in normals])),
        degrees=_mean(torch.cat([angles for _, angles in normals])),
        back_p2s=back_p2s,
        back_normal=normals[1][0],
        back_degrees=_mean(normals[1][1]),
        silhouette_iou=_silhouette_iou(*views[0]),
        side_iou=_silhouette_iou(*views[2]),
        volume_iou=volume_iou,
        components=components,
        z_offset=100 * offset,
        z_p2s=z_p2s,
        z_completeness=z_completeness,
        z_chamfer=(z_p2s + z_completeness) / 2,
        z_f_score=z_f_score,
    )


class _Distances:
    """Samples of a prediction and of the truth's outer surface, and how far each is from the other."""

    def __init__(self, predicted: Mesh, outer: Mesh, seed: int) -> None:
        meshes = (predicted, outer)
        self.surfaces = [Surface(mesh.vertices[mesh.faces].cpu().numpy()) for mesh in meshes]
        places = [torch.from_numpy(np.random.default_rng([seed, k]).random((SAMPLES, 3))) for k in (0, 1)]
        self.samples = [
            surface_points(at.to(mesh.faces.device), mesh.vertices.double(), mesh.faces).cpu().numpy()
            for at, mesh in zip(places, meshes, strict=True)
        ]
        self.turned_away = _turned_away(predicted, places[0]).cpu().numpy()

    def figures(self, z: float) -> tuple[float, float, float, float]:
        """P2S and completeness in cm, F-score in percent, and P2S in cm of what is turned away from the
        photograph's viewer; of the prediction moved z metres towards the viewer."""
        moved = np.array([0.0, 0.0, z])
        to_true = self.surfaces[1].distance(self.samples[0] + moved)
        to_predicted = self.surfaces[0].distance(self.samples[1] - moved)
        precision, recall = float((to_true < NEAR).mean()), float((to_predicted < NEAR).mean())
        f_score = 200 * precision * recall / (precision + recall) if precision + recall else 0.0
        away = _mean(torch.from_numpy(to_true[self.turned_away]))
        return 100 * float(to_true.mean()), 100 * float(to_predicted.mean()), f_score, 100 * away


def _turned_away(mesh: Mesh, places: Tensor) -> Tensor:
    """(N,) bool: whether the face that `surface_points` puts each place (N, 3) on looks away from the
    viewer."""
    running = face_areas(mesh).cumsum(0)
    face = torch.searchsorted(running, places[:, 0].to(running) * running[-1], right=True)
    a, b, c = mesh.vertices[mesh.faces[face.clamp(max=len(mesh.faces) - 1)]].unbind(1)
    away: Tensor = torch.linalg.cross(b - a, c - a)[:, 2] < 0
    return away


def _mean(values: Tensor) -> float:
    return float(values.mean()) if len(values) else math.nan


def _normal_errors(ours: Seen, theirs: Seen) -> tuple[float, Tensor]:
    """Mean squared length of the difference over all pixels, and the angles in degrees where both are."""
    squared = ((ours.normals - theirs.normals) ** 2).sum(1)
    both = ours.covered & theirs.covered
    return float(squared.mean()), torch.rad2deg(torch.arccos((1 - squared[both] / 2).clamp(-1, 1)))


def _silhouette_iou(ours: Seen, theirs: Seen) -> float:
    return float((ours.covered & theirs.covered).sum() / (ours.covered | theirs.covered).sum())


def _depth_offset(near: tuple[Seen, Seen], far: tuple[Seen, Seen]) -> float:
    """Frame units from the prediction's depth to the truth's, mean over the pixels that both cover at yaw 0.
    near, far: the prediction and the truth there."""
    gaps = [(theirs.depth - ours.depth)[ours.covered & theirs.covered] for ours, theirs in (near, far)]
    return float(torch.cat(gaps).mean()) if len(gaps[0]) else 0.0


def _volume_iou(predicted: Mesh, true: Mesh, span: float | None, seed: int) -> float:
    corners = torch.cat([mesh.vertices[mesh.faces].reshape(-1, 3) for mesh in (predicted, true)])
    low, high = corners.amin(0), corners.amax(0)
    if span is not None:
        low[:2], high[:2] = low[:2].clamp(min=-span / 2), high[:2].clamp(max=span / 2)
    share = torch.from_numpy(np.random.default_rng([seed, 2]).random((VOLUME_SAMPLES, 3), np.float32))
    points = low + share.to(low) * (high - low)
    ours, theirs = (inside(points, mesh.vertices, mesh.faces, mesh.part) for mesh in (predicted, true))
    return float((ours & theirs).sum() / (ours | theirs).sum().clamp(min=1))
