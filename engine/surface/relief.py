# SPDX-License-Identifier: GPL-3.0-or-later
"""Let a mesh follow the normal maps where they look at it: folds and features that its occupancy blurs.

The implicit functions know where a body is, the normal maps how its surface turns (PIFuHD, section 3.3). A
function with little training leaves the second out, and shows the squares of its feature maps instead. So
each vertex moves along z, and the silhouette stays: the surface takes the slopes that the maps want, over
short ways, and keeps its own depth over long ones (Nehab et al., "Efficiently combining positions and normals
for precise 3D geometry", 2005, solved on the mesh by linear finite elements). What neither map sees, or only
at a grazing angle, where normals are least sure, goes along as it is. The volume stays too: maps are too flat
at rims, where the surface falls away, and without that bodies became 1 to 6 % thinner.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from .laplacian import solve_laplacian
from .meshes import Faces, Vertices, area_vectors, triangulate, vertex_normals
from .visible import FROM_BEHIND, Floats, front_most, hidden, looked_up, ramp

Normals = NDArray[np.float32]

GRAZING = (0.2, 0.5)  # z between which a map's say grows from none to all, of the mesh's normal and its own
LENGTH_KEPT = (0.5, 0.9)  # of a map's vectors: the silhouette's soft rim holds shorter ones
FOLLOWED = 0.6  # camera units: half of a wave so long is taken from the maps, of shorter ones more
FARTHEST = 0.06  # camera units that a vertex may move,
OF_THICKNESS = 0.25  # and of the body's thickness there: front and back never meet
PRECISION = 0.002  # of a grid cell: how far the last step of the solver may have moved a vertex
COINCIDING = 0.002  # of a grid cell: vertices so near to each other move as one
THINNEST = 1e-3  # of a triangle's longest side squared: its area counts as at least so much


def follow_normals(
    vertices: Vertices, faces: Faces, front: Normals, back: Normals, resolution: int,
    ask: Callable[[], None] = lambda: None,
) -> Vertices:
    """The vertices of a closed mesh, as the grid made it, moved along z to follow the maps.

    vertices: (V, 3) float32, camera space; faces: (F, 3) or (F, 4) int32. front, back: (S, S, 3) float32, the
    crop's normals in camera space, those of the back away from the viewer; vectors of no length where nobody
    is. resolution: nodes a side of the occupancy grid. ask: called between steps; what it raises passes
    through. Returns (V, 3) float32.
    """
    slope, sure = _wanted(vertices, vertex_normals(vertices, faces), front, back, resolution)
    ask()
    triangles = triangulate(vertices, faces)
    across = area_vectors(vertices, triangles)
    inner, total, push = _equations(vertices.astype(np.float64), triangles, across, slope, sure)
    ask()
    # what the volume grows by as a vertex rises: as pressure on all of them, it takes what is to stay
    swell = np.bincount(triangles.ravel(), np.repeat(across[:, 2] / 3.0, 3), len(vertices))
    both = np.stack([push, swell], axis=1)
    found = solve_laplacian(inner, total, both, np.zeros_like(both), PRECISION * 2.0 / resolution, ask)
    grown, answer = swell @ found
    moved = _together(found[:, 0] - found[:, 1] * (grown / answer), vertices, triangles, resolution)
    most = np.minimum(FARTHEST, OF_THICKNESS * _thickness(vertices, resolution))
    result = vertices.copy()
    result[:, 2] += (most * np.tanh(moved / np.maximum(most, 1e-9))).astype(np.float32)
    return result


def _wanted(
    vertices: Vertices, normals: Floats, front: Normals, back: Normals, resolution: int
) -> tuple[Floats, Floats]:
    """The slopes (V, 2), dz/dx and dz/dy, that the maps want at the vertices, and how surely, (V,) in [0, 1].
    """
    slope, sure = np.zeros((len(vertices), 2)), np.zeros(len(vertices))
    for picture, side in ((front, np.ones(3)), (back, FROM_BEHIND)):
        toward = looked_up(picture, vertices) * side
        length = np.linalg.norm(toward, axis=1)
        toward /= np.maximum(length, 1e-6)[:, None]
        share = ramp((normals * side)[:, 2], GRAZING) * ramp(toward[:, 2], GRAZING)
        share *= ramp(length, LENGTH_KEPT)
        share[hidden(vertices * side, resolution)] = 0.0
        told = share > 0.0  # no vertex faces both ways
        slope[told] = -side[2] * toward[told, :2] / toward[told, 2:]
        sure[told] = share[told]
    return slope, sure


def _equations(
    vertices: Floats, triangles: Faces, across: Floats, slope: Floats, sure: Floats
) -> tuple[csr_array, Floats, Floats]:
    """As `solve_laplacian` takes them, for the way along z of each vertex: (V, V), (V,), (V,).

    A triangle that the maps see wants their slope of the plane of x and y that it lies over; any other wants
    to keep its own, in its own plane. across: `area_vectors` of the triangles, (T, 3).
    """
    # whole arrays for each axis: those of (T, 3, 3) take three times as long
    ends = triangles.T.astype(np.intp)
    x, y, z = ([axis[corner] for corner in ends] for axis in vertices.T)
    area, flat = np.linalg.norm(across, axis=1), across[:, 2]  # flat: negative where it faces away
    seen = np.minimum.reduce([sure[corner] for corner in ends])
    mean_x, mean_y = (sum(axis[corner] for corner in ends) / 3.0 for axis in slope.T)
    turn = 0.5 * np.sign(flat) * seen

    # the side opposite to corner k, from the next corner to the one after it
    along, down, deep = ([axis[(k + 2) % 3] - axis[(k + 1) % 3] for k in range(3)] for axis in (x, y, z))
    longest = np.maximum.reduce([along[k] ** 2 + down[k] ** 2 + deep[k] ** 2 for k in range(3)])
    least = THINNEST * longest + 1e-20
    following = seen / (4.0 * np.maximum(np.abs(flat), least))
    keeping = (1.0 - seen) / (4.0 * np.maximum(area, least))
    stiffness, push = np.empty((len(triangles), 3)), np.zeros((len(triangles), 3))
    for k in range(3):
        i, j = (k + 1) % 3, (k + 2) % 3
        # over the plane where the map is followed, in the triangle's own where not
        level = -(along[i] * along[j] + down[i] * down[j])
        stiffness[:, k] = (following + keeping) * level - keeping * deep[i] * deep[j]
        # what the wanted slope asks of the corner, less what the surface has of it already
        push[:, k] += turn * (along[k] * mean_y - down[k] * mean_x)
        pull = following * level * -deep[k]
        push[:, i] -= pull
        push[:, j] += pull

    count = len(vertices)
    start, end = (np.roll(triangles, -step, axis=1).ravel() for step in (1, 2))
    one_way = csr_array((stiffness.ravel(), (start, end)), shape=(count, count))
    inner = one_way + one_way.T
    share = np.bincount(triangles.ravel(), np.repeat(area / 3.0, 3), count)
    # an area of 0 holds a vertex that belongs to no triangle with one
    held = (2.0 * np.pi / FOLLOWED) ** 2 * np.maximum(share, 1e-12)
    total = np.asarray(inner.sum(axis=1)).ravel() + held
    return inner, total, np.bincount(triangles.ravel(), push.ravel(), count).astype(np.float64)


def _together(moved: Floats, vertices: Vertices, triangles: Faces, resolution: int) -> Floats:
    """The ways (V,), the same for vertices that nearly coincide: the last digits of the solution would turn
    the needles between them, and one that faces inward is a dark dot in the shading."""
    start, end = triangles.ravel(), np.roll(triangles, -1, axis=1).ravel()
    close = np.linalg.norm(vertices[start] - vertices[end], axis=1) < COINCIDING * 2.0 / resolution
    pairs = (np.ones(int(close.sum())), (start[close], end[close]))
    count = len(vertices)
    groups, group = connected_components(csr_array(pairs, shape=(count, count)), directed=False)
    return np.asarray((np.bincount(group, moved, groups) / np.bincount(group, minlength=groups))[group])


def _thickness(vertices: Vertices, resolution: int) -> Floats:
    """(V,) camera units from the nearest to the farthest surface in the columns around each vertex."""
    _, nearest = front_most(vertices, resolution)
    _, farthest = front_most(vertices * FROM_BEHIND, resolution)
    return np.asarray(nearest + farthest, dtype=np.float64)
