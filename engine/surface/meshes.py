# SPDX-License-Identifier: GPL-3.0-or-later
"""What is computed on a mesh alone: vertices (V, 3) and faces of three or of four corners."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

Vertices = NDArray[np.float32]
Faces = NDArray[np.int32]
Points = NDArray[np.floating[Any]]


def triangulate(vertices: Points, faces: Faces) -> Faces:
    """Faces (F, 3) or (F, 4) as triangles (T, 3) int32, those of a quad following each other.

    A quad is cut along its shorter diagonal, unless that folds it over and the other one does not.
    """
    if faces.shape[1] == 3:
        return faces
    a, b, c, d = corner_points(vertices, faces)
    along_ac, along_bd = _fold(a, b, c, d) > 0, _fold(b, c, d, a) > 0
    shorter = ((c - a) ** 2).sum(axis=1) <= ((d - b) ** 2).sum(axis=1)
    cut_ac = np.where(along_ac == along_bd, shorter, along_ac)
    halves = np.where(cut_ac[:, None], faces[:, [0, 1, 2, 0, 2, 3]], faces[:, [1, 2, 3, 1, 3, 0]])
    return np.ascontiguousarray(halves.reshape(-1, 3), dtype=np.int32)


def _fold(a: Points, b: Points, c: Points, d: Points) -> NDArray[np.float64]:
    """Positive where the triangles a b c and a c d of a quad, (N, 3) each, face the same side: (N,)."""
    return np.asarray(np.einsum("ij,ij->i", np.cross(b - a, c - a), np.cross(c - a, d - a)))


def corner_points(vertices: Points, faces: Faces) -> list[NDArray[np.float64]]:
    """The places of four corners of every face, (F, 3) float64 each; a triangle ends where it began."""
    places = [vertices[corner].astype(np.float64) for corner in faces.T]
    return places if len(places) == 4 else [*places, places[0]]


def area_vectors(vertices: Points, faces: Faces) -> NDArray[np.float64]:
    """Each face's area along its normal, (F, 3) float64, outward: half the cross product of its diagonals."""
    # whole arrays for each axis: less than half the time of (F, 3), where np.cross takes 2.5 times as long
    a, b, c, *d = faces.T.astype(np.intp)
    axes = vertices.T.astype(np.float64)
    first, second = [axis[c] - axis[a] for axis in axes], [axis[(d or [a])[0]] - axis[b] for axis in axes]
    across = np.empty((3, len(faces)))
    for axis in range(3):
        y, z = (axis + 1) % 3, (axis + 2) % 3
        np.subtract(first[y] * second[z], first[z] * second[y], out=across[axis])
    across /= 2.0
    return across.T


def signed_volume(vertices: Points, faces: Faces) -> float:
    """Volume that closed faces enclose, in cubed units of the vertices; negative when they face inward."""
    triangles = triangulate(vertices, faces)
    a, b, c = (vertices[triangles[:, corner]].astype(np.float64) for corner in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6.0)


def vertex_normals(vertices: Points, faces: Faces) -> NDArray[np.float64]:
    """Area-weighted unit normals (V, 3) float64, outward; zero at vertices without area.

    On an ellipsoid at resolution 256 they are 0.32 degrees off, on surface nets 0.18. The gradients of the
    field's cells are 0.16 off where occupancy takes eleven cells from 0.1 to 0.9 but 0.8 where it takes four,
    and know nothing of smoothing and decimation.
    """
    weighted = area_vectors(vertices, faces)
    corners = faces.shape[1]
    total = np.stack([
        np.bincount(faces.ravel(), weights=np.repeat(weighted[:, axis], corners), minlength=len(vertices))
        for axis in range(3)
    ], axis=1)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return np.asarray(np.divide(total, length, out=np.zeros_like(total), where=length > 0))


def edge_graph(faces: Faces, vertices: int) -> csr_array:
    """The mesh's edges, sides of its faces, as a symmetric (V, V) float64 matrix of ones."""
    start, end = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    ones = np.ones(2 * start.size)
    both = (np.concatenate([start, end]), np.concatenate([end, start]))
    graph = coo_array((ones, both), shape=(vertices, vertices)).tocsr()
    graph.data[:] = 1.0
    return graph


def connected_parts(faces: Faces, vertices: int) -> tuple[int, NDArray[np.int32]]:
    """How many parts a mesh falls into, and which of them each of its vertices belongs to, (V,) int32."""
    places = (faces.ravel(), np.roll(faces, -1, axis=1).ravel())
    # each side one way alone: a third of the time that the symmetric edge_graph takes
    sides = csr_array((np.ones(faces.size, dtype=np.bool_), places), shape=(vertices, vertices))
    count, label = connected_components(sides, directed=False)
    return int(count), label


def compact(vertices: Vertices, faces: Faces) -> tuple[Vertices, Faces]:
    """Drop the vertices that no face uses; order kept."""
    used = np.zeros(len(vertices), dtype=np.bool_)
    used[faces] = True
    number = np.cumsum(used, dtype=np.int32) - 1
    return vertices[used], np.ascontiguousarray(number[faces], dtype=np.int32)
