# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendered people that several views show, each time elsewhere, cut, lit by other cameras' faults."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import fields

import numpy as np
import torch
from torch import Tensor

from ..subjects import Subjects

SHOWN = 4
"""Views that show a rendered person, on average: to render takes 4,300 operations for 16 people and 13,000
for 96, to photograph them 2,400, and each has to be launched."""
WINDOW = 512
"""Rendered people that a view is of one of: those that come again soon would otherwise fill a batch."""
HALF = ("colour", "mask", "front", "back", "depth", "solid", "back_colour")
"""Kept as float16, which is finer than the bytes of a photograph."""


def subject_number(rng: np.random.Generator, index: int) -> int:
    """The number of the rendered person that view `index` shows; rng: the view's own.

    It lies in a window that moves on by one every SHOWN views, so that people are rendered at an even rate
    and every view still depends on its index alone.
    """
    return index // SHOWN + int(rng.integers(WINDOW))


class Gallery:
    """The people that `render` made last, by number, on their device; at most `room` stay."""

    def __init__(self, render: Callable[[Sequence[int]], Subjects], room: int) -> None:
        self._render, self._room = render, room
        self._place: OrderedDict[int, int] = OrderedDict()
        self._kept: dict[str, Tensor] = {}

    def __contains__(self, number: int) -> bool:
        return number in self._place

    def subjects(self, numbers: Sequence[int]) -> Subjects:
        """Those of these numbers, in float32 as `render` gave them but for rounding; a number may come twice.

        Raises ValueError where there is no room for all.
        """
        wanted = list(dict.fromkeys(numbers))
        if len(wanted) > self._room:
            raise ValueError(f"There is room for {self._room} rendered people, and {len(wanted)} are wanted.")
        for number in wanted:
            if number in self._place:
                self._place.move_to_end(number)
        missing = [number for number in wanted if number not in self._place]
        if missing:
            self._hang(missing, self._render(missing))
        rows = torch.tensor([self._place[number] for number in numbers])
        return Subjects(**{
            name: (kept[rows].float() if name in HALF else kept[rows]) for name, kept in self._kept.items()
        })  # fmt: skip

    def _hang(self, numbers: Sequence[int], rendered: Subjects) -> None:
        places = []
        for number in numbers:
            full = len(self._place) == self._room
            # those of this call were used last, so none of them is taken down
            place = self._place.popitem(last=False)[1] if full else len(self._place)
            self._place[number] = place
            places.append(place)
        for field in fields(Subjects):
            value: Tensor = getattr(rendered, field.name)
            if field.name not in self._kept:
                kind = torch.float16 if field.name in HALF else value.dtype
                self._kept[field.name] = torch.empty(
                    self._room, *value.shape[1:], dtype=kind, device=value.device
                )
            kept = self._kept[field.name]
            kept[torch.tensor(places)] = value.to(kept.dtype)
