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

import functools
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from .laplacian import solve_laplacian
from .meshes import CPU, Faces, Vertices, area_vectors, on_device, summed, triangulate, vertex_normals
from .visible import from_behind, front_most, hidden, looked_up, ramp

GRAZING = (0.2, 0.5)  # z between which a map's say grows from none to all, of the mesh's normal and its own
LENGTH_KEPT = (0.5, 0.9)  # of a map's vectors: the silhouette's soft rim holds shorter ones
FOLLOWED = 0.6  # camera units: half of a wave so long is taken from the maps, of shorter ones more
FARTHEST = 0.06  # camera units that a vertex may move,
OF_THICKNESS = 0.25  # and of the body's thickness there: front and back never meet
PRECISION = 0.002  # of a grid cell: how far the last step of the solver may have moved a vertex
COINCIDING = 0.002  # of a grid cell: vertices so near to each other move as one
THINNEST = 1e-3  # of a triangle's longest side squared: its area counts as at least so much


def follow_normals(
    vertices: Vertices, faces: Faces, front: Tensor, back: Tensor, resolution: int,
    ask: Callable[[], None] = lambda: None, device: torch.device = CPU,
) -> Vertices:
    """The vertices of a closed mesh, as the grid made it, moved along z to follow the maps.

    vertices: (V, 3) float32, camera space; faces: (F, 3) or (F, 4) int32. front, back: (S, S, 3), of any
    device, the crop's normals in camera space, those of the back away from the viewer; vectors of no length
    where nobody is. resolution: nodes a side of the occupancy grid. ask: called between steps; what it raises
    passes through. device: where it is computed, one that has float64. Returns (V, 3) float32.
    """
    places, corners = on_device(vertices, faces, device)
    maps = front.to(device), back.to(device)
    slope, sure = _wanted(places, vertex_normals(places, corners), maps, resolution)
    ask()
    triangles = triangulate(places, corners)
    across = area_vectors(places, triangles)
    ends = triangles.T.contiguous()
    # what the volume grows by as a vertex rises: as pressure on all of them, it takes what is to stay
    swell = _shared(ends, across[:, 2], len(places))
    ties, total, push = _equations(places, ends, across, slope, sure)
    ask()
    both = torch.stack([push, swell], 1)
    precision = PRECISION * 2.0 / resolution
    found = solve_laplacian(*ties, total, both, torch.zeros_like(both), precision, ask)
    grown, answer = (swell[:, None] * found).sum(0)
    moved = _together(found[:, 0] - found[:, 1] * (grown / answer), places, ends, resolution)
    most = (OF_THICKNESS * _thickness(places, resolution)).clamp(max=FARTHEST)
    risen = places[:, 2] + (most * (moved / most.clamp(min=1e-9)).tanh()).float()
    return np.concatenate([vertices[:, :2], risen.cpu().numpy()[:, None]], axis=1)


def _wanted(
    vertices: Tensor, normals: Tensor, maps: tuple[Tensor, Tensor], resolution: int
) -> tuple[Tensor, Tensor]:
    """The slopes (V, 2), dz/dx and dz/dy, that the maps want at the vertices, and how surely, (V,) in [0, 1].
    """
    slope, sure = torch.zeros_like(normals[:, :2]), torch.zeros_like(normals[:, 0])
    for picture, away in zip(maps, (False, True), strict=True):
        toward = looked_up(picture, vertices)
        if away:
            toward, normals, vertices = (from_behind(some) for some in (toward, normals, vertices))
        length = torch.linalg.vector_norm(toward, dim=1)
        steep = toward[:, 2] / length.clamp(min=1e-6)
        share = ramp(normals[:, 2], GRAZING) * ramp(steep, GRAZING) * ramp(length, LENGTH_KEPT)
        share.masked_fill_(hidden(vertices, resolution), 0.0)
        told = share > 0.0  # no vertex faces both ways
        rise = toward[:, :2] / (toward[:, 2:] if away else -toward[:, 2:])
        slope = torch.where(told[:, None], rise, slope)
        sure = torch.where(told, share, sure)
    return slope, sure


