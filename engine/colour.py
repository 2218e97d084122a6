# SPDX-License-Identifier: GPL-3.0-or-later
"""Vertex colours: from the photo where the viewer sees the surface, and where not, from networks that tell
the back's colour; what neither shows, or all that the photo does not where there is no such network, is
continued along the surface.

What a standing person wears changes with height: a hem goes on around the back at its level, so unseen
surface takes the colour of the nearest seen one, upright ways counting several times. Behind the trunk and
the legs it takes what the photo shows in front of it, without the details: nearest there are often arms, and
a shirt's back must not get a band of skin; behind a head it must not, for there is hair. Then neighbours
of like colour are evened out, which blends light into shade and leaves hems sharp; hair has none, so on a
head all neighbours are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from .space import camera_to_image, image_to_texel
from .surface.laplacian import solve_laplacian
from .surface.meshes import Faces, Vertices, vertex_normals
from .surface.visible import FROM_BEHIND, columns, hidden, looked_up, ramp

Colours = NDArray[np.uint8]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]

EROSION = 2  # pixels of the mask: its rim holds the background's colour, mixed in by the lens and the resize
GRAZING = (0.1, 0.35)  # normal z between which the photo's say grows from none to all
UPRIGHT_COST = 8.0  # times the length of a level way: 11.3 of 255 off the truth at 1, 9.3 at 4, 8.8 at 8
HEAD = (0.20, 0.26)  # metres below the crown between which colours cease to blend whatever they are
NECKLINE = (0.38, 0.42)  # metres below the crown between which the front comes to count for the back
AXIS = 0.12  # metres to either side of the body's middle: the crown is its highest point, no raised hand
RIM = 0.05  # metres of way from the seen surface within which it alone counts
FRONT_REACH = 0.04  # metres: how far colours even out against the pull of the front
PLAIN_SIDE, PLAIN_WINDOW = 256, 13  # pixels: the front without details is a median over 5 % of the crop
ALIKE = np.array([30.0, 8.0, 8.0])  # luma and the two chromas, of 255, that count as the same cloth
UNLIKE = 0.001  # what neighbours of different cloth pass on to each other
LEVEL_TIE = 0.002  # of what a level edge passes on, an upright one does
PRECISION = 0.05  # of an 8-bit step: how far the last step of evening out may have moved a vertex
UNSEEN = 128.0  # grey, for a surface of which nothing is seen
YCRCB = np.array([[0.299, 0.587, 0.114], [0.5, -0.419, -0.081], [-0.169, -0.331, 0.5]])


def colour_vertices(
    vertices: Vertices,
    faces: Faces,
    photo: NDArray[np.uint8],
    mask: Flags,
    resolution: int,
    metres_per_unit: float = 1.0,
    back: NDArray[np.uint8] | None = None,
    ask: Callable[[], None] = lambda: None,
) -> Colours:
    """Colours for the vertices of a closed mesh as the grid made it: before decimation, smoothed or not.

    vertices: (V, 3) float32, camera space; faces: (F, 3) or (F, 4) int32. photo: (L, L, 3) uint8 sRGB, the
    full-resolution crop. mask: (S, S) bool, the person as the networks saw the crop at S pixels. resolution:
    nodes a side of the occupancy grid. metres_per_unit: of a camera unit; about 1 for a whole person. back:
    (T, T, 3) uint8 sRGB, the crop as its colours would be on the side farthest from the viewer. ask: called
    between steps; what it raises passes through. Returns (V, 3) uint8 sRGB.
    """
    normals = vertex_normals(vertices, faces)
    unseen = hidden(vertices, resolution)
    seen = _seen_share(vertices, normals, unseen, mask)
    if not (seen > 0.0).any():
        return np.full((len(vertices), 3), round(UNSEEN), dtype=np.uint8)
    seen /= min(1.0, seen.max())
    sampled = looked_up(photo, vertices)
    if back is not None:
        turned = hidden(vertices * FROM_BEHIND, resolution)
        inferred = _seen_share(vertices, normals * FROM_BEHIND, turned, mask)
        sampled = np.where(inferred[:, None] > 0.0, looked_up(back, vertices), sampled)
        seen = seen + inferred  # no vertex faces both ways
    known = seen >= 1.0
    edges = _Edges.of(vertices, faces, known)
    ask()
    guess, way = _nearest_seen(sampled, known, edges)
    ask()
    aside = np.abs(vertices[:, 0] - np.median(vertices[:, 0])) * metres_per_unit
    crown = vertices[aside <= max(AXIS, aside.min()), 1].max()
    below_crown = (crown - vertices[:, 1].astype(np.float64)) * metres_per_unit
    front, pull = guess, np.zeros(len(vertices))
    if back is None:
        behind = _back_share(vertices, normals, unseen, resolution) * ramp(below_crown, NECKLINE)
        behind[known | (way * metres_per_unit < RIM)] = 0.0
        column, row = _pixels(vertices, PLAIN_SIDE)
        ask()
        front = _plain_front(photo, mask, row, column).astype(np.float64)
        guess[behind > 0] = front[behind > 0]
        pull = behind * (2.0 * metres_per_unit / (resolution * FRONT_REACH)) ** 2
    continued = _evened(guess, known, edges, UNLIKE + 1.0 - ramp(below_crown, HEAD), front, pull, ask)
    blended = seen[:, None] * sampled + (1.0 - seen[:, None]) * continued
    return np.round(np.clip(blended, 0.0, 255.0)).astype(np.uint8)


def normal_colours(normals: NDArray[np.floating[Any]]) -> Colours:
    """Unit normals (V, 3), camera space, as colours (n + 1) / 2: (V, 3) uint8, right is red, up is green."""
    return np.asarray(np.round((np.clip(normals, -1.0, 1.0) + 1.0) * 127.5), dtype=np.uint8)


def _seen_share(vertices: Vertices, normals: Floats, unseen: Flags, mask: Flags) -> Floats:
    """How much to trust the photo at each vertex: (V,) in [0, 1]; 0 hidden or off the mask, 1 facing us."""
    share = ramp(normals[:, 2], GRAZING)
    column, row = _pixels(vertices, mask.shape[0])
    share[_eroded(mask)[row, column] == 0] = 0.0
    share[unseen] = 0.0
    return share


def _back_share(vertices: Vertices, normals: Floats, unseen: Flags, resolution: int) -> Floats:
    """How surely each vertex is the back of what the photo shows at its pixel: (V,) in [0, 1]; 0 where
    another part of the mesh lies behind it, or before it, as of a trunk behind an arm."""
    share = ramp(-normals[:, 2], GRAZING)
    share[hidden(vertices * FROM_BEHIND, resolution)] = 0.0
    size = resolution + 1
    pixel = columns(vertices, resolution)
    layered = np.zeros((size, size), dtype=np.uint8)
    layered.ravel()[pixel[unseen & (normals[:, 2] > GRAZING[0])]] = 1
    share[cv2.dilate(layered, np.ones((3, 3), dtype=np.uint8)).ravel()[pixel] > 0] = 0.0
    return share


def _pixels(vertices: Vertices, side: int) -> NDArray[np.intp]:
    """(2, V): column and row of the pixel that each vertex falls on, or else the nearest."""
    texel = np.round(image_to_texel(camera_to_image(vertices)[:, :2], side))
    return np.asarray(np.clip(texel, 0, side - 1).astype(np.intp).T)


def _eroded(mask: Flags) -> NDArray[np.uint8]:
    kernel = np.ones((2 * EROSION + 1, 2 * EROSION + 1), dtype=np.uint8)
    inner = cv2.erode(mask.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(inner, dtype=np.uint8)


def _plain_front(
    photo: NDArray[np.uint8], mask: Flags, row: NDArray[np.intp], column: NDArray[np.intp]
) -> NDArray[np.uint8]:
    """The crop without prints, folds and fingers, the person's rim carried outward, at the pixels row and
    column, (V,) each, of PLAIN_SIDE: (V, 3)."""
    size = (PLAIN_SIDE, PLAIN_SIDE)
    small = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
    inner = cv2.resize(_eroded(mask).astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.99
    if inner.any():
        _, label = cv2.distanceTransformWithLabels(
            1 - inner.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
        colour = np.zeros((int(label.max()) + 1, 3), dtype=np.uint8)
        colour[label[inner]] = small[inner]
        small = colour[label]
    # of the rest of the picture, which may be most of it, no median is needed
    top, left = (max(at.min() - PLAIN_WINDOW // 2, 0) for at in (row, column))
    bottom, right = (at.max() + PLAIN_WINDOW // 2 + 1 for at in (row, column))
    plain = cv2.medianBlur(np.ascontiguousarray(small[top:bottom, left:right]), PLAIN_WINDOW)
    return np.asarray(plain[row - top, column - left], dtype=np.uint8)


@dataclass(frozen=True)
class _Edges:
    """The sides of a closed mesh's faces, once each, without those between two known vertices: the vertices
    at both ends (E,), and the way along each axis, x, y and z, (E,) each."""

    start: NDArray[np.int32]
    end: NDArray[np.int32]
    way: tuple[Floats, ...]

    @classmethod
    def of(cls, vertices: Vertices, faces: Faces, known: Flags) -> _Edges:
        start, end = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
        # the neighbouring face has the same side the other way round
        wanted = (start < end) & ~(known[start] & known[end])
        start, end = start[wanted], end[wanted]
        axes = np.ascontiguousarray(vertices.T, dtype=np.float64)
        return cls(start, end, tuple(axis[end] - axis[start] for axis in axes))


def _nearest_seen(colours: Floats, known: Flags, edges: _Edges) -> tuple[Floats, Floats]:
    """Each vertex' colour (V, 3) from the known vertex it is nearest to along the surface, and how far (V,),
    in camera units, upright ways counting UPRIGHT_COST times. The mean, infinitely far, where none is."""
    x, y, z = edges.way
    cost = np.sqrt(x * x + (UPRIGHT_COST * y) ** 2 + z * z)
    one_way = csr_array((cost, (edges.start, edges.end)), shape=(known.size, known.size))
    far, _, nearest = dijkstra(one_way, directed=False, indices=np.flatnonzero(known),
                               min_only=True, return_predecessors=True)
    lost = nearest < 0  # a part of which nothing is seen
    result = colours[np.where(lost, 0, nearest)]
    result[lost] = colours[known].mean(axis=0)
    return result, far


def _evened(
    guess: Floats, known: Flags, edges: _Edges, least: Floats, front: Floats, pull: Floats,
    ask: Callable[[], None],
) -> Floats:
    """The guess (V, 3) evened out: each vertex that is not known becomes the mean of its neighbours, weighted
    by likeness, never under least (V,), and levelness, and of the front's colour (V, 3), weighted by
    pull (V,)."""
    free = np.flatnonzero(~known)
    result = guess.copy()
    if not free.size:
        return result
    start, end = edges.start, edges.end
    unlike = sum((tone[start] - tone[end]) ** 2 for tone in (YCRCB / ALIKE[:, None]) @ guess.T)
    x, y, z = edges.way
    upright = y * y
    level = 1.0 - upright / np.maximum(x * x + upright + z * z, 1e-20)
    weight = np.exp(unlike / -2.0) + (least[start] + least[end]) / 2.0
    # a high power makes diagonals upright too, and as products it costs no logarithm
    weight *= LEVEL_TIE + (1.0 - LEVEL_TIE) * (level * level * level) ** 2

    number = np.cumsum(~known, dtype=np.int32) - 1
    between = ~(known[start] | known[end])
    places = (number[start[between]], number[end[between]])
    one_way = csr_array((weight[between], places), shape=(free.size, free.size))
    total = np.bincount(start, weight, known.size) + np.bincount(end, weight, known.size) + pull
    outside = pull[free, None] * front[free]
    rim = ~between
    start, end, weight = start[rim], end[rim], weight[rim]
    inner_end, outer_end = np.where(known[start], (end, start), (start, end))
    np.add.at(outside, number[inner_end], weight[:, None] * guess[outer_end])
    inner = one_way + one_way.T  # half the time of sorting both ways in
    result[free] = solve_laplacian(inner, total[free], outside, result[free], PRECISION, ask)
    return result
