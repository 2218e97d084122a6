# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the raw surface one person: drop floating bits and hollows, smooth when asked to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..space import camera_to_image, image_to_texel
from .meshes import Faces, Vertices, area_vectors, compact, connected_parts, edge_graph

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
    vertices: Vertices, faces: Faces, mask: NDArray[np.bool_]
) -> tuple[Vertices, Faces, Dropped]:
    """Keep the body and the parts that belong to it; drop floaters and every inward-facing hollow.

    vertices (V, 3) float32, camera space; faces (F, 3) or (F, 4) int32, closed; mask (S, S) bool, the person
    in the crop. The body is the part of largest volume. A part belongs to it that lies in the silhouette, is
    no speck, and is of significant size or near what is. Returns the mesh without the rest, order kept.
    """
    parts, label = connected_parts(faces, len(vertices))
    part = label[faces[:, 0]]
    across = area_vectors(vertices, faces)
    lengthwise = np.einsum("ij,ij->i", vertices[faces[:, 0]].astype(np.float64), across)
    volume = np.bincount(part, lengthwise / 3.0, minlength=parts)
    area = np.bincount(part, np.linalg.norm(across, axis=1), minlength=parts)
    body = int(np.argmax(volume))

    # A hollow is a closed part inside another: its faces look into the hole, so its volume is negative.
    hollow = volume <= 0
    share = area / area[body]
    candidate = ~hollow & (share >= SPECK) & (_inside_share(vertices, label, mask) >= 0.5)
    kept = candidate & (share >= SIGNIFICANT)
    kept[body] = True
    for one in np.flatnonzero(candidate & ~kept):
        reach, _ = cKDTree(vertices[kept[label]]).query(vertices[label == one], distance_upper_bound=NEAR)
        kept[one] = bool(np.isfinite(reach).any())

    gone = ~kept[part]
    record = Dropped(int((~kept & ~hollow).sum()), int(hollow.sum()), int(gone.sum()))
    if not record.faces:
        return vertices, faces, record
    return *compact(vertices, faces[~gone]), record


def _inside_share(
    vertices: Vertices, label: NDArray[np.int32], mask: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The share of each part's vertices that lie in the silhouette, (P,) float64 in [0, 1]."""
    side = mask.shape[0]
    texel = np.round(image_to_texel(camera_to_image(vertices)[:, :2], side))
    column, row = np.clip(texel, 0, side - 1).astype(np.intp).T
    return np.asarray(np.bincount(label, mask[row, column]) / np.bincount(label))


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
