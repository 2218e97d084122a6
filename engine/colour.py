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
import torch
from numpy.typing import NDArray
from torch import Tensor

from .surface.laplacian import solve_laplacian
from .surface.meshes import CPU, Faces, Vertices, on_device, summed, vertex_normals
from .surface.nearest import nearest_marked
from .surface.visible import columns, from_behind, hidden, looked_up, pixels, ramp, spread

Colours = NDArray[np.uint8]
Flags = NDArray[np.bool_]

EROSION = 2  # pixels of the mask: its rim holds the background's colour, mixed in by the lens and the resize
GRAZING = (0.1, 0.35)  # normal z between which the photo's say grows from none to all
UPRIGHT_COST = 8.0  # times the length of a level way: 11.3 of 255 off the truth at 1, 9.3 at 4, 8.8 at 8
HEAD = (0.20, 0.26)  # metres below the crown between which colours cease to blend whatever they are
NECKLINE = (0.38, 0.42)  # metres below the crown between which the front comes to count for the back
AXIS = 0.12  # metres to either side of the body's middle: the crown is its highest point, no raised hand
RIM = 0.05  # metres of way from the seen surface within which it alone counts
FRONT_REACH = 0.04  # metres: how far colours even out against the pull of the front
PLAIN_SIDE, PLAIN_WINDOW = 256, 13  # pixels: the front without details is a median over 5 % of the crop
ALIKE = 30.0, 8.0, 8.0  # luma and the two chromas, of 255, that count as the same cloth
UNLIKE = 0.001  # what neighbours of different cloth pass on to each other
LEVEL_TIE = 0.002  # of what a level edge passes on, an upright one does
PRECISION = 0.05  # of an 8-bit step: how far the last step of evening out may have moved a vertex
UNSEEN = 128.0  # grey, for a surface of which nothing is seen
YCRCB = (0.299, 0.587, 0.114), (0.5, -0.419, -0.081), (-0.169, -0.331, 0.5)


def colour_vertices(
    vertices: Vertices,
    faces: Faces,
    photo: NDArray[np.uint8],
    mask: Flags,
    resolution: int,
    metres_per_unit: float = 1.0,
    back: NDArray[np.uint8] | None = None,
    ask: Callable[[], None] = lambda: None,
    device: torch.device = CPU,
) -> Colours:
    """Colours for the vertices of a closed mesh as the grid made it: before decimation, smoothed or not.

    vertices: (V, 3) float32, camera space; faces: (F, 3) or (F, 4) int32. photo: (L, L, 3) uint8 sRGB, the
    full-resolution crop. mask: (S, S) bool, the person as the networks saw the crop at S pixels. resolution:
    nodes a side of the occupancy grid. metres_per_unit: of a camera unit; about 1 for a whole person. back:
    (T, T, 3) uint8 sRGB, the crop as its colours would be on the side farthest from the viewer. ask: called
    between steps; what it raises passes through. device: what computes them; colours of the same vertex may
    differ by 1 between devices. Returns (V, 3) uint8 sRGB.
    """
    place, corners = on_device(vertices, faces, device)
    facing = vertex_normals(place, corners)[:, 2]
    unseen = hidden(place, resolution)
    inside = torch.from_numpy(_eroded(mask)).to(device) > 0
    seen = _seen_share(place, facing, unseen, inside)
    if not bool((seen > 0.0).any()):
        return np.full((len(vertices), 3), round(UNSEEN), dtype=np.uint8)
    seen /= seen.max()
    sampled = _sampled(photo, place, seen)
    if back is not None:  # no vertex faces both ways
        inferred = _seen_share(place, -facing, hidden(from_behind(place), resolution), inside)
        sampled += _sampled(back, place, inferred)
        seen += inferred
    known = seen >= 1.0
    edges = _Edges.of(place, corners, known)
    ask()
    guess, way = _nearest_seen(sampled, known, edges, ask)
    ask()
    aside = (place[:, 0] - _median(place[:, 0])).abs() * metres_per_unit
    crown = place[aside <= aside.min().clamp(min=AXIS), 1].max()
    below_crown = (crown - place[:, 1].double()) * metres_per_unit
    pull = torch.zeros_like(way)
    if back is None:
        behind = _back_share(place, facing, unseen, resolution) * ramp(below_crown, NECKLINE)
        behind[known | (way * metres_per_unit < RIM)] = 0.0
        column, row = pixels(place, PLAIN_SIDE)
        reach = [range(int(at.min()), int(at.max()) + 1) for at in (row, column)]
        ask()
        front = torch.from_numpy(_plain_front(photo, mask, *reach)).to(device)
        pulled = behind.nonzero()[:, 0]
        guess[pulled] = front[row[pulled], column[pulled]].double()
        pull = behind * (2.0 * metres_per_unit / (resolution * FRONT_REACH)) ** 2
    continued = _evened(guess, known, edges, UNLIKE + 1.0 - ramp(below_crown, HEAD), pull, ask)
    blended = torch.lerp(continued, sampled, seen[:, None])
    return np.asarray(blended.clamp(0.0, 255.0).round().to(torch.uint8).cpu().numpy())


