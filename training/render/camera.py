# SPDX-License-Identifier: GPL-3.0-or-later
"""Where people stand before the camera: many of them packed into one list of vertices and faces."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

if TYPE_CHECKING:
    from training.humans.person import Person

Array = NDArray[np.floating[Any]]
DISTANCES = (2.0, 8.0)
"""Metres between which photographs of people are taken; nearer ones are rare, farther ones look parallel."""
_FRAMING_POINTS = 4000  # vertices that a random camera looks at: more move the frame by less than 1 %


@dataclass(frozen=True)
class Camera:
    """yaw: turn of the person about +y (radians; 0 faces the viewer, positive turns it to the viewer's
    right); scale: camera units (half the crop's width) a metre; shift: where the middle of the person's box
    goes (x right, y up, camera units); tilt: turn about +x (radians; positive = seen from above); distance:
    camera units from z = 0 to the eye, which lies on the line through the middle of the crop, or None for
    parallel rays.
    """

    yaw: float
    scale: float
    shift: tuple[float, float]
    tilt: float = 0.0
    distance: float | None = None


@dataclass(frozen=True)
class Packed:
    """The meshes of B views in one list, view after view.

    vertices (V, 3) float32; faces (F, 3) int64 into all of them; vertex_view (V,) and face_view (F,) int64,
    the view they belong to; vertex_rows (B, most) and face_rows (B, most) int64, those of each view, its last
    repeated where others have more; face_filled (B, most) bool, false for the repeated.
    """

    vertices: Tensor
    faces: Tensor
    vertex_view: Tensor
    face_view: Tensor
    vertex_rows: Tensor
    face_rows: Tensor
    face_filled: Tensor

    @property
    def count(self) -> int:
        """B, the number of views."""
        return len(self.vertex_rows)

    def bounds(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Smallest and largest of (V, C) values a vertex in each view: two (B, C)."""
        spread = values[self.vertex_rows]
        return spread.amin(1), spread.amax(1)


def _rows(counts: Sequence[int], device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of B runs of `counts` items: first item (B,), owner (N,), items (B, most), which are real (B, most)."""
    sizes = torch.tensor(counts, device=device)
    first = sizes.cumsum(0) - sizes
    views = torch.arange(len(counts), device=device)
    # the total is told, since finding it on the device would make the processor wait
    owner = torch.repeat_interleave(views, sizes, output_size=sum(counts))
    step = torch.arange(max(counts), device=device)
    rows = first[:, None] + torch.minimum(step, sizes[:, None] - 1)
    return first, owner, rows, step < sizes[:, None]


def _turn(yaw: float, tilt: float) -> Array:
    cy, sy, ct, st = math.cos(yaw), math.sin(yaw), math.cos(tilt), math.sin(tilt)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, ct, -st], [0, st, ct]])
    turn: Array = about_x @ about_y
    return turn


def _median_depth(packed: Packed, vertices: Tensor) -> Tensor:
    """Area-weighted median of the faces' depth in each view (B,): the z that becomes 0."""
    a, b, c = vertices[packed.faces].unbind(1)
    areas = torch.linalg.cross(b - a, c - a).norm(dim=1)
    depth, order = ((a + b + c)[:, 2] / 3)[packed.face_rows].sort(1)
    running = (areas[packed.face_rows] * packed.face_filled).gather(1, order).double().cumsum(1)
    return depth.gather(1, torch.searchsorted(running, running[:, -1:] / 2))[:, 0]


def place(people: Sequence[Person], cameras: Sequence[Camera]) -> Packed:
    """Each person in the camera space of its camera (x right, y up, z to the viewer, the crop is [-1, 1]),
    all on the device of the people's tensors.

    Turned by yaw about +y, then by tilt about +x; the middle of the turned box goes to `shift`; z = 0 is the
    area-weighted median depth of the surface. A camera at a distance d then moves x to x d / (d - z), y
    likewise, and keeps z: rays that met in the eye are parallel afterwards, so that mesh is the truth for a
    method that assumes parallel rays. Raises ValueError where a camera stands inside its person.
    """
    device = people[0].vertices.device
    _, vertex_view, vertex_rows, _ = _rows([len(person.vertices) for person in people], device)
    _, face_view, face_rows, face_filled = _rows([len(person.faces) for person in people], device)
    faces = torch.cat([person.faces for person in people]) + vertex_rows[face_view, :1]
    turns = np.stack([_turn(camera.yaw, camera.tilt) for camera in cameras])
    turn = torch.from_numpy(turns).float().to(device)[vertex_view]
    turned = (turn * torch.cat([person.vertices for person in people])[:, None]).sum(-1)
    packed = Packed(turned, faces, vertex_view, face_view, vertex_rows, face_rows, face_filled)
    low, high = packed.bounds(turned)
    middle = torch.cat([(low + high)[:, :2] / 2, _median_depth(packed, turned)[:, None]], dim=1)
    settings = [(camera.scale, *camera.shift, 0.0, camera.distance or math.inf) for camera in cameras]
    placing = torch.tensor(settings, device=device)[vertex_view]
    scale, shift, distance = placing[:, :1], placing[:, 1:4], placing[:, 4:]
    vertices = (turned - middle[vertex_view]) * scale + shift
    if any(camera.distance is not None for camera in cameras):
        nearness = vertices[:, 2:] / distance
        if bool((nearness >= 1).any()):
            view = int(vertex_view[(nearness[:, 0] >= 1).nonzero()[0, 0]])
            raise ValueError(f"Camera {view} stands inside its person: give it a distance beyond the person.")
        vertices = vertices / torch.cat([1 - nearness, 1 - nearness, torch.ones_like(nearness)], dim=1)
    return Packed(vertices, faces, vertex_view, face_view, vertex_rows, face_rows, face_filled)


def camera_vertices(person: Person, camera: Camera) -> Tensor:
    """The vertices (V, 3) float32 of one person in camera space, as `place` puts them."""
    return place([person], [camera]).vertices


def _fit(
    points: Array, share: float, middle: Array, metres: float | None
) -> tuple[float, tuple[float, float]]:
    """Scale and shift that make the larger extent of the points (N, 3), in metres, 2 `share` camera units and
    bring the middle of their box to `middle`, seen from `metres`.
    """
    scale = 2 * share / float(np.ptp(points[:, :2], axis=0).max())
    shift = middle
    growth = 1.0 if metres is None else 1 / (1 - points[:, 2:] / metres)
    # growth couples scale and shift weakly: each round leaves about a tenth of the error
    for _ in range(1 if metres is None else 6):
        seen = (points[:, :2] * scale + shift) * growth
        low, high = seen.min(0), seen.max(0)
        scale *= 2 * share / float((high - low).max())
        shift = shift + middle - (low + high) / 2
    return scale, (float(shift[0]), float(shift[1]))


def _random_frame(rng: np.random.Generator, yaw: float, tilt: float, points: Array) -> Camera:
    """points (N, 3): the person in camera space at one unit a metre, turned by yaw and tilt."""
    metres = None
    if rng.random() < 0.5:
        nearest = float(points[:, 2].max())
        # 2.5 times as far as the nearest hand or foot: more would be a fish-eye's picture
        metres = max(math.exp(rng.uniform(*np.log(DISTANCES))), 2.5 * nearest)
    seen = points[:, :2] if metres is None else points[:, :2] / (1 - points[:, 2:] / metres)
    extent = np.ptp(seen, axis=0) / np.ptp(seen, axis=0).max()
    share = rng.uniform(0.8, 0.95) if rng.random() < 0.75 else rng.uniform(0.55, 0.8)
    kind = rng.random()
    if kind < 0.15:
        share = rng.uniform(1.1, 2.6)
        top = rng.uniform(0.6, 0.95)  # camera y of the crown; the feet fall below the frame
        middle = np.array([rng.uniform(-0.2, 0.2), top - share * extent[1]])
    elif kind < 0.2:
        share = rng.uniform(1.0, 1.6)
        middle = rng.uniform(-1, 1, 2) * np.array([0.15, max(0.15, share - 0.8)])
    else:
        middle = rng.uniform(-1, 1, 2) * np.minimum(1 - share * extent, 0.12)
    scale, shift = _fit(points, share, middle, metres)
    return Camera(yaw, scale, shift, tilt, None if metres is None else metres * scale)


def random_cameras(rngs: Sequence[np.random.Generator], people: Sequence[Person]) -> list[Camera]:
    """A camera for each person, as photographs have them: mostly from the front, the person filling most of
    the square crop. Each is deterministic from its own rng, whoever else is among the people.

    55 % within 40 degrees of the front, else uniform; the larger extent fills 0.8 to 0.95 of the crop (three
    in four) or 0.55 to 0.8; three in twenty are portraits, cut anywhere from the shins to the chest; one in
    twenty is partly out of the frame on any side. Half have parallel rays, half stand at 2 to 8 metres (log
    uniform), or at 2.5 times the reach of a person who stretches farther towards the viewer.
    """
    turns = [
        (
            math.radians(rng.uniform(-40, 40) if rng.random() < 0.55 else rng.uniform(-180, 180)),
            math.radians(rng.uniform(-5, 5)),
        )
        for rng in rngs
    ]
    packed = place(people, [Camera(yaw, 1.0, (0.0, 0.0), tilt) for yaw, tilt in turns])
    # rows go round, so that a person's points do not depend on how many vertices the others have
    sizes = torch.tensor([len(person.vertices) for person in people], device=packed.vertices.device)
    steps = torch.arange(_FRAMING_POINTS, device=sizes.device)
    rows = packed.vertex_rows[:, :1] + steps * sizes[:, None] // _FRAMING_POINTS
    points = packed.vertices[rows].double().cpu().numpy()
    return [_random_frame(rng, *turn, seen) for rng, turn, seen in zip(rngs, turns, points, strict=True)]


def random_camera(rng: np.random.Generator, person: Person) -> Camera:
    """One of `random_cameras`."""
    return random_cameras([rng], [person])[0]
