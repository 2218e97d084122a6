# SPDX-License-Identifier: GPL-3.0-or-later
"""Vertex colours: from the photo where the viewer sees the surface, continued along the surface elsewhere."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array
from scipy.sparse.csgraph import dijkstra

from .space import camera_to_grid, camera_to_image, image_to_texel
from .surface.meshes import Faces, Vertices, edge_graph, vertex_normals

Colours = NDArray[np.uint8]

EROSION = 2  # pixels of the mask: its rim holds the background's colour, mixed in by the lens and the resize
GRAZING = (0.1, 0.35)  # normal z between which the photo's say grows from none to all
OWN_TOLERANCE = 3.0  # grid cells: how far a vertex may lie behind the front-most one of its own pixel
NEAR_TOLERANCE = 0.05  # camera units: behind a neighbouring pixel's surface by more, its colour bleeds in
STEPS = 300  # conjugate gradient steps at most; a body of 77,000 vertices takes about 70
PRECISION = 0.003  # of an 8-bit step, root mean square: how far a vertex may be off its neighbours' mean
UPRIGHT = 0.002  # of a level edge: what an upright one passes on
SLANT = 6  # power of an edge's levelness: the diagonals of marching cubes must not carry colour up
UNSEEN = 128.0  # grey, for a surface of which nothing is seen


def colour_vertices(
    vertices: Vertices, faces: Faces, photo: NDArray[np.uint8], mask: NDArray[np.bool_], resolution: int
) -> Colours:
    """Colours for the vertices of a closed mesh.

    vertices: (V, 3) float32, camera space; faces: (F, 3) int32. photo: (L, L, 3) uint8 sRGB, the
    full-resolution crop. mask: (S, S) bool, the person as the networks saw the crop at S pixels. resolution:
    nodes a side of the occupancy grid. Returns (V, 3) uint8 sRGB.
    """
    seen = _seen_share(vertices, faces, mask, resolution)
    sampled = _sample(photo, vertices)
    if not (seen >= 1.0).any():
        if not (seen > 0.0).any():
            return np.full((len(vertices), 3), round(UNSEEN), dtype=np.uint8)
        seen = seen / seen.max()
    continued = _continue(sampled, seen >= 1.0, _ties(vertices, faces))
    blended = seen[:, None] * sampled + (1.0 - seen[:, None]) * continued
    return np.round(np.clip(blended, 0.0, 255.0)).astype(np.uint8)


def _seen_share(
    vertices: Vertices, faces: Faces, mask: NDArray[np.bool_], resolution: int
) -> NDArray[np.float64]:
    """How much to trust the photo at each vertex: (V,) in [0, 1]; 0 hidden or off the mask, 1 facing us."""
    low, high = GRAZING
    share = np.clip((vertex_normals(vertices, faces)[:, 2] - low) / (high - low), 0.0, 1.0)
    kernel = np.ones((2 * EROSION + 1, 2 * EROSION + 1), dtype=np.uint8)
    inner = cv2.erode(mask.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    column, row = np.round(image_to_texel(camera_to_image(vertices)[:, :2], mask.shape[0])).astype(np.intp).T
    limit = mask.shape[0] - 1
    share[inner[np.clip(row, 0, limit), np.clip(column, 0, limit)] == 0] = 0.0
    share[_hidden(vertices, resolution)] = 0.0
    return share


def _hidden(vertices: Vertices, resolution: int) -> NDArray[np.bool_]:
    """(V,) bool: vertices behind another part of the mesh, or so close beside one that its colour bleeds in.

    Marching cubes leaves a vertex on every column of grid nodes that the surface crosses, so the vertices
    alone, dropped on one pixel a column, make a depth map without holes.
    """
    size = resolution + 1
    cells = np.clip(np.round(camera_to_grid(vertices[:, :2], resolution)), 0, resolution).astype(np.intp)
    pixel = cells[:, 0] * size + cells[:, 1]
    depth = np.full(size * size, -np.inf, dtype=np.float32)
    np.maximum.at(depth, pixel, vertices[:, 2])
    around = cv2.dilate(depth.reshape(size, size), np.ones((3, 3), dtype=np.uint8)).ravel()
    cell = 2.0 / resolution
    behind_own = vertices[:, 2] < depth[pixel] - OWN_TOLERANCE * cell
    behind_near = vertices[:, 2] < around[pixel] - max(NEAR_TOLERANCE, 2.0 * OWN_TOLERANCE * cell)
    return np.asarray(behind_own | behind_near)


def _sample(photo: NDArray[np.uint8], vertices: Vertices) -> NDArray[np.float64]:
    """Bilinear colours (V, 3) float64, 0..255, of the full-resolution crop."""
    side = photo.shape[0]
    texel = image_to_texel(camera_to_image(vertices)[:, :2].astype(np.float64), side)
    texel = np.clip(texel, 0.0, side - 1.0)
    low = np.minimum(texel.astype(np.intp), max(side - 2, 0))
    (x, y), (tx, ty) = low.T, (texel - low).T[..., None]
    upper = photo[y, x] * (1.0 - tx) + photo[y, x + 1] * tx
    lower = photo[y + 1, x] * (1.0 - tx) + photo[y + 1, x + 1] * tx
    return np.asarray(upper * (1.0 - ty) + lower * ty)


def _ties(vertices: Vertices, faces: Faces) -> csr_array:
    """The edge graph, weighted: an upright edge ties its ends UPRIGHT times as much as a level one. What a
    standing person wears changes with height, so a belt line goes on around the back."""
    graph = edge_graph(faces, len(vertices))
    start, end = np.repeat(np.arange(len(vertices)), np.diff(graph.indptr)), graph.indices
    edge = vertices[end].astype(np.float64) - vertices[start]
    length = np.maximum((edge**2).sum(axis=1), 1e-20)
    levelness = 1.0 - edge[:, 1] ** 2 / length
    graph.data = UPRIGHT + (1.0 - UPRIGHT) * levelness**SLANT
    return graph


def _continue(colours: NDArray[np.float64], seen: NDArray[np.bool_], graph: csr_array) -> NDArray[np.float64]:
    """Colours where not seen: each the weighted mean of its neighbours (Laplace's equation), seen
    ones fixed.

    The back of a head is bounded by the hair around the silhouette, so it becomes hair; mirroring the photo
    would put the face there. Starts from the nearest seen vertex, then conjugate gradients.
    """
    fixed, free = np.flatnonzero(seen), np.flatnonzero(~seen)
    result = colours.copy()
    if not free.size:
        return result
    _, _, nearest = dijkstra(graph, directed=False, indices=fixed, unweighted=True, min_only=True,
                             return_predecessors=True)
    reached = nearest[free] >= 0
    result[free[~reached]] = colours[fixed].mean(axis=0)  # a part of which nothing is seen
    free = free[reached]
    result[free] = colours[nearest[free]]
    rows = graph[free]
    count = np.asarray(rows.sum(axis=1)).ravel()
    inner = rows[:, free]
    outside = rows @ np.where(seen[:, None], colours, 0.0)
    result[free] = _relax(inner, count, outside, result[free])
    return result


def _relax(
    inner: csr_array, count: NDArray[np.float64], outside: NDArray[np.float64], start: NDArray[np.float64]
) -> NDArray[Any]:
    """Solve (diag(count) - inner) x = outside, (N, 3), by conjugate gradients scaled by count."""
    scale = 1.0 / np.sqrt(count)
    matrix = diags_array(scale) @ inner @ diags_array(scale)
    x = start / scale[:, None]
    residual = outside * scale[:, None] - (x - matrix @ x)
    direction = residual.copy()
    power = np.einsum("ij,ij->j", residual, residual)
    goal = PRECISION**2 * float(count.sum())  # the residual is scaled by the root of count
    for _ in range(STEPS):
        if (power <= goal).all():
            break
        turned = direction - matrix @ direction
        along = np.einsum("ij,ij->j", direction, turned)
        step = np.divide(power, along, out=np.zeros_like(power), where=along > 0)
        x += step * direction
        residual -= step * turned
        before, power = power, np.einsum("ij,ij->j", residual, residual)
        turn = np.divide(power, before, out=np.zeros_like(power), where=before > 0)
        direction = residual + turn * direction
    return x * scale[:, None]
