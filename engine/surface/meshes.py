# SPDX-License-Identifier: GPL-3.0-or-later
"""What is computed on a mesh alone: vertices (V, 3) and faces (F, 3 or 4), on the device they lie on."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from torch import Tensor

Vertices = NDArray[np.float32]
Faces = NDArray[np.int32]

CPU = torch.device("cpu")
"""Where arrays are computed with unless a step is told another device."""


def on_device(
    vertices: NDArray[Any], faces: NDArray[np.integer[Any]], device: torch.device
) -> tuple[Tensor, Tensor]:
    """A mesh as tensors of a device: vertices (V, 3) float32, faces (F, 3 or 4) int64."""
    return torch.from_numpy(vertices).to(device), torch.from_numpy(faces).to(device, torch.int64)


def triangulate(vertices: Tensor, faces: Tensor) -> Tensor:
    """Faces (F, 3) or (F, 4) as triangles (T, 3), those of a quad following each other.

    A quad is cut along its shorter diagonal, unless that folds it over and the other one does not.
    """
    if faces.shape[1] == 3:
        return faces
    a, b, c, d = corner_points(vertices, faces)
    along_ac, along_bd = _fold(a, b, c, d) > 0, _fold(b, c, d, a) > 0
    shorter = ((c - a) ** 2).sum(1) <= ((d - b) ** 2).sum(1)
    cut_ac = torch.where(along_ac == along_bd, shorter, along_ac)
    halves = torch.where(cut_ac[:, None], faces[:, [0, 1, 2, 0, 2, 3]], faces[:, [1, 2, 3, 1, 3, 0]])
    return halves.reshape(-1, 3)


def _fold(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """Positive where the triangles a b c and a c d of a quad, (N, 3) each, face the same side: (N,)."""
    turn: Tensor = (torch.linalg.cross(b - a, c - a) * torch.linalg.cross(c - a, d - a)).sum(1)
    return turn


def corner_points(vertices: Tensor, faces: Tensor) -> list[Tensor]:
    """The places of four corners of every face, (F, 3) float64 each; a triangle ends where it began."""
    exact = vertices.double()
    places = [exact.index_select(0, corner) for corner in faces.T]
    return places if len(places) == 4 else [*places, places[0]]


def area_vectors(vertices: Tensor, faces: Tensor) -> Tensor:
    """Each face's area along its normal, (F, 3) float64, outward: half the cross product of its diagonals."""
    a, b, c, d = corner_points(vertices, faces)
    vectors: Tensor = torch.linalg.cross(c - a, d - b)
    return vectors.mul_(0.5)


def signed_volume(vertices: Tensor, faces: Tensor) -> float:
    """Volume that closed faces enclose, in cubed units of the vertices; negative when they face inward."""
    a, b, c, _ = corner_points(vertices, triangulate(vertices, faces))
    return float((a * torch.linalg.cross(b, c)).sum() / 6.0)


def vertex_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Area-weighted unit normals (V, 3) float64, outward; zero at vertices without area.

    On an ellipsoid at resolution 256 they are 0.32 degrees off, on surface nets 0.18. The gradients of the
    field's cells are 0.16 off where occupancy takes eleven cells from 0.1 to 0.9 but 0.8 where it takes four,
    and know nothing of smoothing and decimation.
    """
    weighted = area_vectors(vertices, faces)
    corners = faces.shape[1]
    total = torch.stack([
        summed(faces.reshape(-1), axis.repeat_interleave(corners), len(vertices)) for axis in weighted.T
    ], 1)
    length = torch.linalg.vector_norm(total, dim=1, keepdim=True)
    return torch.where(length > 0, total / length, 0.0)


def normals_of(vertices: NDArray[Any], faces: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """`vertex_normals` of arrays."""
    return np.asarray(vertex_normals(*on_device(vertices, faces, CPU)).numpy())


def summed(index: Tensor, values: Tensor, count: int) -> Tensor:
    """(count,) the sums of values (N,) whose index (N,) int64 is the same, alike to the bit each time."""
    sums = values.new_zeros(count)
    if values.is_cuda:
        # sorted before they are added; sums by atomic operations come out in another order each time
        return sums.index_put_((index,), values, accumulate=True)
    return sums.scatter_add_(0, index, values)


def edge_graph(faces: Faces, vertices: int) -> csr_array:
    """The mesh's edges, sides of its faces, as a symmetric (V, V) float64 matrix of ones."""
    start, end = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    ones = np.ones(2 * start.size)
    both = (np.concatenate([start, end]), np.concatenate([end, start]))
    graph = coo_array((ones, both), shape=(vertices, vertices)).tocsr()
    graph.data[:] = 1.0
    return graph


def compact(vertices: Vertices, faces: Faces) -> tuple[Vertices, Faces]:
    """Drop the vertices that no face uses; order kept."""
    used = np.zeros(len(vertices), dtype=np.bool_)
    used[faces] = True
    number = np.cumsum(used, dtype=np.int32) - 1
    return vertices[used], np.ascontiguousarray(number[faces], dtype=np.int32)
