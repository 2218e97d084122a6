# SPDX-License-Identifier: GPL-3.0-or-later
"""Which points lie inside the person: signed ray crossings, counted part by part.

The parts (body, garments, hair, ...) are closed on their own and overlap, so parity over the whole mesh is
wrong where they do. A point is inside when the winding number of ANY part about it is above one half.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_CELLS = 384
# Vertices and points are float32, so a ray may pass exactly through a vertex or an edge. In float64 this step
# sideways is far below float32's spacing and the same for every face: no ray of a float32 point touches one.
_SIDESTEP = (3.1e-10, 1.7e-10)


def _faces_by_cell(flat: Tensor, low: Tensor, cell_size: Tensor, view: Tensor) -> tuple[Tensor, Tensor]:
    """Sorts faces into a grid over the picture plane of each view: cell numbers (M,) ascending and the face
    in each entry (M,).

    flat (F, 3, 2) are the projected corners; low (F, 2), cell_size (F, 1) and view (F,) are those of the
    face's view; a face is entered into every cell that its box touches.
    """
    first = ((flat.amin(1) - low) / cell_size).long()
    last = ((flat.amax(1) - low) / cell_size).long()
    extent = last - first + 1
    counts = extent.prod(1)
    face = torch.repeat_interleave(torch.arange(len(flat), device=flat.device), counts)
    step = torch.arange(len(face), device=flat.device) - (counts.cumsum(0) - counts)[face]
    column = first[face, 0] + step % extent[face, 0]
    row = first[face, 1] + step // extent[face, 0]
    cell, order = _cell(view[face], row, column).sort()
    return cell, face[order]


def _cell(view: Tensor, row: Tensor, column: Tensor) -> Tensor:
    return (view * (_CELLS + 1) + row) * (_CELLS + 1) + column


def winding(points: Tensor, vertices: Tensor, faces: Tensor, part: Tensor) -> Tensor:
    """Winding number of every part about every point, (N, P) int64, P = largest part id + 1.

    points (N, 3) and vertices (V, 3) float32 in one frame (camera space); faces (F, 3) int64 CCW seen
    from outside; part (F,) int64, each part closed. A ray goes from each point towards +z; a face it leaves
    through counts +1, one it enters through -1.
    """
    return winding_views(points[None], vertices, faces, part, torch.zeros_like(part), int(part.amax()) + 1)[0]


def winding_views(
    points: Tensor, vertices: Tensor, faces: Tensor, part: Tensor, face_view: Tensor, parts: int
) -> Tensor:
    """`winding` of B meshes at once, each about its own points (B, N, 3): (B, N, parts) int64.

    vertices (V, 3) and faces (F, 3) of all meshes in one list (training.render.place packs them so);
    face_view (F,) int64, which mesh a face belongs to; parts: more than the largest part id.
    """
    count, each = points.shape[:2]
    points = points.reshape(-1, 3)
    point_view = torch.arange(count, device=points.device).repeat_interleave(each, output_size=count * each)
    corners = vertices[faces]
    plane = points[:, :2]
    owner = face_view[:, None].expand(-1, 2)
    low, high = (
        plane.new_full((count, 2), start).scatter_reduce(0, owner, edge, how)
        for start, edge, how in (
            (math.inf, corners[..., :2].amin(1), "amin"),
            (-math.inf, corners[..., :2].amax(1), "amax"),
        )
    )
    size = ((high - low).amax(1, keepdim=True) / _CELLS).clamp(min=1e-9)
    cell, face_of = _faces_by_cell(corners[..., :2], low[face_view], size[face_view], face_view)

    over_mesh = ((plane >= low[point_view]) & (plane <= high[point_view])).all(1)
    at = torch.where(over_mesh[:, None], (plane - low[point_view]) / size[point_view], 0.0).long()
    wanted = torch.where(over_mesh, _cell(point_view, at[:, 1], at[:, 0]), -1)
    start = torch.searchsorted(cell, wanted)
    counts = torch.searchsorted(cell, wanted, right=True) - start
    point = torch.repeat_interleave(torch.arange(len(points), device=points.device), counts)
    step = torch.arange(len(point), device=points.device) - (counts.cumsum(0) - counts)[point]
    face = face_of[start[point] + step]
    # faces wholly behind the point cannot be crossed: drop them before the float64 work
    ahead = corners[..., 2].amax(1)[face] > points[point, 2]
    point, face = point[ahead], face[ahead]

    place = plane[point].double() + plane.new_tensor(_SIDESTEP, dtype=torch.float64)
    a, b, c = corners[face].double().unbind(1)
    ids = faces[face]

    def left_of(one: int, two: int, p: Tensor, q: Tensor) -> tuple[Tensor, Tensor]:
        """Twice the area of (place, p, q), and whether it is positive; always evaluated from the lower
        vertex id, so the two faces at an edge never disagree about its side."""
        swap = ids[:, one] > ids[:, two]
        u = torch.where(swap[:, None], q, p)[:, :2] - place
        v = torch.where(swap[:, None], p, q)[:, :2] - place
        area = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
        return torch.where(swap, -area, area), (area >= 0) ^ swap

    area_c, side_c = left_of(0, 1, a, b)
    area_a, side_a = left_of(1, 2, b, c)
    area_b, side_b = left_of(2, 0, c, a)
    outward = side_a & side_b & side_c
    inward = ~(side_a | side_b | side_c)
    total = area_a + area_b + area_c
    depth = (area_a * a[:, 2] + area_b * b[:, 2] + area_c * c[:, 2]) / torch.where(total == 0, 1.0, total)
    crossed = (outward | inward) & (depth > points[point, 2])
    result = torch.zeros(len(points) * parts, dtype=torch.int64, device=points.device)
    result.index_add_(0, point * parts + part[face], crossed * torch.where(outward, 1, -1))
    return result.reshape(count, each, parts)


def inside(points: Tensor, vertices: Tensor, faces: Tensor, part: Tensor) -> Tensor:
    """(N,) bool: whether each point lies inside the union of the closed parts. Arguments as in `winding`."""
    return (winding(points, vertices, faces, part) > 0).any(1)


def inside_views(
    points: Tensor, vertices: Tensor, faces: Tensor, part: Tensor, face_view: Tensor, parts: int
) -> Tensor:
    """(B, N) bool: `inside` of B meshes at once. Arguments as in `winding_views`."""
    return (winding_views(points, vertices, faces, part, face_view, parts) > 0).any(2)
