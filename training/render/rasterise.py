"""An orthographic z-buffer in pure torch: for every pixel of any number of pictures the nearest and the
farthest face along its ray, in one pass.

Scan conversion is ragged: faces are expanded to rows, rows to pixels, so only covered pixels cost anything
(a box of candidates per face costs about four times as many at 1024^2 with 120,000 faces).
"""

from __future__ import annotations

import torch
from torch import Tensor

_DEPTH_LEVELS = (1 << 30) - 1
_EMPTY = torch.iinfo(torch.int64).max
_ID_MASK = (1 << 32) - 1


def to_pixels(vertices: Tensor, size: int) -> Tensor:
    """Camera space (V, 3), cube [-1, 1]^3, y up -> pixel space (V, 3) of a size x size picture.

    x right and y DOWN in pixels with pixel centres at half integers, so that [-1, 1] spans the whole crop
    from edge to edge; z is kept (camera units, larger = nearer to the viewer).
    """
    half = size / 2
    return torch.stack([(vertices[:, 0] + 1) * half, (1 - vertices[:, 1]) * half, vertices[:, 2]], dim=1)


def _expand(counts: Tensor) -> tuple[Tensor, Tensor]:
    """(N,) int64 counts -> for each of sum(counts) items: its owner, and its running number within the
    owner.
    """
    owner = torch.repeat_interleave(torch.arange(len(counts), device=counts.device), counts)
    first = counts.cumsum(0) - counts
    return owner, torch.arange(len(owner), device=counts.device) - first[owner]


