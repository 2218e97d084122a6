# SPDX-License-Identifier: GPL-3.0-or-later
"""One person under all conditions, as a picture: what the engine was shown, and what it made of it."""

from __future__ import annotations

import numpy as np

from engine.errors import EngineError
from engine.photo import from_pixels
from engine.pipeline import in_camera_space, reconstruct
from engine.settings import Settings
from engine.weights import LoadedWeights

from .cases import Case, People
from .drawing import PAPER, Picture, captioned, clay, drawn, fitted

SIDE = 190  # pixels of a panel
COLUMNS = 6


def condition_sheet(weights: LoadedWeights, guide: LoadedWeights, people: People, resolution: int) -> Picture:
    """Of the first of the people: above each other the photograph, and the mesh from where it was taken and
    from the viewer's right, or the code of the error that came instead. Arguments as for
    pipeline.reconstruct.
    """
    seed = next(iter(people.names))
    columns = [_column(weights, guide, case, resolution) for case in people.photographs(seed)]
    columns += [np.full_like(columns[0], 255)] * (-len(columns) % COLUMNS)
    rows = [
        np.concatenate(columns[first : first + COLUMNS], axis=1) for first in range(0, len(columns), COLUMNS)
    ]
    return np.concatenate(rows)


def _column(weights: LoadedWeights, guide: LoadedWeights, case: Case, resolution: int) -> Picture:
    settings = Settings(resolution=resolution, height=case.stature, colour="none")
    try:
        result = reconstruct(from_pixels(case.picture), weights, guide, settings, lambda *_: None)
        mesh = in_camera_space(result)
        panels = [
            drawn(mesh.vertices, mesh.faces, clay(mesh.vertices, mesh.faces, turn), turn, SIDE)
            for turn in (0, -90)
        ]
    except EngineError as error:
        panels = [captioned(np.full((SIDE - 22, SIDE, 3), PAPER, np.uint8), f"refused: {error.code}")]
        panels.append(np.full((SIDE, SIDE, 3), PAPER, np.uint8))
    shown = captioned(fitted(case.picture, SIDE, SIDE), case.traits["condition"])
    column = np.concatenate([shown, *panels])
    return np.pad(column, ((0, 8), (0, 6), (0, 0)), constant_values=255)