def normal_colours(normals: NDArray[np.floating[Any]]) -> Colours:
    """Unit normals (V, 3), camera space, as colours (n + 1) / 2: (V, 3) uint8, right is red, up is green."""
    return np.asarray(np.round((np.clip(normals, -1.0, 1.0) + 1.0) * 127.5), dtype=np.uint8)


def _seen_share(vertices: Tensor, facing: Tensor, unseen: Tensor, inside: Tensor) -> Tensor:
    """How much to trust the photo at each vertex: (V,) in [0, 1]; 0 hidden or off the mask, 1 facing us.

    facing: (V,), the normals' z; inside: (S, S) bool, the mask without its rim.
    """
    column, row = pixels(vertices, len(inside))
    return torch.where(inside[row, column] & ~unseen, ramp(facing, GRAZING), 0.0)


def _sampled(picture: NDArray[np.uint8], vertices: Tensor, share: Tensor) -> Tensor:
    """The picture's colours (V, 3) float64, 0 where its share (V,) is 0: most of a body shows in none."""
    shown = share.nonzero()[:, 0]
    on_it = looked_up(torch.from_numpy(picture).to(vertices.device), vertices.index_select(0, shown))
    return on_it.new_zeros(len(vertices), on_it.shape[1]).index_copy_(0, shown, on_it)


def _back_share(vertices: Tensor, facing: Tensor, unseen: Tensor, resolution: int) -> Tensor:
    """How surely each vertex is the back of what the photo shows at its pixel: (V,) in [0, 1]; 0 where
    another part of the mesh lies behind it, or before it, as of a trunk behind an arm."""
    pixel = columns(vertices, resolution)
    layered = vertices.new_zeros((resolution + 1) ** 2)
    layered[pixel[unseen & (facing > GRAZING[0])]] = 1.0
    between = hidden(from_behind(vertices), resolution) | (spread(layered, resolution)[pixel] > 0.0)
    return torch.where(between, 0.0, ramp(-facing, GRAZING))


def _median(values: Tensor) -> Tensor:
    """The mean of the two in the middle of an even count, of which torch.median is the lower one."""
    return (values.median() - (-values).median()) / 2.0


