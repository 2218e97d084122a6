# SPDX-License-Identifier: GPL-3.0-or-later
"""People rendered with their truth, before a photograph is made of them (training/views)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .humans import Person
from .occupancy import inside_views
from .render import Camera, Light, View, back_colours, place, random_cameras, random_light, render_batch
from .sampling import mixed_points


@dataclass(frozen=True)
class Subjects:
    """B rendered people, float32 on one device; camera space is x right, y up, z to the viewer, the picture
    is [-1, 1].

    colour (B, 3, R, R) sRGB in [0, 1], meaningful where mask > 0; mask (B, 1, R, R) coverage in [0, 1];
    front, back (B, 3, s, s) unit normals and depth (B, 2, s, s) camera z of the front and the back surface,
    with solid (B, 1, s, s), 1 where they are known and 0 where they are zero; back_colour (B, 3, s, s) sRGB
    in [0, 1] of the back surface in even light (`back_colours`), zero like them, and colour_known (B,), 0
    where it is zero throughout because nobody rendered it; points (B, P, 3) camera space and labels (B, P)
    bool; span (B,) what the picture's side measures in the person's statures; metre (B,)
    camera units a metre; floor (B,) camera y of the person's lowest point; hands (B, 2, 3) camera space, the
    middles of the palms, NaN where unknown; person (B,) int64 seeds, in CPU memory.
    """

    colour: Tensor
    mask: Tensor
    front: Tensor
    back: Tensor
    depth: Tensor
    solid: Tensor
    back_colour: Tensor
    colour_known: Tensor
    points: Tensor
    labels: Tensor
    span: Tensor
    metre: Tensor
    floor: Tensor
    hands: Tensor
    person: Tensor

    def __getitem__(self, views: slice) -> Subjects:
        return Subjects(**{field.name: getattr(self, field.name)[views] for field in fields(self)})


def draw_shots(
    rngs: Sequence[np.random.Generator], people: Sequence[Person]
) -> tuple[list[Camera], list[Light]]:
    """A random camera and light for each person, from its own rng alone."""
    return random_cameras(rngs, people), [random_light(rng) for rng in rngs]


@torch.no_grad()
def render_subjects(
    people: Sequence[Person],
    cameras: Sequence[Camera],
    lights: Sequence[Light],
    size: int,
    maps: int,
    points: int,
    sigmas: Sequence[float],
    seeds: Sequence[int],
) -> Subjects:
    """Render person i by camera i in light i at size x size, with normals, depth and the back's colour at
    maps x maps, which is `size` or half of it.

    points: labelled ones a view for each of `sigmas` (metres off the surface), one after the other; seeds: of
    the points of each view.
    """
    people = [_with_hands(person) for person in people]
    packed = place(people, cameras)
    device = packed.vertices.device
    last = [[len(person.vertices) - 2, len(person.vertices) - 1] for person in people]
    palms = packed.vertices[packed.vertex_rows[:, :1] + torch.tensor(last, device=device)]
    unknown = torch.tensor([person.hands is None for person in people], device=device)
    each = [len(person.faces) for person in people]
    drawn = []
    for faces, camera, seed in zip(torch.split(packed.faces, each), cameras, seeds, strict=True):
        generator = torch.Generator(device).manual_seed(seed)
        drawn.append(torch.cat([
            mixed_points(generator, packed.vertices, faces, points, sigma * camera.scale) for sigma in sigmas
        ]))  # fmt: skip
    asked = torch.stack(drawn)
    part = torch.cat([person.part for person in people])
    parts = int(part.amax()) + 1
    view = render_batch(people, cameras, size, lights)
    shape = _truth(view) if maps == size else _halved(view)
    spans = [2 / (camera.scale * person.stature) for camera, person in zip(cameras, people, strict=True)]
    return Subjects(
        colour=view.colour,
        mask=view.mask,
        **shape,
        back_colour=back_colours(people, cameras, view.colour, view.mask, shape["solid"]),
        colour_known=torch.ones(len(people), device=device),
        points=asked,
        labels=inside_views(asked, packed.vertices, packed.faces, part, packed.face_view, parts),
        span=torch.tensor(spans, device=device),
        metre=torch.tensor([camera.scale for camera in cameras], device=device),
        floor=packed.bounds(packed.vertices)[0][:, 1],
        hands=torch.where(unknown[:, None, None], torch.nan, palms),
        person=torch.tensor([person.seed for person in people]),
    )


def _with_hands(person: Person) -> Person:
    """The palms' middles as two more vertices without faces, so that they go through the camera too."""
    palms = person.vertices[:2] if person.hands is None else person.hands
    return replace(
        person,
        vertices=torch.cat([person.vertices, palms]),
        albedo=torch.cat([person.albedo, person.albedo[:2]]),
        gloss=torch.cat([person.gloss, person.gloss[:2]]),
    )


def _truth(view: View) -> dict[str, Tensor]:
    depth = torch.cat([view.depth_front, view.depth_back], 1)
    return {"front": view.front, "back": view.back, "depth": depth, "solid": (view.mask >= 0.5).float()}


def _halved(view: View) -> dict[str, Tensor]:
    """Normals and depth at half size: means over the covered pixels of 2 x 2, normals made unit again."""
    shape = _truth(view)
    share = functional.avg_pool2d(shape["solid"], 2)
    kept = (share >= 0.5).float()
    result = {"solid": kept}
    for name in ("front", "back", "depth"):
        mean = functional.avg_pool2d(shape[name], 2) / share.clamp(min=0.25)
        result[name] = (mean if name == "depth" else functional.normalize(mean, dim=1)) * kept
    return result
