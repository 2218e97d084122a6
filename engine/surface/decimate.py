# SPDX-License-Identifier: GPL-3.0-or-later
"""Fewer triangles for the same surface: quadric edge collapse, and the repair of what it leaves pinched."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..errors import EngineError
from ..sentences import Sentence
from .collapse import collapse
from .meshes import Faces, Vertices, compact

TRIES = 4  # each repaired edge adds two faces, so a few more have to go first


def decimate(
    vertices: Vertices, faces: Faces, count: int, ask: Callable[[], None] = lambda: None
) -> tuple[Vertices, Faces]:
    """A mesh of at most count triangles, as near to the given one as quadric error metrics bring it.

    vertices (V, 3) float32, camera space; faces (F, 3) int32, each edge with exactly two faces, as in the
    result. A mesh that has no more faces is returned as it is. ask: called often for a large mesh; what it
    raises passes through. Raises EngineError bad_settings when so few cannot enclose the surface: it has too
    many parts and handles.
    """
    if len(faces) <= count:
        return vertices, faces
    goal = count
    for _ in range(TRIES):
        points, triangles = collapse(vertices, faces, goal, ask)
        closed_points, closed = _unpinched(points, _without_flaps(triangles.astype(np.int64)))
        if len(closed) <= count and len(closed):
            return compact(closed_points.astype(np.float32), closed.astype(np.int32))
        goal -= len(closed) - count
        if goal < 4:
            break
    raise EngineError(
        "bad_settings",
        Sentence("The surface cannot be closed with only {count} faces.", count=count),
        Sentence("Ask for more faces, for instance {more}.", more=2 * count),
    )


def nearest_colours(
    colours: NDArray[np.uint8], vertices: Vertices, fewer: Vertices
) -> NDArray[np.uint8]:
    """Colours (V, C) uint8 of a mesh's vertices (V, 3) for those of its decimated self, (W, 3): (W, C) uint8.

    Each gets the mean of the colours that are nearer to it than to any other, or else the nearest one: detail
    finer than the new mesh is blurred, not left to chance.
    """
    _, owner = cKDTree(fewer).query(vertices)
    number = np.bincount(owner, minlength=len(fewer))
    total = np.stack([np.bincount(owner, channel, len(fewer)) for channel in colours.T], axis=1)
    lonely = number == 0
    _, nearest = cKDTree(vertices).query(fewer[lonely])
    total[lonely] = colours[nearest]
    return np.round(total / np.maximum(number, 1)[:, None]).astype(np.uint8)


def _without_flaps(faces: NDArray[np.int64]) -> NDArray[np.int64]:
    """Without pairs of faces that lie back to back on the same three vertices and enclose nothing."""
    _, same, size = np.unique(np.sort(faces, axis=1), axis=0, return_inverse=True, return_counts=True)
    keep = np.ones(len(faces), dtype=np.bool_)
    waiting: dict[tuple[int, ...], list[int]] = {}
    for number in np.flatnonzero(size[same.reshape(-1)] > 1).tolist():
        face = faces[number].tolist()
        first = face.index(min(face))
        turned = (face[first], face[first - 2], face[first - 1])
        opposite = waiting.get((turned[0], turned[2], turned[1]))
        if opposite:
            keep[[opposite.pop(), number]] = False
        else:
            waiting.setdefault(turned, []).append(number)
    return faces[keep]


def _unpinched(
    points: NDArray[np.float64], faces: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Give every edge two faces. Where two edges fell on each other, one is cut by a vertex in its middle.

    The surface alternates between in and out around such an edge, so any face on it that runs one way and any
    that runs the other may become the cut pair without crossing the rest.
    """
    while True:
        start, end = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
        _, first, size = np.unique(start * len(points) + end, return_index=True, return_counts=True)
        pinched = first[size > 1]
        if not pinched.size:
            return points, faces
        a, b = int(start[pinched[0]]), int(end[pinched[0]])
        there = int(pinched[0])
        back = int(np.flatnonzero((start == b) & (end == a))[0])
        middle = len(points)
        points = np.concatenate([points, points[[a, b]].mean(axis=0)[None]])
        halves = []
        for side in (there, back):
            face, corner = divmod(side, 3)
            third = faces[face, corner - 1]
            halves.append([middle, faces[face, (corner + 1) % 3], third])
            faces[face, (corner + 1) % 3] = middle
        faces = np.concatenate([faces, halves])
