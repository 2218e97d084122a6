# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the raw surface one person: drop floating bits and hollows, smooth when asked to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from .meshes import CPU, Faces, Vertices, area_vectors, compact, edge_graph, on_device, summed
from .parts import connected_parts
from .visible import pixels

SIGNIFICANT = 0.003  # of the body's area: half a hand, a shoe. Lost hands of the samples had 0.005
SPECK = 0.0003  # of the body's area: a fingertip; what is smaller is noise wherever it is
NEAR = 0.05  # camera units, 5 cm on a standing person: a gap across a thin wrist or finger
TAUBIN = (0.5, -0.53)  # shrink, then swell: the pair passes what is longer than about ten edges


@dataclass(frozen=True)
class Dropped:
    """What was taken off: parts that are not the person's, holes inside the body, and their faces in all."""

    floaters: int
    hollows: int
    faces: int


def keep_person(
    vertices: Vertices, faces: Faces, mask: NDArray[np.bool_], device: torch.device = CPU
) -> tuple[Vertices, Faces, Dropped]:
    """Keep the body and the parts that belong to it; drop floaters and every inward-facing hollow.

    vertices (V, 3) float32, camera space; faces (F, 3) or (F, 4) int32, closed; mask (S, S) bool, the person
    in the crop. The body is the part of largest volume. A part belongs to it that lies in the silhouette, is
    no speck, and is of significant size or near what is. device: what looks for all that. Returns the mesh
    without the rest, order kept.
    """
    points, corners = on_device(vertices, faces, device)
    parts, label = connected_parts(corners, len(points))
    first = corners[:, 0].contiguous()
    part = label.index_select(0, first)
    across = area_vectors(points, corners)
    x, y, z = (points.index_select(0, first) * across).unbind(1)
    volume = summed(part, (x + y + z) / 3.0, parts)  # a fifth of the time of sum(1)
    area = summed(part, torch.linalg.vector_norm(across, dim=1), parts)
    body = volume.argmax()

    # A hollow is a closed part inside another: its faces look into the hole, so its volume is negative.
    hollow = volume <= 0
    share = area / area[body]
    inside = _inside_share(points, label, parts, torch.from_numpy(mask).to(device))
    candidate = ~hollow & (share >= SPECK) & (inside >= 0.5)
    kept = candidate & (share >= SIGNIFICANT)
    kept[body] = True
    kept = _with_what_is_near(vertices, label, kept, candidate)

    gone = ~kept.index_select(0, part)
    record = Dropped(int((~kept & ~hollow).sum()), int(hollow.sum()), int(gone.sum()))
    if not record.faces:
        return vertices, faces, record
    return *compact(vertices, faces[(~gone).cpu().numpy()]), record


def _inside_share(points: Tensor, label: Tensor, parts: int, mask: Tensor) -> Tensor:
    """The share of each part's vertices that lie in the silhouette, (P,) float64 in [0, 1]."""
    column, row = pixels(points, mask.shape[0])
    return summed(label, mask[row, column].double(), parts) / torch.bincount(label, minlength=parts)


def _with_what_is_near(vertices: Vertices, label: Tensor, kept: Tensor, candidate: Tensor) -> Tensor:
    """kept, (P,) bool, and one after the other the candidates, (P,) bool, that are near to what is kept."""
    small = (candidate & ~kept).nonzero()[:, 0].tolist()
    if not small:
        return kept
    part, stays = label.cpu().numpy(), kept.cpu().numpy().copy()
    for one in small:
        reach, _ = cKDTree(vertices[stays[part]]).query(vertices[part == one], distance_upper_bound=NEAR)
        stays[one] = bool(np.isfinite(reach).any())
    return torch.from_numpy(stays).to(kept.device)


def smooth(
    vertices: Vertices, faces: Faces, iterations: int, ask: Callable[[], None] = lambda: None
) -> Vertices:
    """Taubin smoothing: each iteration shrinks and swells, so that the volume stays. (V, 3) float32.

    faces (F, 3) or (F, 4) int32; a vertex moves along the sides of its faces. ask: called before each
    iteration; what it raises passes through.
    """
    graph = edge_graph(faces, len(vertices))
    count: NDArray[np.float64] = np.maximum(graph.sum(axis=1), 1.0)[:, None]
    position = vertices.astype(np.float64)
    for _ in range(iterations):
        ask()
        for factor in TAUBIN:
            position += factor * (graph @ position / count - position)
    return position.astype(np.float32)
