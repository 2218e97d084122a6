# SPDX-License-Identifier: GPL-3.0-or-later
"""Photographs with their truth, to be reconstructed and measured: of made people, or of scans."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..backgrounds import cast_shadow, photographic_background
from ..camera_noise import degrade
from ..humans import Person, make_person
from ..render import Camera, View, camera_vertices, random_light, render
from ..scans import ScanFolder
from .meshes import Mesh, outer_faces

Floats = NDArray[np.floating[Any]]
SIZE = 1024  # pixels a side of the photographs: what the finest network input asks for
EXTENT = 1.7  # of the picture's 2 camera units: the person's larger extent


@dataclass(frozen=True)
class Case:
    """A photograph with its truth. picture (S, S, 3) uint8 sRGB; true: metres, the middle of the picture
    at x = y = 0; outer: the truth's outer surface; span: metres that the picture's side measures; stature:
    metres; name: for reports; traits: by which reports group, such as the pose; cut: whether the person
    reaches out of the picture, so that only what lies within it is to be compared.
    """

    name: str
    picture: NDArray[np.uint8]
    true: Mesh
    outer: Mesh
    span: float
    stature: float
    traits: dict[str, str] = field(default_factory=dict)
    cut: bool = False


@dataclass(frozen=True)
class People:
    """Who is photographed, and how. text: in words; names: by seed, in order; photographs: those of a seed,
    which may raise UnusableScan; unusable: scans that were passed over, and why. Sent whole to workers.
    """

    text: str
    names: dict[int, str]
    photographs: Callable[[int], Iterator[Case]]
    unusable: dict[str, str] = field(default_factory=dict)


def synthetic_people(seeds: range, yaws: Sequence[float], noise: bool, size: int = SIZE) -> People:
    """The made people of `seeds` (see pool.TEST_SEEDS) as `photographs` shows them."""
    names = {seed: f"person {seed}" for seed in seeds}
    text = f"Synthetic people, seeds {seeds[0]} to {seeds[-1]}"
    return People(text, names, partial(_of_synthetic, yaws=yaws, noise=noise, size=size))


def _of_synthetic(seed: int, yaws: Sequence[float], noise: bool, size: int) -> Iterator[Case]:
    return photographs(make_person(seed), f"person {seed}", yaws, noise, size)


def scanned_people(
    scans: ScanFolder, seeds: Sequence[int], text: str, yaws: Sequence[float], noise: bool, size: int = SIZE
) -> People:
    """The scans of `seeds` as `photographs` shows them; their stature is the height they were scanned with.
    How each was read is printed."""
    names = {seed: scans.names[seed] for seed in seeds}
    take = partial(_of_scan, scans=scans, yaws=yaws, noise=noise, size=size)
    return People(text, names, take, dict(scans.unusable))


def _of_scan(seed: int, scans: ScanFolder, yaws: Sequence[float], noise: bool, size: int) -> Iterator[Case]:
    person = scans.person(seed)
    told = person.description
    read = [f"unit {told['unit']}", f"up {told['up']}", *told["notes"]]
    print(f"{scans.names[seed]}: {'; '.join(read)}", flush=True)
    return photographs(person, scans.names[seed], yaws, noise, size)


def photographs(
    person: Person, name: str, yaws: Sequence[float], noise: bool, size: int = SIZE
) -> Iterator[Case]:
    """A person from each of `yaws` (degrees, 0 from the front), over a generated background; noise: with the
    faults of cameras. Deterministic from the person's seed and the yaw.
    """
    outer = outer_faces(Mesh(person.vertices, person.faces, person.part))
    for yaw in yaws:
        rng = np.random.default_rng([person.seed, 5, round(yaw) % 360])
        camera = whole_camera(person, yaw)
        view = render(person, camera, size, random_light(rng))
        mask = np.asarray(view.mask)
        background = cast_shadow(rng, photographic_background(rng, size, size), mask[0])
        picture = composed(view, background)
        if noise:
            picture = degrade(rng, picture)
        traits = {"person": name, "yaw": f"{yaw:g}"}
        yield case_of(person, camera, outer, f"{name} from {yaw:g} degrees", picture, traits)


def whole_camera(person: Person, yaw: float) -> Camera:
    """The camera that shows all of a person from `yaw` degrees."""
    extent = float((person.vertices.amax(0) - person.vertices.amin(0)).max())
    return Camera(math.radians(yaw), EXTENT / extent, (0.0, 0.0))


def composed(view: View, background: Floats) -> Floats:
    """A rendered person before a background: both and the result (S, S, 3) float32 sRGB in [0, 1]."""
    cover = np.asarray(view.mask[0])[..., None]
    colour = np.asarray(view.colour.permute(1, 2, 0))
    return np.asarray(colour * cover + background * (1 - cover), np.float32)


def case_of(
    person: Person, camera: Camera, outer: Tensor, name: str, picture: Floats, traits: dict[str, str]
) -> Case:
    """The case of a picture (S, S, 3) float32 sRGB in [0, 1] that this camera took. outer: `outer_faces` of
    the person; traits: what is to be known besides the pose."""
    vertices = camera_vertices(person, camera)
    true = Mesh(vertices / camera.scale, person.faces, person.part)
    pose = {"pose": str(person.description["pose"])} if "pose" in person.description else {}
    return Case(
        name,
        (picture * 255).round().clip(0, 255).astype(np.uint8),
        true,
        true.kept(outer),
        2 / camera.scale,
        person.stature,
        pose | traits,
        bool((vertices[person.faces][..., :2].abs() > 1).any()),
    )
