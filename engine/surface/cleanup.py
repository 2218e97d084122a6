# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the raw isosurface one person: drop floating bits and hollows, smooth when asked to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from .meshes import Faces, Vertices, compact, edge_graph, signed_volume

SMALLEST_PART = 0.01  # of all faces; smaller parts are noise of the networks
TAUBIN = (0.5, -0.53)  # shrink, then swell: the pair passes what is longer than about ten edges


def keep_person(vertices: Vertices, faces: Faces) -> tuple[Vertices, Faces]:
    """Keep the largest part and the others that are not tiny, drop the rest and every inward-facing hollow.

    vertices (V, 3) float32, faces (F, 3) int32; returns the same with unused vertices gone, order kept. The
    field was cut to the person's silhouette before, so what is left and not tiny belongs to the person.
    """
    _, label = connected_components(edge_graph(faces, len(vertices)), directed=False)
    part_of_face = label[faces[:, 0]]
    counts = np.bincount(part_of_face)
    largest = int(np.argmax(counts))
    kept = np.zeros(len(counts), dtype=np.bool_)
    for part in np.flatnonzero(counts >= SMALLEST_PART * len(faces)):
        # A hollow is a closed part inside another: its faces look into the hole, so its volume is negative.
        kept[part] = part == largest or signed_volume(vertices, faces[part_of_face == part]) > 0
    return compact(vertices, faces[kept[part_of_face]])


def smooth(vertices: Vertices, faces: Faces, iterations: int) -> Vertices:
    """Taubin smoothing: each iteration shrinks and swells, so that the volume stays. (V, 3) float32."""
    graph = edge_graph(faces, len(vertices))
    count: NDArray[np.float64] = np.maximum(graph.sum(axis=1), 1.0)[:, None]
    position = vertices.astype(np.float64)
    for _ in range(iterations):
        for factor in TAUBIN:
            position += factor * (graph @ position / count - position)
    return position.astype(np.float32)
