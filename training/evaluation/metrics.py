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

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from ..occupancy import inside, winding
from ..render.rasterise import barycentric, rasterise, to_pixels
from ..render.views import vertex_normals
from ..sampling import surface_points
from .distances import surface_distance

SAMPLES = 10_000
"""Area-weighted samples on each mesh."""
VOLUME_SAMPLES = 100_000
"""Uniform samples in the box round both meshes."""
NEAR = 0.01  # metres: what the F-score counts as found
FRAME = 512  # pixels a side of the renderings
FILL = 0.91  # of the frame: the person's height
YAWS = (0, 90, 180, 270)  # degrees


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
        if not float(_areas(self.vertices, self.faces).sum()) > 0:
            raise ValueError("A mesh to be measured has no surface: all of its triangles are flat.")

    def moved(self, z: float) -> Mesh:
        """The same mesh, z metres nearer to the viewer."""
        return dataclasses.replace(self, vertices=self.vertices + self.vertices.new_tensor([0.0, 0.0, z]))


def one_part(vertices: Tensor, faces: Tensor) -> Mesh:
    """A Mesh that is closed as a whole. vertices (V, 3) float32 metres, faces (F, 3) integers."""
    faces = faces.long()
    return Mesh(vertices, faces, torch.zeros(len(faces), dtype=torch.int64, device=faces.device))


@dataclass(frozen=True)
class MeshMetrics:
    """Figures of one prediction. Distances: 10,000 area-weighted samples a mesh, to the other's SURFACE.

    p2s: mean from the prediction's samples to the truth, cm. completeness: mean from the truth's samples to
    the prediction, cm. chamfer: mean of these two, unsquared, cm. f_score: harmonic mean of the shares of
    both sides' samples within 1 cm, percent. normal: squared length of the difference of unit normals in
    renderings at 512^2, background zero, mean over ALL pixels and yaw 0, 90, 180, 270. degrees: mean angle
    between them where both render something, same yaws. silhouette_iou, side_iou: of the silhouettes at yaw
    0 and 90. volume_iou: 100,000 uniform samples in the box round both. components: connected ones of the
    prediction. z_offset: cm that the z_* figures moved the prediction towards the viewer.
    """

    p2s: float
    completeness: float
    chamfer: float
    f_score: float
    normal: float
    degrees: float
    silhouette_iou: float
    side_iou: float
    volume_iou: float
    components: int
    z_offset: float
    z_p2s: float
    z_completeness: float
    z_chamfer: float
    z_f_score: float


def compare(predicted: Mesh, true: Mesh, seed: int = 0) -> MeshMetrics:
    """All figures of a prediction, the same for the same seed; the frame as in this module's docstring.

    Surface of one part of the truth inside another (the body under its clothes) is neither sampled nor a
    target: no photograph shows it and no prediction is asked for it.
    """
    predicted, true, target = aligned(predicted, true)
    p2s, completeness, f_score = _surface_figures(predicted, target, seed)
    scale, middle = framing(true)
    errors, angles, ious = [], [], []
    for yaw in YAWS:
        ours, seen = normal_map(predicted, yaw, scale, middle)
        theirs, there = normal_map(true, yaw, scale, middle)
        squared = ((ours - theirs) ** 2).sum(1)
        both = seen & there
        errors.append(float(squared.mean()))
        angles.append(torch.rad2deg(torch.arccos((1 - squared[both] / 2).clamp(-1, 1))))
        ious.append(float(both.sum() / (seen | there).sum()))
    offset = _depth_offset(predicted, true, scale, middle)
    z_p2s, z_completeness, z_f_score = _surface_figures(predicted.moved(offset), target, seed)
    common = torch.cat(angles)
    return MeshMetrics(
        p2s=p2s,
        completeness=completeness,
        chamfer=(p2s + completeness) / 2,
        f_score=f_score,
        normal=float(np.mean(errors)),
        degrees=float(common.mean()) if len(common) else math.nan,
        silhouette_iou=ious[0],
        side_iou=ious[1],
        volume_iou=_volume_iou(predicted, true, seed),
        components=count_components(predicted),
        z_offset=100 * offset,
        z_p2s=z_p2s,
        z_completeness=z_completeness,
        z_chamfer=(z_p2s + z_completeness) / 2,
        z_f_score=z_f_score,
    )


def aligned(predicted: Mesh, true: Mesh) -> tuple[Mesh, Mesh, Mesh]:
    """Both with the area-weighted median depth of their outer surface at 0; and the truth's outer surface."""
    target = outer_surface(true)
    depth = _median_depth(target)
    return predicted.moved(-_median_depth(predicted)), true.moved(-depth), target.moved(-depth)


def outer_surface(mesh: Mesh) -> Mesh:
    """The mesh without the faces whose middle lies inside another part. Vertices stay as they are."""
    middles = mesh.vertices[mesh.faces].mean(1)
    about = winding(middles, mesh.vertices, mesh.faces, mesh.part) > 0
    about[torch.arange(len(about)), mesh.part] = False
    kept = ~about.any(1)
    return Mesh(mesh.vertices, mesh.faces[kept], mesh.part[kept])


