# SPDX-License-Identifier: GPL-3.0-or-later
"""Photographs with their truth, to be reconstructed and measured: of made people, or of scans."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..backgrounds import cast_shadow, photographic_background
from ..camera_noise import degrade
from ..humans import Person, make_person
from ..render import Camera, camera_vertices, random_light, render
from ..scans import ScanFolder, UnusableScan
from .metrics import Mesh

SIZE = 1024  # pixels a side of the photographs: what the finest network input asks for
EXTENT = 1.7  # of the picture's 2 camera units: the person's larger extent


@dataclass(frozen=True)
class Case:
    """A photograph with its truth. picture (S, S, 3) uint8 sRGB; true: metres, the middle of the picture
    at x = y = 0; span: metres that the picture's side measures; stature: metres; name: for reports.
    """

    name: str
    picture: NDArray[np.uint8]
    true: Mesh
    span: float
    stature: float


def synthetic_cases(
    seeds: Iterable[int], yaws: Sequence[float], noise: bool, size: int = SIZE
) -> Iterator[Case]:
    """Each person of `seeds` (see pool.TEST_SEEDS) as `photographs` shows them."""
    for seed in seeds:
        yield from photographs(make_person(seed), f"person {seed}", yaws, noise, size)


def scan_cases(
    scans: ScanFolder,
    seeds: Iterable[int],
    yaws: Sequence[float],
    noise: bool,
    unusable: dict[str, str],
    size: int = SIZE,
) -> Iterator[Case]:
    """The scans of `seeds` as `photographs` shows them; their stature is the height they were scanned with.

    How each was read is printed. One that cannot be used goes into `unusable`, its name and the reason, and
    is passed over.
    """
    for seed in seeds:
        name = scans.names[seed]
        try:
            person = scans.person(seed)
        except UnusableScan as error:
            unusable[name] = str(error).removeprefix(f"{name}: ")
            print(f"skipped {name}: {unusable[name]}", flush=True)
            continue
        told = person.description
        read = [f"unit {told['unit']}", f"up {told['up']}", *told["notes"]]
        print(f"{name}: {'; '.join(read)}", flush=True)
        yield from photographs(person, name, yaws, noise, size)


def photographs(
    person: Person, name: str, yaws: Sequence[float], noise: bool, size: int = SIZE
) -> Iterator[Case]:
    """A person from each of `yaws` (degrees, 0 from the front), over a generated background; noise: with the
    faults of cameras. Deterministic from the person's seed and the yaw.
    """
    extent = float((person.vertices.amax(0) - person.vertices.amin(0)).max())
    for yaw in yaws:
        rng = np.random.default_rng([person.seed, 5, round(yaw) % 360])
        camera = Camera(math.radians(yaw), EXTENT / extent, (0.0, 0.0))
        view = render(person, camera, size, random_light(rng))
        mask, colour = np.asarray(view.mask), np.asarray(view.colour.permute(1, 2, 0))
        cover = mask[0][..., None]
        background = cast_shadow(rng, photographic_background(rng, size, size), mask[0])
        picture = (colour * cover + background * (1 - cover)).astype(np.float32)
        if noise:
            picture = degrade(rng, picture)
        vertices = camera_vertices(person, camera) / camera.scale
        yield Case(
            f"{name} from {yaw:g} degrees",
            (picture * 255).round().clip(0, 255).astype(np.uint8),
            Mesh(vertices, person.faces, person.part),
            2 / camera.scale,
            person.stature,
        )
