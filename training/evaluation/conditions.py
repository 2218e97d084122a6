# SPDX-License-Identifier: GPL-3.0-or-later
"""The same person photographed under conditions that make reconstructing harder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import cv2
import numpy as np

from ..backgrounds import cast_shadow, photographic_background
from ..backgrounds.places import clutter
from ..distractors.sprites import draw
from ..humans import Person, make_person
from ..render import Camera, Light, random_light, render
from .cases import Case, Floats, People, case_of, composed, whole_camera
from .meshes import Mesh, outer_faces

USUAL = 1024  # pixels a side
REFERENCE = "reference"
CONDITIONS = (
    REFERENCE, "256 pixels", "512 pixels", "2048 pixels", "JPEG quality 30", "cluttered", "dark",
    "overexposed", "legs out of frame", "side out of frame", "from the side", "from behind",
)  # fmt: skip
"""The reference: 1024 pixels a side, the whole person from the front over a generated background. All but the
four sizes have 1024 pixels too, and all are the same but for what their name says."""
DARK, OVEREXPOSED = 0.06, 4.0  # times the light of the reference
READ_NOISE = 0.012  # of full light (sRGB), standard deviation: what a dark picture is drowned in
GAMMA = 2.2
NEIGHBOUR = 500_000  # from a person's seed to that of who stands beside them


def people_in_conditions(seeds: range) -> People:
    """The made people of `seeds`, each in all CONDITIONS; the cases' trait "condition" tells which.

    Of people partly out of the frame the part within it is compared: see `metrics.compare`.
    """
    names = {seed: f"person {seed}" for seed in seeds}
    text = f"Synthetic people, seeds {seeds[0]} to {seeds[-1]}, each in {len(CONDITIONS)} conditions"
    return People(text, names, in_conditions)


def in_conditions(seed: int) -> Iterator[Case]:
    """The person of a seed in all CONDITIONS, in that order. Deterministic."""
    person = make_person(seed)
    outer = outer_faces(Mesh(person.vertices, person.faces, person.part))
    for condition in CONDITIONS:
        camera, picture = _taken(person, condition)
        name = f"person {seed}, {condition}"
        traits = {"person": f"person {seed}", "condition": condition}
        yield case_of(person, camera, outer, name, picture, traits)


def _taken(person: Person, condition: str) -> tuple[Camera, Floats]:
    """The camera and its picture (S, S, 3) float32 sRGB in [0, 1]."""
    camera = _camera(person, condition)
    # light and place are those of the reference, whatever the condition
    rng = np.random.default_rng([person.seed, 7])
    light, place = random_light(rng), photographic_background(rng, USUAL, USUAL)
    if condition == "cluttered":
        place = _crowded(rng, person, camera, light)
    size = int(condition.removesuffix(" pixels")) if condition.endswith(" pixels") else USUAL
    picture = _photograph(rng, person, camera, light, place, max(size, USUAL))
    return camera, _SPOILED.get(condition, _as_it_is)(rng, _sized(picture, size))


def _camera(person: Person, condition: str) -> Camera:
    yaw = {"from the side": 90.0, "from behind": 180.0}.get(condition, 0.0)
    whole = whole_camera(person, yaw)
    if condition == "side out of frame":
        return replace(whole, shift=(-0.9, 0.0))  # the middle of the person is near the left edge
    if condition == "legs out of frame":
        height = float(person.vertices[:, 1].max())
        # 2.6 of the frame's 2 units, the crown 0.15 below the upper edge: a quarter is below the lower one
        return replace(whole, scale=2.6 / height, shift=(0.0, 0.85 - 1.3))
    return whole


def _photograph(
    rng: np.random.Generator, person: Person, camera: Camera, light: Light, place: Floats, size: int
) -> Floats:
    """(size, size, 3): 2048 samples a side whatever the size, because those of 4096 would take 2 GB."""
    view = render(person, camera, size, light, supersample=max(1, 2 * USUAL // size))
    mask = _sized(np.asarray(view.mask[0]), USUAL)
    return composed(view, _sized(cast_shadow(rng, place.astype(np.float32), mask), size))


def _crowded(rng: np.random.Generator, person: Person, camera: Camera, light: Light) -> Floats:
    """(USUAL, USUAL, 3): a cluttered place with somebody else on one side and things on both."""
    place = np.asarray(clutter(rng, USUAL, USUAL), np.float32).clip(0, 1)
    side = float(rng.choice([-1.0, 1.0]))
    for x, low, size in ((-side * 0.75, -0.7, 0.9), (side * 0.4, -0.6, 0.7)):
        sprite = draw(rng, "standing", round(size * USUAL / 2)).astype(np.float32) / 255
        place = _pasted(place, sprite, x, low)
    # a little smaller than the subject, who has to stay the largest person
    other = make_person(person.seed + NEIGHBOUR)
    scale = 0.8 * camera.scale
    floor = 0.06 - camera.scale * float(person.vertices[:, 1].max()) / 2
    middle = floor + scale * float(other.vertices[:, 1].max()) / 2
    beside = Camera(float(rng.uniform(-0.8, 0.8)), scale, (side * 0.7, middle))
    return composed(render(other, beside, USUAL, light), place)


def _pasted(place: Floats, sprite: Floats, x: float, low: float) -> Floats:
    """place with a sprite (s, s, 4) whose lower edge's middle is at x, low in camera units."""
    side, size = len(sprite), len(place)
    left, top = round((x + 1) / 2 * size - side / 2), round((1 - low) / 2 * size - side)
    rows, columns = slice(max(0, top), min(size, top + side)), slice(max(0, left), min(size, left + side))
    part = sprite[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    result = place.copy()
    result[rows, columns] += (part[..., :3] - result[rows, columns]) * part[..., 3:]
    return result


def _sized(picture: Floats, size: int) -> Floats:
    """A square picture, (S, S) or (S, S, C), size pixels a side."""
    kind = cv2.INTER_AREA if size < len(picture) else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (size, size), interpolation=kind), np.float32).clip(0, 1)


def _as_it_is(rng: np.random.Generator, picture: Floats) -> Floats:
    return picture


def _exposed(picture: Floats, gain: float) -> Floats:
    return np.asarray((picture**GAMMA * gain).clip(0, 1) ** (1 / GAMMA), np.float32)


def _dark(rng: np.random.Generator, picture: Floats) -> Floats:
    dark = _exposed(picture, DARK)
    return np.asarray((dark + rng.normal(0, READ_NOISE, dark.shape)).clip(0, 1), np.float32)


def _overexposed(rng: np.random.Generator, picture: Floats) -> Floats:
    return _exposed(picture, OVEREXPOSED)


def _compressed(rng: np.random.Generator, picture: Floats) -> Floats:
    levels = (picture[..., ::-1] * 255).round().astype(np.uint8)
    encoded = cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, 30])[1]
    decoded = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.float32)
    return decoded[..., ::-1] / 255


_SPOILED: dict[str, Callable[[np.random.Generator, Floats], Floats]] = {
    "JPEG quality 30": _compressed,
    "dark": _dark,
    "overexposed": _overexposed,
}