def count_components(mesh: Mesh) -> int:
    """How many connected pieces the faces form; vertices without faces do not count."""
    used, faces = np.unique(mesh.faces.cpu().numpy(), return_inverse=True)
    faces = faces.reshape(-1, 3)
    rows, columns = faces[:, [0, 1]].ravel(), faces[:, [1, 2]].ravel()
    links = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(len(used), len(used)))
    return int(connected_components(links, directed=False)[0])


def _areas(vertices: Tensor, faces: Tensor) -> Tensor:
    a, b, c = vertices[faces].double().unbind(1)
    areas: Tensor = torch.linalg.cross(b - a, c - a).norm(dim=1) / 2
    return areas


def _median_depth(mesh: Mesh) -> float:
    """Area-weighted median of the faces' depth, metres."""
    depth, order = mesh.vertices[mesh.faces][..., 2].double().mean(1).sort()
    running = _areas(mesh.vertices, mesh.faces)[order].cumsum(0)
    return float(depth[torch.searchsorted(running, running[-1:] / 2)[0]])


def _surface_figures(predicted: Mesh, target: Mesh, seed: int) -> tuple[float, float, float]:
    """P2S and completeness in cm, F-score in percent."""
    triangles = [mesh.vertices[mesh.faces].cpu().double().numpy() for mesh in (predicted, target)]
    samples = [
        surface_points(
            torch.from_numpy(np.random.default_rng([seed, side]).random((SAMPLES, 3))).to(mesh.faces.device),
            mesh.vertices.double(),
            mesh.faces,
        )
        for side, mesh in enumerate((predicted, target))
    ]
    to_true = surface_distance(samples[0].cpu().numpy(), triangles[1])
    to_predicted = surface_distance(samples[1].cpu().numpy(), triangles[0])
    precision, recall = float((to_true < NEAR).mean()), float((to_predicted < NEAR).mean())
    f_score = 200 * precision * recall / (precision + recall) if precision + recall else 0.0
    return 100 * float(to_true.mean()), 100 * float(to_predicted.mean()), f_score


def framing(true: Mesh) -> tuple[float, Tensor]:
    """Frame units a metre and the point in the frame's middle. The height fills 91 %, or, of people who are
    wider than tall, the larger extent.
    """
    used = true.vertices[true.faces].reshape(-1, 3)
    low, high = used.amin(0), used.amax(0)
    return 2 * FILL / float((high - low).amax()), (low + high) / 2


def frame_pixels(mesh: Mesh, yaw: int, scale: float, middle: Tensor) -> tuple[Tensor, Tensor]:
    """Vertices (V, 3) in the frame's pixel space after a turn of yaw degrees about +y, and the turn (3, 3).
    scale, middle: of `framing`."""
    cosine, sine = round(math.cos(math.radians(yaw))), round(math.sin(math.radians(yaw)))
    turn = mesh.vertices.new_tensor([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    return to_pixels((mesh.vertices - middle) @ turn.T * scale, FRAME), turn


def normal_map(mesh: Mesh, yaw: int, scale: float, middle: Tensor) -> tuple[Tensor, Tensor]:
    """(pixels, 3) unit normals, zero where nothing is hit, and (pixels,) bool, where something is."""
    pixels, turn = frame_pixels(mesh, yaw, scale, middle)
    front = rasterise(pixels, mesh.faces, FRAME, FRAME)[0]
    index, corners, weights = barycentric(pixels, mesh.faces, front)
    normals = vertex_normals(mesh.vertices, mesh.faces) @ turn.T
    picture = normals.new_zeros(FRAME * FRAME, 3)
    mixed = (normals[corners] * weights[..., None]).sum(1)
    picture[index] = torch.nn.functional.normalize(mixed, dim=1)
    return picture, front.reshape(-1) >= 0


def _depth_offset(predicted: Mesh, true: Mesh, scale: float, middle: Tensor) -> float:
    """Metres from the prediction's depth to the truth's, mean over the pixels that both cover at yaw 0."""
    depths = []
    for mesh in (predicted, true):
        pixels, _ = frame_pixels(mesh, 0, scale, middle)
        total = pixels.new_zeros(FRAME * FRAME)
        for winner in rasterise(pixels, mesh.faces, FRAME, FRAME):
            index, corners, weights = barycentric(pixels, mesh.faces, winner)
            total[index] += (pixels[:, 2][corners] * weights).sum(1) / 2
        covered = winner.reshape(-1) >= 0
        depths.append(torch.where(covered, total, torch.nan))
    gap = depths[1] - depths[0]
    common = gap[~gap.isnan()]
    return float(common.mean()) / scale if len(common) else 0.0


def _volume_iou(predicted: Mesh, true: Mesh, seed: int) -> float:
    corners = torch.cat([mesh.vertices[mesh.faces].reshape(-1, 3) for mesh in (predicted, true)])
    low, high = corners.amin(0), corners.amax(0)
    share = torch.from_numpy(np.random.default_rng([seed, 2]).random((VOLUME_SAMPLES, 3), np.float32))
    points = low + share.to(low) * (high - low)
    ours, theirs = (inside(points, mesh.vertices, mesh.faces, mesh.part) for mesh in (predicted, true))
    return float((ours & theirs).sum() / (ours | theirs).sum().clamp(min=1))
