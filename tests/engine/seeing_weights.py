# SPDX-License-Identifier: GPL-3.0-or-later
"""Tiny random networks that find a surface, and a picture in which they find it."""

from collections.abc import Iterator

import numpy as np

from engine.errors import EngineError
from engine.photo import from_pixels
from engine.pipeline import reconstruct
from engine.settings import Settings
from engine.weights import LoadedWeights, random_weights
from tests.tiny import TINY


def cut_out() -> np.ndarray:
    """(80, 60, 4) uint8: an orange block before nothing."""
    pixels = np.zeros((80, 60, 4), np.uint8)
    pixels[10:70, 15:45] = 200, 150, 100, 255
    return pixels


def two_cut_outs() -> np.ndarray:
    """(80, 120, 4) uint8: two such blocks, the left one smaller."""
    both = np.concatenate([cut_out(), cut_out()[:, ::-1]], axis=1)
    both[10:14, 15:45, 3] = 0
    return both


def seeing_weights() -> Iterator[LoadedWeights]:
    """Random weights with which cut_out() and both of two_cut_outs() have a surface: about every second seed,
    whatever the networks are.
    """
    for seed in range(40):
        weights = random_weights(TINY, seed)
        try:
            for picture, number in ((cut_out(), 1), (two_cut_outs(), 1), (two_cut_outs(), 2)):
                settings = Settings(resolution=64, device="cpu", person=number)
                reconstruct(from_pixels(picture), weights, weights, settings, lambda *progress: None)
        except EngineError as error:
            if error.code not in ("no_person", "broken_field"):
                raise
        else:
            yield weights
    raise AssertionError("too few of 40 random networks see a surface")