def _equations(
    vertices: Tensor, ends: Tensor, across: Tensor, slope: Tensor, sure: Tensor
) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor, Tensor]:
    """As `solve_laplacian` takes them, for the way along z of each vertex: the ties, (V,), (V,).

    A triangle that the maps see wants their slope of the plane of x and y that it lies over; any other wants
    to keep its own, in its own plane. ends: the corners of the triangles, (3, T); across: `area_vectors` of
    them, (T, 3).
    """
    # a corner at a time, and in place: half the time of (3, T) with memory anew for every step
    area, flat = torch.linalg.vector_norm(across, dim=1), across[:, 2]  # flat: negative where it faces away
    seen = functools.reduce(torch.minimum, _at(sure, ends))
    turn = (flat.sign() * seen).mul_(0.5)
    want_x, want_y = (functools.reduce(Tensor.add_, _at(axis, ends)).div_(3.0) for axis in slope.T)

    # of the side opposite to corner k, from the next corner to the one after it: the ways x, y and z
    places = [_at(axis, ends) for axis in vertices.double().T]
    sides = [[axis[(k + 2) % 3] - axis[(k + 1) % 3] for axis in places] for k in range(3)]
    least = functools.reduce(torch.maximum, (_dot(side, side) for side in sides)).mul_(THINNEST).add_(1e-20)
    following = seen / torch.maximum(flat.abs(), least).mul_(4.0)
    keeping = (1.0 - seen) / torch.maximum(area, least).mul_(4.0)
    any_way = following + keeping
    stiffness, push = (across.new_zeros(ends.shape) for _ in range(2))
    for k in range(3):
        i, j = (k + 1) % 3, (k + 2) % 3
        (x, y, z), (*one, one_z), (*other, other_z) = sides[k], sides[i], sides[j]
        # over the plane where the map is followed, in the triangle's own where not
        level = _dot(one, other).neg_()
        torch.mul(any_way, level, out=stiffness[k]).addcmul_(keeping * one_z, other_z, value=-1.0)
        # what the wanted slope asks of the corner, less what the surface has of it already
        push[k] += (x * want_y).addcmul_(y, want_x, value=-1.0).mul_(turn)
        pull = level.mul_(following).mul_(z)
        push[i] += pull
        push[j] -= pull

    count = len(vertices)
    start, end = (ends[[(k + step) % 3 for k in range(3)]].reshape(-1) for step in (1, 2))
    weight = stiffness.reshape(-1)
    # an area of 0 holds a vertex that belongs to no triangle with one
    held = (2.0 * torch.pi / FOLLOWED) ** 2 * _shared(ends, area, count).clamp(min=1e-12)
    total = summed(start, weight, count) + summed(end, weight, count) + held
    return (start, end, weight), total, summed(ends.reshape(-1), push.reshape(-1), count)


def _at(values: Tensor, ends: Tensor) -> list[Tensor]:
    """Values (V,) at the corners of triangles, ends (3, T): (T,) of each."""
    return [values.index_select(0, corner) for corner in ends]


def _dot(one: list[Tensor], other: list[Tensor]) -> Tensor:
    total = one[0] * other[0]
    for first, second in zip(one[1:], other[1:], strict=True):
        total.addcmul_(first, second)
    return total


def _shared(ends: Tensor, values: Tensor, count: int) -> Tensor:
    """(count,) values (T,) of triangles, a third to each of their corners ends, (3, T)."""
    return summed(ends.reshape(-1), (values / 3.0).repeat(3), count)


def _together(moved: Tensor, vertices: Tensor, ends: Tensor, resolution: int) -> Tensor:
    """The ways (V,), the same for vertices that nearly coincide: the last digits of the solution would turn
    the needles between them, and one that faces inward is a dark dot in the shading."""
    places = [_at(axis, ends) for axis in vertices.T]
    ways = [[axis[k] - axis[(k + 1) % 3] for axis in places] for k in range(3)]
    close = torch.stack([_dot(way, way) for way in ways]) < (COINCIDING * 2.0 / resolution) ** 2
    start, end = ends[close], ends.roll(-1, 0)[close]
    group = torch.arange(len(moved), device=moved.device)
    while True:  # each takes the lowest number around it: groups are of a few vertices
        lowest = torch.minimum(group[start], group[end])
        lower = group.scatter_reduce(0, start, lowest, "amin").scatter_reduce_(0, end, lowest, "amin")
        if torch.equal(lower, group):
            break
        group = lower
    members = summed(group, torch.ones_like(moved), len(moved))
    return (summed(group, moved, len(moved)) / members)[group]


def _thickness(vertices: Tensor, resolution: int) -> Tensor:
    """(V,) camera units from the nearest to the farthest surface in the columns around each vertex."""
    _, nearest = front_most(vertices, resolution)
    _, farthest = front_most(from_behind(vertices), resolution)
    return (nearest + farthest).double()
