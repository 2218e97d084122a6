# SPDX-License-Identifier: GPL-3.0-or-later
"""Views that were rendered into the pool, photographed by CPU workers: for machines without a GPU."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..crew import loaded
from ..pool import list_views, one_view, read_usable, read_views
from ..pool.people import Arrays
from .batch import Batch, ViewSettings, view_numbers
from .bystanders import BYSTANDERS, person_sprites, seen_whole
from .photograph import photograph
from .plan import draw_plan
from .scene import Props
from .stock import read_props

SPRITE_SIZE = 320
"""Pixels a side of the sprites of other people."""
CPU = torch.device("cpu")
Item = dict[str, NDArray[np.generic]]


class StoredViews(torch.utils.data.Dataset[Item]):
    """A `Source` of the views that a pool holds rendered.

    Each view depends on `seed`, its index and the pool alone. Raises ValueError where the folder holds no
    rendered views.
    """

    def __init__(self, folder: Path, settings: ViewSettings, seed: int) -> None:
        super().__init__()
        self.folder, self.settings, self.seed = folder, settings, seed
        self.files = list_views(folder)
        self.bystanders = _bystanders(self.files)
        read_props(folder, self.bystanders, CPU)  # a stock is made here, once, not by each worker

    @cached_property
    def _props(self) -> Props:
        return read_props(self.folder, self.bystanders, CPU)

    def __getitem__(self, index: int) -> Item:
        rng = np.random.default_rng([self.seed, index])
        person, views = read_usable(_numbered, self.files, int(rng.integers(len(self.files))))
        # portraits are rare in the pool and the hardest to tell from what is behind them
        share = 1 / views["span"].astype(np.float64)
        number = int(rng.choice(len(share), p=share / share.sum()))
        subjects = one_view(views, number, self.settings.level, person)
        plan = draw_plan(rng, self._props.stock, self.settings.for_normals)
        batch = photograph(subjects, [plan], self._props, self.settings, [index])
        return {name: value[0].numpy() for name, value in vars(batch).items()}

    def batches(
        self, count: int, workers: int, first: int = 0, rank: int = 0, world: int = 1
    ) -> Iterator[Batch]:
        """As `Source.batches`; the helpers are processes."""
        numbers = (view_numbers(step, count, rank, world) for step in itertools.count(first))
        return (Batch(**item) for item in loaded(self, numbers, workers))


def _numbered(path: Path) -> tuple[int, Arrays]:
    return int(path.stem), read_views(path)


def _bystanders(files: list[Path]) -> torch.Tensor:
    """(N, s, s, 4) uint8 sprites of the first people, one of each who is seen whole in some view."""
    sprites = []
    for first in range(min(BYSTANDERS, len(files))):
        person, views = read_usable(_numbered, files, first)
        for number in range(len(views["span"])):
            subjects = one_view(views, number, 0, person)
            if bool(seen_whole(subjects)[0]):
                sprites.append(person_sprites(subjects, SPRITE_SIZE))
                break
    return torch.cat(sprites) if sprites else torch.zeros(0, SPRITE_SIZE, SPRITE_SIZE, 4).byte()
