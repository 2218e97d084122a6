# SPDX-License-Identifier: GPL-3.0-or-later
"""From rendered people to a batch: one path for single views of CPU workers and whole batches on a GPU."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..camera_noise import developed, photographed
from ..sampling import first_of
from ..subjects import Subjects
from . import scene, subject
from .batch import Batch, ViewSettings
from .paste import over
from .plan import Plan
from .shadow import shaded


@torch.no_grad()
def photograph(
    subjects: Subjects,
    plans: Sequence[Plan],
    props: scene.Props,
    settings: ViewSettings,
    numbers: Sequence[int],
) -> Batch:
    """Each subject as its plan has it, with the truth: a `Batch` on the device of the subjects and the props.

    numbers: the views' indices. Raises ValueError where the subjects' maps have another size than the
    settings ask for.
    """
    if subjects.solid.shape[-1] != settings.maps:
        raise ValueError(
            f"The views have normals of {subjects.solid.shape[-1]} pixels a side and the preset needs "
            f"{settings.maps}: make a pool with `--size {2 * settings.maps}`."
        )
    device = subjects.colour.device
    subjects = subject.shrunk(subject.resized(subjects, settings.size), plans)
    frame = subject.frames(subjects.mask, plans)
    there = torch.tensor([not plan.nobody for plan in plans], device=device).float()[:, None, None, None]
    picture = scene.drawn_background(props, [plan.background for plan in plans], settings.size)
    picture = scene.with_standing(picture, subjects, frame, plans, props)
    shading = [(i, plan.shadow) for i, plan in enumerate(plans) if plan.shadow is not None]
    if shading:
        at = torch.tensor([i for i, _ in shading], device=device)
        dark = shaded(picture[at], subjects.mask[at], [shadow for _, shadow in shading])
        picture = picture.index_copy(0, at, dark)
    recolours = [plan.recolour for plan in plans]
    colour = subject.recoloured(subjects.colour, recolours)
    mask = subjects.mask * there
    picture = over(torch.cat([colour * mask, mask], 1), picture)
    picture = subject.edged(scene.with_held(picture, subjects, plans, props), frame)
    solid = subjects.solid * subject.within(frame, settings.maps) * there
    seen = subject.seen_points(subjects.points, frame)
    first = torch.tensor([plan.first for plan in plans], device=device) * seen.shape[1]
    chosen = first_of(seen, settings.points, first.long())
    points = subjects.points.gather(1, chosen[..., None].expand(-1, -1, 3))
    labels = subjects.labels.gather(1, chosen).float() * there[:, :, 0, 0]
    flip = torch.tensor([plan.flip for plan in plans], device=device)
    sideways = torch.where(flip[:, None, None], points.new_tensor(subject.SIDEWAYS), 1.0)
    back_colour = subject.recoloured(subjects.back_colour, recolours)
    # exposed and balanced as the picture is, which is all that can be told of the light
    back_colour = developed(back_colour, [plan.faults.develop for plan in plans]) * solid
    picture = photographed(subject.flipped(picture, flip), [plan.faults for plan in plans])
    return Batch(
        image=picture * 2 - 1,
        front=subject.flipped(subjects.front * solid, flip, subject.SIDEWAYS),
        back=subject.flipped(subjects.back * solid, flip, subject.SIDEWAYS),
        mask=subject.flipped(solid, flip),
        depth=subject.flipped(subjects.depth * solid, flip),
        span=subjects.span,
        points=points * sideways,
        labels=labels,
        back_known=torch.ones(len(plans), device=device),
        back_colour=subject.flipped(back_colour, flip),
        colour_known=subjects.colour_known,
        index=torch.tensor(list(numbers)),
        person=subjects.person,
    )
