# SPDX-License-Identifier: GPL-3.0-or-later
"""Views rendered as they are asked for: on a GPU that takes less time than reading them from disk."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from ..humans import Person
from ..pool import list_pool
from ..render import Camera, random_light
from ..sampling import COARSE_SIGMA, FINE_SIGMA
from ..subjects import Subjects, draw_shots, render_subjects
from .ahead import KeptPeople, made_ahead
from .batch import Batch, ViewSettings, view_numbers
from .bystanders import BYSTANDERS, person_sprites
from .gallery import WINDOW, Gallery, subject_number
from .photograph import photograph
from .plan import draw_plan
from .stock import read_props

AHEAD = 2
"""Steps whose people are read before they are asked for."""
RELISTED = 100
"""Steps after which the pool is listed anew, since it may still be filling."""
SPARE = 2
"""Points that are labelled for each that is asked for: a frame leaves some out, and views take others."""
SPRITE_SIZE, TOGETHER = 512, 8
"""Pixels a side of the sprites of other people at most, and how many are rendered at once."""


class LiveViews:
    """A `Source` that renders the people of a pool on `device` (training.render) and labels points there.

    A rendered person is shown by a few views (`gallery.SHOWN`), at different times. Each view depends on
    `seed`, its index and the people of the pool alone; while the pool fills, on those it has. Raises
    ValueError where the folder holds no people.
    """

    def __init__(self, folder: Path, settings: ViewSettings, seed: int, device: torch.device) -> None:
        self.folder, self.settings, self.seed, self.device = folder, settings, seed, device
        self.files = list_pool(folder)
        self.props = read_props(folder, self._bystanders(), device)

    def batches(
        self, count: int, workers: int, first: int = 0, rank: int = 0, world: int = 1
    ) -> Iterator[Batch]:
        """As `Source.batches`; the helpers are threads: one that renders, on a stream of its own, and
        `workers` that read people.
        """
        kept = KeptPeople(self.device, max(1, workers))
        gallery = Gallery(lambda numbers: self._rendered(numbers, kept), WINDOW + count * world)

        def make(step: int) -> Batch:
            if step % RELISTED == 0:
                self.files = list_pool(self.folder)
            for later in range(step, step + AHEAD + 1):
                for index in view_numbers(later, count, rank, world):
                    number = self._start(index)[1]
                    if number not in gallery:
                        kept.want(self.files, self._subject(number)[1])
            return self._batch(view_numbers(step, count, rank, world), gallery)

        steps = map(make, itertools.count(first))
        return made_ahead(steps, self.device) if workers else steps

    def _start(self, index: int) -> tuple[np.random.Generator, int]:
        """The rng of a view, and the number of the rendered person it shows, which is drawn first."""
        rng = np.random.default_rng([self.seed, index])
        return rng, subject_number(rng, index)

    def _subject(self, number: int) -> tuple[np.random.Generator, int]:
        """The rng of a rendered person, and who of the pool it is, which is drawn first."""
        rng = np.random.default_rng([self.seed, number, 2])
        return rng, int(rng.integers(len(self.files)))

    def _rendered(self, numbers: Sequence[int], kept: KeptPeople) -> Subjects:
        rngs, chosen = zip(*(self._subject(number) for number in numbers), strict=True)
        people = [kept.person(self.files, number) for number in chosen]
        cameras, lights = draw_shots(rngs, people)
        seeds = [int(rng.integers(2**62)) for rng in rngs]
        sigma = (COARSE_SIGMA, FINE_SIGMA)[self.settings.level]
        size, maps, points = self.settings.size, self.settings.maps, SPARE * self.settings.points
        return render_subjects(people, cameras, lights, size, maps, points, [sigma], seeds)

    def _batch(self, numbers: Sequence[int], gallery: Gallery) -> Batch:
        rngs, shown = zip(*(self._start(index) for index in numbers), strict=True)
        plans = [draw_plan(rng, self.props.stock, self.settings.for_normals) for rng in rngs]
        return photograph(gallery.subjects(shown), plans, self.props, self.settings, numbers)

    def _bystanders(self) -> torch.Tensor:
        """(N, s, s, 4) uint8 sprites of the first people, from any side."""
        size = min(SPRITE_SIZE, self.settings.size)
        files = self.files[:BYSTANDERS]
        kept = KeptPeople(self.device, 1)
        sprites = []
        for first in range(0, len(files), TOGETHER):
            numbers = range(first, min(first + TOGETHER, len(files)))
            people = [kept.person(files, number) for number in numbers]
            rngs = [np.random.default_rng([self.seed, number, 1]) for number in numbers]
            cameras = [_whole(rng, person) for rng, person in zip(rngs, people, strict=True)]
            lights = [random_light(rng) for rng in rngs]
            seen = render_subjects(people, cameras, lights, size, size, 1, [COARSE_SIGMA], [0] * len(people))
            sprites.append(person_sprites(seen, size))
        return torch.cat(sprites)


def _whole(rng: np.random.Generator, person: Person) -> Camera:
    """From any side, all of the person in the picture."""
    # a turned person is no wider than the diagonal of their box
    extent = float((person.vertices.amax(0) - person.vertices.amin(0)).norm())
    return Camera(float(rng.uniform(-np.pi, np.pi)), 1.9 / extent, (0.0, 0.0), float(rng.uniform(-0.05, 0.1)))