def _covered(
    pixels: Tensor, faces: Tensor, view: Tensor, height: int, width: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Every (face, pixel) pair: face id (N,), pixel index (N,) row-major over all views, depth (N,) float32.

    A pixel is covered where its centre lies inside; edges are walked from their upper end, whichever face
    they belong to, so neighbouring faces leave neither gaps nor doubly covered pixels.
    """
    corners = pixels[faces]
    order = corners[..., 1].argsort(dim=1)
    corners = torch.gather(corners, 1, order[..., None].expand(-1, -1, 3))
    rows = torch.ceil(corners[..., 1] - 0.5).clamp(0, height).long()
    xs = corners[..., 0]
    reaches = (xs.amax(1) > 0) & (xs.amin(1) < width) & (rows[:, 2] > rows[:, 0])
    ids = reaches.nonzero()[:, 0]
    corners, first_row = corners[ids], rows[ids, 0]
    top, middle, bottom = corners.unbind(1)

    def slopes(upper: Tensor, lower: Tensor) -> Tensor:
        """(F, 2): change of x and of z a row. Flat edges give inf or nan, which no row ever selects."""
        difference = lower - upper
        return difference[:, [0, 2]] / difference[:, 1:2]

    owner, step = _expand(rows[ids, 2] - first_row)
    row = first_row[owner] + step
    y = (row.to(pixels.dtype) + 0.5)[:, None]
    long_edge = top[:, [0, 2]][owner] + (y - top[:, 1:2][owner]) * slopes(top, bottom)[owner]
    upper_half = y < middle[:, 1:2][owner]
    start = torch.where(upper_half, top[owner], middle[owner])
    slope = torch.where(upper_half, slopes(top, middle)[owner], slopes(middle, bottom)[owner])
    short_edge = start[:, [0, 2]] + (y - start[:, 1:2]) * slope
    swap = long_edge[:, :1] > short_edge[:, :1]
    left = torch.where(swap, short_edge, long_edge)
    right = torch.where(swap, long_edge, short_edge)

    columns = torch.ceil(torch.stack([left[:, 0], right[:, 0]]) - 0.5).clamp(0, width).long()
    span, step = _expand(columns[1] - columns[0])
    column = columns[0][span] + step
    # linear between the two ends of the span: bounded even for slivers, unlike a plane's gradient
    run = (right[:, 0] - left[:, 0]).clamp(min=1e-12)
    rate = (right[:, 1] - left[:, 1]) / run
    depth_at_first = left[:, 1] + (columns[0] + 0.5 - left[:, 0]) * rate
    depth = depth_at_first[span] + step * rate[span]
    face, line = ids[owner[span]], (view[ids][owner] * height + row)[span]
    return face, line * width + column, depth


def rasterise_views(
    pixels: Tensor, faces: Tensor, view: Tensor, count: int, height: int, width: int
) -> tuple[Tensor, Tensor]:
    """The faces nearest to and farthest from the viewer at every pixel of `count` pictures.

    pixels (V, 3) float32 in pixel space (`to_pixels`); faces (F, 3) int64, seen from both sides; view (F,)
    int64, the picture that a face is in. Returns front and back face ids, each (count, height, width) int64,
    -1 where nothing is hit.
    """
    face, index, depth = _covered(pixels, faces, view, height, width)
    low, high = pixels[:, 2].amin(), pixels[:, 2].amax()
    near = ((high - depth) * (_DEPTH_LEVELS / (high - low).clamp(min=1e-9))).long().clamp(0, _DEPTH_LEVELS)
    results = []
    for level in (near, _DEPTH_LEVELS - near):
        buffer = torch.full((count * height * width,), _EMPTY, dtype=torch.int64, device=pixels.device)
        buffer.scatter_reduce_(0, index, (level << 32) | face, "amin")
        winner = torch.where(buffer == _EMPTY, -1, buffer & _ID_MASK)
        results.append(winner.reshape(count, height, width))
    return results[0], results[1]


def nearest_depths(pixels: Tensor, faces: Tensor, view: Tensor, count: int, size: int) -> Tensor:
    """The largest depth at every pixel of `count` size x size pictures: (count, size, size) float32, -1e3
    where nothing is hit. Arguments as in `rasterise_views`.
    """
    _, index, depth = _covered(pixels, faces, view, size, size)
    result = pixels.new_full((count * size * size,), -1e3)
    return result.scatter_reduce_(0, index, depth, "amax").reshape(count, size, size)


def rasterise(pixels: Tensor, faces: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """`rasterise_views` of a single picture: front and back face ids, each (height, width) int64."""
    front, back = rasterise_views(pixels, faces, torch.zeros_like(faces[:, 0]), 1, height, width)
    return front[0], back[0]


def barycentric(pixels: Tensor, faces: Tensor, winner: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Where in their face the pixels of a face-id picture lie.

    pixels (V, 3) float32 in pixel space; winner (H, W) or (B, H, W) int64 from `rasterise` or
    `rasterise_views`. Returns, for the N pixels that hit something: pixel index (N,) int64 row-major over all
    pictures, corner vertex ids (N, 3) int64, weights (N, 3) float32 that sum to 1.
    """
    height, width = winner.shape[-2:]
    flat = winner.reshape(-1)
    index = (flat >= 0).nonzero()[:, 0]
    corners = faces[flat[index]]
    a, b, c = pixels[:, :2][corners].unbind(1)
    centre = torch.stack([index % width, index // width % height], dim=1).to(pixels.dtype) + 0.5

    def cross(u: Tensor, v: Tensor) -> Tensor:
        return u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]

    area = cross(b - a, c - a)
    area = torch.where(area.abs() < 1e-12, torch.full_like(area, 1e-12), area)
    second = cross(centre - a, c - a) / area
    third = cross(b - a, centre - a) / area
    weights = torch.stack([1 - second - third, second, third], dim=1).clamp(0, 1)
    return index, corners, weights / weights.sum(1, keepdim=True)


def resolved(pixels: Tensor, faces: Tensor, winner: Tensor, values: Tensor) -> Tensor:
    """Interpolates per-vertex values (V, C) over face-id pictures (B, R, R): (B, R, R, C), zero where none is
    hit."""
    index, corners, weights = barycentric(pixels, faces, winner)
    picture = values.new_zeros(winner.numel(), values.shape[1])
    first, second, third = (values[corners[:, k]] * weights[:, k, None] for k in range(3))
    picture[index] = first + second + third
    return picture.reshape(*winner.shape, -1)
