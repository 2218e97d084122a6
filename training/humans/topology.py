"""Mesh topology that garments need: subdivision, smoothing, clipping by a scalar field, closing openings."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.int64]


def triangles(quads: IntArray) -> IntArray:
    """(Q, 4) quads -> (2 Q, 3) triangles with the same orientation."""
    quads = quads.astype(np.int64)
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def half_edges(faces: IntArray) -> IntArray:
    """(3 F, 2) directed edges, grouped as all first, all second, all third edges of the faces."""
    return np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])


def unique_edges(faces: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Undirected edges (E, 2), the edge of each half edge (3 F,), and how many faces share each edge (E,)."""
    # one number an edge sorts several times faster than a pair
    low, high = np.sort(half_edges(faces), axis=1).T
    size = int(faces.max()) + 1
    key, inverse, count = np.unique(low * size + high, return_inverse=True, return_counts=True)
    return np.stack([key // size, key % size], 1), inverse.reshape(-1), count


def boundary(faces: IntArray) -> IntArray:
    """Directed edges (B, 2) that only one face has."""
    _, inverse, count = unique_edges(faces)
    edges: IntArray = half_edges(faces)[count[inverse] == 1]
    return edges


def vertex_normals(vertices: FloatArray, faces: IntArray) -> FloatArray:
    """Area-weighted unit vertex normals (V, 3)."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    face_normals = np.cross(b - a, c - a)
    total = np.stack(
        [
            np.bincount(faces.reshape(-1), np.repeat(face_normals[:, axis], 3), minlength=len(vertices))
            for axis in range(3)
        ],
        axis=1,
    )
    length = np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)
    unit: FloatArray = (total / length).astype(np.float32)
    return unit


def neighbour_average(faces: IntArray, count: int) -> sp.csr_matrix:
    """(count, count) matrix that replaces each vertex by the mean of its neighbours."""
    edges, _, _ = unique_edges(faces)
    rows, cols = np.concatenate([edges, edges[:, ::-1]]).T
    adjacency = sp.coo_matrix((np.ones(len(rows)), (rows, cols)), shape=(count, count)).tocsr()
    degree = np.maximum(np.asarray(adjacency.sum(1)).ravel(), 1)
    return (sp.diags(1 / degree) @ adjacency).tocsr().astype(np.float32)


def loop_subdivision(faces: IntArray, count: int) -> tuple[sp.csr_matrix, IntArray]:
    """One step of Loop subdivision (1987) with boundaries: (count + E, count) matrix, (4 F, 3) faces."""
    edges, inverse, shared = unique_edges(faces)
    opposite = np.concatenate([faces[:, 2], faces[:, 0], faces[:, 1]])
    is_border = shared == 1
    edge_rows = np.arange(len(edges)) + count
    rows: list[IntArray] = []
    cols: list[IntArray] = []
    values: list[FloatArray] = []

    def add(row: IntArray, col: IntArray, value: FloatArray) -> None:
        rows.append(row)
        cols.append(col)
        values.append(value)

    for end in (0, 1):
        add(edge_rows, edges[:, end], np.where(is_border, 0.5, 0.375))
    inner = ~is_border[inverse]
    add(inverse[inner] + count, opposite[inner], np.full(inner.sum(), 0.125))

    on_border = np.zeros(count, bool)
    on_border[edges[is_border].reshape(-1)] = True
    here, there = np.concatenate([edges, edges[:, ::-1]]).T
    border_edge = np.concatenate([is_border, is_border])
    valence = np.bincount(here, minlength=count).astype(float)
    kept = (0.375 + 0.25 * np.cos(2 * np.pi / np.maximum(valence, 3))) ** 2
    weight = (0.625 - kept) / np.maximum(valence, 1)
    free = ~on_border[here]
    add(here[free], there[free], weight[here[free]])
    fixed = on_border[here] & border_edge
    add(here[fixed], there[fixed], np.full(fixed.sum(), 0.125))
    add(np.arange(count), np.arange(count), np.where(on_border, 0.75, 1 - valence * weight))

    matrix = sp.csr_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(cols))),
        shape=(count + len(edges), count),
    )
    m = inverse.reshape(3, len(faces)) + count
    finer = [
        np.stack([faces[:, 0], m[0], m[2]], 1),
        np.stack([faces[:, 1], m[1], m[0]], 1),
        np.stack([faces[:, 2], m[2], m[1]], 1),
        np.stack([m[0], m[1], m[2]], 1),
    ]
    return matrix.astype(np.float32), np.concatenate(finer).astype(np.int64)


def clip(faces: IntArray, level: FloatArray) -> tuple[IntArray, sp.csr_matrix]:
    """Keep what lies at level > 0, cutting faces along level = 0.

    Returns the faces over the kept vertices and the (V', V) matrix that interpolates any vertex attribute
    onto them.
    """
    count = len(level)
    inside = level[faces] > 0
    number = inside.sum(1)
    cut = (number == 1) | (number == 2)
    corner, kept_one = faces[cut], number[cut] == 1
    odd = np.where(kept_one, inside[cut].argmax(1), (~inside[cut]).argmax(1))
    row = np.arange(len(corner))
    a, b, c = corner[row, odd], corner[row, (odd + 1) % 3], corner[row, (odd + 2) % 3]
    pairs = np.sort(np.concatenate([np.stack([a, b], 1), np.stack([a, c], 1)]), axis=1)
    edges, inverse = np.unique(pairs, axis=0, return_inverse=True)
    inverse = inverse.reshape(-1)
    share = level[edges[:, 0]] / (level[edges[:, 0]] - level[edges[:, 1]])
    share = np.clip(share, 0.001, 0.999)
    ab, ac = inverse[: len(corner)] + count, inverse[len(corner) :] + count
    kept = np.concatenate(
        [
            faces[number == 3],
            np.stack([a, ab, ac], 1)[kept_one],
            np.stack([b, c, ab], 1)[~kept_one],
            np.stack([c, ac, ab], 1)[~kept_one],
        ]
    )
    new = np.arange(len(edges))
    cuts = sp.csr_matrix(
        (np.concatenate([1 - share, share]), (np.concatenate([new, new]), edges.T.reshape(-1))),
        shape=(len(edges), count),
    )
    used, renumbered = np.unique(kept, return_inverse=True)
    matrix = sp.vstack([sp.identity(count, format="csr"), cuts]).tocsr()[used]
    return renumbered.reshape(kept.shape).astype(np.int64), matrix.astype(np.float32)


def close_openings(
    vertices: FloatArray, faces: IntArray, inward: FloatArray
) -> tuple[FloatArray, IntArray, IntArray]:
    """Close each opening of a garment with a hem and a cap, so that it is a solid.

    inward (V, 3): how far the hem's inner ring lies from its outer one. Returns vertices, faces and, for each
    vertex, the old vertex whose attributes it takes. A cap may be far from flat, which is fine for a ring
    seen from outside.
    """
    edges = boundary(faces)
    ring, local = np.unique(edges, return_inverse=True)
    local = local.reshape(edges.shape)
    graph = sp.coo_matrix((np.ones(len(local)), (local[:, 0], local[:, 1])), shape=(len(ring), len(ring)))
    loops, label = connected_components(graph, directed=False)
    inner = vertices[ring] + inward[ring]
    size = np.bincount(label, minlength=loops)[:, None]
    centres = np.stack([np.bincount(label, inner[:, k], minlength=loops) for k in range(3)], 1) / size
    count = len(vertices)
    p, q = edges[:, 0], edges[:, 1]
    inner_p, inner_q = local[:, 0] + count, local[:, 1] + count
    centre = label[local[:, 0]] + count + len(ring)
    closed = np.concatenate(
        [
            faces,
            np.stack([q, p, inner_p], 1),
            np.stack([q, inner_p, inner_q], 1),
            np.stack([inner_q, inner_p, centre], 1),
        ]
    )
    first = np.array([ring[label == k][0] for k in range(loops)], dtype=np.int64)
    source = np.concatenate([np.arange(count), ring, first])
    return np.concatenate([vertices, inner, centres]).astype(np.float32), closed, source


def is_closed(faces: IntArray) -> bool:
    """True where each directed edge is met exactly by its reverse, as on the skin of a solid."""
    start, end = half_edges(faces).T
    count = int(faces.max()) + 1
    return np.array_equal(np.sort(start * count + end), np.sort(end * count + start))