def _eroded(mask: Flags) -> NDArray[np.uint8]:
    kernel = np.ones((2 * EROSION + 1, 2 * EROSION + 1), dtype=np.uint8)
    inner = cv2.erode(mask.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(inner, dtype=np.uint8)


def _plain_front(photo: NDArray[np.uint8], mask: Flags, rows: range, columns: range) -> NDArray[np.uint8]:
    """The crop without prints, folds and fingers, the person's rim carried outward: (PLAIN_SIDE, PLAIN_SIDE,
    3), of which these rows and columns are to be looked at."""
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
    part = tuple(slice(max(at.start - PLAIN_WINDOW // 2, 0), at.stop + PLAIN_WINDOW // 2)
                 for at in (rows, columns))
    plain = np.zeros_like(small)
    plain[part] = cv2.medianBlur(np.ascontiguousarray(small[part]), PLAIN_WINDOW)
    return np.asarray(plain, dtype=np.uint8)


@dataclass(frozen=True)
class _Edges:
    """The sides of a closed mesh's faces, once each, without those between two known vertices: the vertices
    at both ends, (E,) int64, and the way along each axis, x, y and z, (E,) float64 each."""

    start: Tensor
    end: Tensor
    way: tuple[Tensor, ...]

    @classmethod
    def of(cls, vertices: Tensor, faces: Tensor, known: Tensor) -> _Edges:
        ahead = faces.roll(-1, 1)
        settled = known.index_select(0, faces.reshape(-1)).reshape(faces.shape)
        # the neighbouring face has the same side the other way round
        wanted = (faces < ahead) & ~(settled & settled.roll(-1, 1))
        index = wanted.reshape(-1).nonzero()[:, 0]
        start, end = (ends.reshape(-1).index_select(0, index) for ends in (faces, ahead))
        # index_select on each axis: half the time of [] on points
        axes = vertices.T.double().contiguous()
        way = tuple(axis.index_select(0, end) - axis.index_select(0, start) for axis in axes)
        return cls(start, end, way)


def _nearest_seen(
    colours: Tensor, known: Tensor, edges: _Edges, ask: Callable[[], None]
) -> tuple[Tensor, Tensor]:
    """Each vertex' colour (V, 3) from the known vertex it is nearest to along the surface, and how far (V,),
    in camera units, upright ways counting UPRIGHT_COST times. The mean, infinitely far, where none is."""
    x, y, z = edges.way
    cost = (x * x + (UPRIGHT_COST * y) ** 2 + z * z).sqrt()
    nearest, far = nearest_marked(edges.start, edges.end, cost, known, ask)
    result = colours.index_select(0, nearest)
    result[far.isinf()] = colours[known].mean(0)  # parts of which nothing is seen
    return result, far


def _evened(
    guess: Tensor, known: Tensor, edges: _Edges, least: Tensor, pull: Tensor, ask: Callable[[], None]
) -> Tensor:
    """The guess (V, 3) evened out: each vertex that is not known becomes the mean of its neighbours, weighted
    by likeness, never under least (V,), and levelness, and of its own guess, weighted by pull (V,)."""
    free = (~known).nonzero()[:, 0]
    result = guess.clone()
    if not len(free):
        return result
    start, end, count = edges.start, edges.end, len(known)
    tones = (guess.new_tensor(YCRCB) / guess.new_tensor(ALIKE)[:, None]) @ guess.T
    luma, red, blue = (tone.index_select(0, start) - tone.index_select(0, end) for tone in tones)
    unlike = luma * luma + red * red + blue * blue
    x, y, z = edges.way
    upright = y * y
    level = 1.0 - upright / (x * x + upright + z * z).clamp(min=1e-20)
    weight = (unlike / -2.0).exp() + (least.index_select(0, start) + least.index_select(0, end)) / 2.0
    # a high power makes diagonals upright too, and as products it costs no logarithm
    weight *= LEVEL_TIE + (1.0 - LEVEL_TIE) * (level * level * level) ** 2
    total = summed(start, weight, count) + summed(end, weight, count) + pull

    from_known, to_known = known.index_select(0, start), known.index_select(0, end)
    leaving, arriving = from_known.nonzero()[:, 0], to_known.nonzero()[:, 0]
    free_end = torch.cat([end.index_select(0, leaving), start.index_select(0, arriving)])
    known_end = torch.cat([start.index_select(0, leaving), end.index_select(0, arriving)])
    held = weight.index_select(0, torch.cat([leaving, arriving]))
    outside = torch.stack([
        pull * tone + summed(free_end, held * tone.index_select(0, known_end), count)
        for tone in guess.T.contiguous()
    ], 1)
    between = (~(from_known | to_known)).nonzero()[:, 0]
    number = (~known).cumsum(0) - 1
    start, end = (number.index_select(0, ends.index_select(0, between)) for ends in (start, end))
    total, outside, guess = (values.index_select(0, free) for values in (total, outside, guess))
    result[free] = solve_laplacian(
        start, end, weight.index_select(0, between), total, outside, guess, PRECISION, ask)
    return result
