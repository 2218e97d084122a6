# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendered views beside the people of a pool, for machines that cannot render as fast as they train.

Rendering costs a second or two a view on one core, while a training step there takes a fraction of one:
views are made once and varied as they are read.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..humans import Person
from ..render import back_colours
from ..sampling import COARSE_SIGMA, FINE_SIGMA
from ..subjects import Subjects, draw_shots, render_subjects
from .people import Arrays, damaged, read_arrays

FIELDS = {field.name for field in fields(Subjects)} - {"person", "back_colour", "colour_known"}
"""Names of the arrays of every file of views; who is shown its name tells. Older ones lack the back's
colour."""


@dataclass(frozen=True)
class PoolFormat:
    """size: side of the pictures, twice that of normals and depth; views: of each person, 0 for none; points:
    labelled ones a view and level."""

    size: int = 512
    views: int = 4
    points: int = 12000


def make_views(person: Person, rng: np.random.Generator, form: PoolFormat) -> Arrays:
    """Render `form.views` views of a person.

    Returns `Subjects` with the N views first and channels last: colour (N, S, S, 3) uint8 sRGB; mask (N, S,
    S) uint8; solid (N, S/2, S/2) bool; front, back (N, S/2, S/2, 3) uint8 with (n + 1) / 2 * 255; depth (N,
    2, S/2, S/2) float16; back_colour (N, S/2, S/2, 3) uint8 sRGB; points (N, 2, P, 3) float32 and labels (N,
    2, P) bool for the coarse and the fine level; span, metre, floor (N,) and hands (N, 2, 3) float32.
    """
    kept: list[Arrays] = []
    for _ in range(form.views):
        cameras, lights = draw_shots([rng], [person])
        sigmas, seed = (COARSE_SIGMA, FINE_SIGMA), int(rng.integers(2**62))
        seen = render_subjects(
            [person], cameras, lights, form.size, form.size // 2, form.points, sigmas, [seed]
        )
        kept.append(_compact(seen))
    return {name: np.concatenate([view[name] for view in kept]) for name in kept[0]}


def lacks_back_colour(path: Path) -> bool:
    """Whether a file of views is from before they had the back's colour. Raises ValueError where it is
    damaged."""
    try:
        with zipfile.ZipFile(path) as file:
            return "back_colour.npy" not in file.namelist()
    except (zipfile.BadZipFile, OSError) as error:
        raise damaged(path, error) from error


def add_back_colour(views: Arrays, person: Person, rng: np.random.Generator) -> None:
    """Give `make_views` of a person, from `rng` as it was then, the back's colour, which older files lack.

    It is worked out from the pictures as they are stored, a step of 255 off what it would have been when they
    were made. Raises ValueError where the views show the person from elsewhere.
    """
    cameras = []
    for _ in views["metre"]:
        cameras += draw_shots([rng], [person])[0]
        rng.integers(2**62)  # the points' seed
    if not np.allclose(views["metre"], [camera.scale for camera in cameras], rtol=1e-4):
        raise ValueError("its cameras are drawn otherwise by now")
    colour, mask = (torch.from_numpy(views[name]).float() / 255 for name in ("colour", "mask"))
    solid = torch.from_numpy(views["solid"])[:, None].float()
    same = [person] * len(cameras)
    views["back_colour"] = _channels_last(
        back_colours(same, cameras, colour.permute(0, 3, 1, 2), mask[:, None], solid)
    ).numpy()


def _channels_last(pictures: Tensor) -> Tensor:
    return (pictures.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def _compact(seen: Subjects) -> Arrays:
    tensors = {
        "colour": _channels_last(seen.colour),
        "mask": _channels_last(seen.mask)[..., 0],
        "solid": seen.solid[:, 0] > 0.5,
        "front": _channels_last(seen.front / 2 + 0.5),
        "back": _channels_last(seen.back / 2 + 0.5),
        "depth": seen.depth.half(),
        "back_colour": _channels_last(seen.back_colour),
        "points": seen.points.reshape(1, 2, -1, 3),
        "labels": seen.labels.reshape(1, 2, -1),
        **{name: getattr(seen, name) for name in ("span", "metre", "floor", "hands")},
    }
    return {name: np.ascontiguousarray(tensor.numpy()) for name, tensor in tensors.items()}


def read_views(path: Path) -> Arrays:
    """What `make_views` gave, from a file of the pool. Raises ValueError where it is damaged or none."""
    views = read_arrays(path)
    lacking = sorted(FIELDS - views.keys())
    if lacking:
        raise damaged(path, f"it lacks {lacking[0]}")
    return views


def one_view(views: Arrays, number: int, level: int, person: int) -> Subjects:
    """View `number` of `make_views` as `Subjects` with B = 1 and the points of one level (0 coarse, 1 fine);
    person: seed.
    """
    view = {name: torch.from_numpy(values[number : number + 1]) for name, values in views.items()}

    def channels_first(pictures: Tensor) -> Tensor:
        return pictures.permute(0, 3, 1, 2).float() / 255

    solid, coloured = view["solid"][:, None].float(), "back_colour" in view
    # bytes cannot hold the zero vector, and round the others
    front, back = (
        functional.normalize(channels_first(view[name]) * 2 - 1, dim=1) * solid for name in ("front", "back")
    )
    return Subjects(
        colour=channels_first(view["colour"]),
        mask=channels_first(view["mask"][..., None]),
        front=front,
        back=back,
        depth=view["depth"].float(),
        solid=solid,
        back_colour=channels_first(view["back_colour"]) if coloured else torch.zeros_like(front),
        colour_known=torch.tensor([float(coloured)]),
        points=view["points"][:, level],
        labels=view["labels"][:, level],
        person=torch.tensor([person]),
        **{name: view[name] for name in ("span", "metre", "floor", "hands")},
    )
