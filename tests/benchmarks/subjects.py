# SPDX-License-Identifier: GPL-3.0-or-later
"""A subject of tiny random networks whose silhouette is a picture's alpha and whose body is an ellipsoid."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch

from benchmarks.subjects import Answer, StandIn, Subject
from engine.weights import Preset, random_weights
from engine.weights.presets import NormalNets
from tests.engine.seeing_weights import cut_out
from tests.tiny import TINY

PLAIN = replace(
    TINY,
    name="tiny-no-normals",
    normals=None,
    coarse=replace(TINY.coarse, encoder=replace(TINY.coarse.encoder, in_channels=3)),
    fine=replace(TINY.fine, encoder=replace(TINY.fine.encoder, in_channels=3)),
)
PAIRED = replace(TINY, name="tiny-pair", normals=NormalNets(False, (8, 8, 16), 1))
RADII = np.array([0.28, 0.6, 0.35])  # camera units; the picture's block is 0.38 wide and 0.77 high
WIDTH = 0.004  # over which occupancy falls: a fifth of a cell at 128


def write_picture(folder: Path) -> Path:
    """The block of tests.engine.seeing_weights as a PNG."""
    path = folder / "block.png"
    assert cv2.imwrite(str(path), cv2.cvtColor(cut_out(), cv2.COLOR_RGBA2BGRA))
    return path


def ellipsoid(points: torch.Tensor, asked: torch.Tensor) -> torch.Tensor:
    """Occupancy of an ellipsoid with RADII around the middle, whatever the networks answered."""
    far = (points / torch.from_numpy(RADII).float()).norm(dim=1) - 1
    return torch.sigmoid(-far * float(RADII.min()) / WIDTH)


def tiny_subject(folder: Path, body: Answer = ellipsoid, preset: Preset = PLAIN) -> Subject:
    weights = random_weights(preset, 3)
    mask = torch.ones(1, 1, preset.coarse_size, preset.coarse_size)
    box = (15.0, 10.0, 45.0, 70.0)
    return Subject(write_picture(folder), box, weights, weights, torch.device("cpu"), StandIn(body, mask))
