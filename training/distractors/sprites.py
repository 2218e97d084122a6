# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of things with their silhouettes, made once, to be put into pictures of people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from ..humans import Person
from ..humans.topology import FloatArray
from ..render import Camera, View, random_light, render
from ..stacks import write_stack
from . import animals, furniture, held, plants, stands, street
from .solids import Solid, moved, rotation

Kind = Literal["standing", "held"]
Maker = Callable[[np.random.Generator], list[Solid]]
THINGS: dict[Kind, dict[Maker, float]] = {
    "standing": {
        furniture.chair: 0.16,
        furniture.armchair: 0.06,
        furniture.stool: 0.06,
        furniture.table: 0.1,
        furniture.shelf: 0.07,
        stands.lamp: 0.06,
        plants.plant: 0.11,
        stands.coat_stand: 0.05,
        stands.dress_form: 0.06,
        animals.dog: 0.1,
        animals.cat: 0.04,
        animals.horse: 0.04,
        street.bicycle: 0.05,
        street.bin_or_bollard: 0.04,
    },
    "held": {
        held.phone: 0.18,
        held.cup: 0.13,
        held.bottle: 0.1,
        held.book: 0.13,
        held.ball: 0.1,
        held.umbrella: 0.1,
        held.shopping_bag: 0.14,
        held.flowers: 0.07,
        held.racket_or_stick: 0.05,
    },
}
"""Each maker with its share."""


def assemble(solids: list[Solid]) -> Person:
    """The solids as the renderer takes them, in one list, none moved; each is a part."""
    offsets = np.cumsum([0] + [len(piece.vertices) for piece in solids[:-1]])

    def joined(arrays: list[NDArray[Any]]) -> torch.Tensor:
        return torch.from_numpy(np.concatenate(arrays))

    return Person(
        vertices=joined([piece.vertices.astype(np.float32) for piece in solids]),
        faces=joined([piece.faces + offset for piece, offset in zip(solids, offsets, strict=True)]),
        part=joined([np.full(len(piece.faces), i) for i, piece in enumerate(solids)]),
        albedo=joined([piece.albedo.astype(np.float32) for piece in solids]),
        gloss=joined([np.full(len(piece.vertices), piece.gloss, np.float32) for piece in solids]),
        seed=0,
        stature=1.0,
    )


def _camera(vertices: FloatArray, kind: Kind) -> Camera:
    """What fills the square: all of a standing thing with its lowest point on the lower edge, or a held one
    with the origin in the middle."""
    low, high = vertices.min(0)[:2], vertices.max(0)[:2]
    if kind == "standing":
        scale = 2 / float((high - low).max())
        return Camera(0.0, scale, (0.0, float(scale * (high - low)[1] / 2) - 1))
    scale = 1 / float(np.abs([low, high]).max())
    x, y = scale * (low + high) / 2
    return Camera(0.0, scale, (float(x), float(y)))


def _straight(view: View) -> NDArray[np.uint8]:
    """(S, S, 4) straight alpha; colours go on beyond the edge, so that resizing makes no dark seam."""
    mask = view.mask[0].numpy()
    colour = view.colour.permute(1, 2, 0).numpy()
    rows, columns = distance_transform_edt(mask < 0.5, return_distances=False, return_indices=True)
    rgba = np.concatenate([colour[rows, columns], mask[..., None]], axis=-1)
    return np.asarray((rgba * 255).round(), np.uint8)


def _posed(rng: np.random.Generator, kind: Kind) -> tuple[list[Solid], Camera]:
    """A thing, turned to any side, and the camera that fills the square with it."""
    makers = list(THINGS[kind])
    solids = makers[rng.choice(len(makers), p=list(THINGS[kind].values()))](rng)
    # standing things are seen a little from above, held ones from wherever the hand turns them
    tilt = rng.uniform(-4, 14) if kind == "standing" else rng.normal(0, 20)
    solids = moved(solids, rotation(0, tilt) @ rotation(1, rng.uniform(0, 360)))
    return solids, _camera(np.concatenate([piece.vertices for piece in solids]), kind)


def draw(rng: np.random.Generator, kind: Kind, size: int) -> NDArray[np.uint8]:
    """One thing in random colours and light, from any side: (size, size, 4) uint8 RGBA."""
    solids, camera = _posed(rng, kind)
    return _straight(render(assemble(solids), camera, size, random_light(rng)))


def _sprites(kind: Kind, count: int, size: int, seed: int) -> Iterator[NDArray[np.uint8]]:
    for index in range(count):
        yield draw(np.random.default_rng([seed, 6, index]), kind, size)


def sprite_metres(kind: Kind, count: int, seed: int = 0) -> list[float]:
    """Metres that the side of each sprite of `build_sprites` measures."""
    rngs = (np.random.default_rng([seed, 6, index]) for index in range(count))
    return [2 / _posed(rng, kind)[1].scale for rng in rngs]


def build_sprites(folder: Path, kind: Kind, count: int, size: int, seed: int = 0) -> Path:
    """Write (count, size, size, 4) uint8 RGBA pictures of things, sRGB with straight alpha, into `folder`,
    unless they are there; returns the .npy.

    Each thing is upright and fills its square. kind: "standing", furniture, plants, dress forms, animals and
    bicycles, whose lowest point lies on the square's lower edge; or "held", whose grip is the square's
    middle. Deterministic from the seed. Raises ValueError where the disk is full.
    """
    path = folder / f"{kind}-{count}x{size}-{seed}.npy"
    if not path.exists():
        write_stack(path, count, (size, size, 4), _sprites(kind, count, size, seed))
    return path
