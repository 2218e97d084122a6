# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured: weights files, whole or their coarse level alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.weights import LoadedWeights, find_weights, load_weights
from engine.weights.files import build_empty

COARSE = ":coarse"
"""After a file's name: its coarse level alone, as if it had no other."""


@dataclass(frozen=True)
class Entry:
    """What is measured in one row: a file's network under the label of its row."""

    label: str
    weights: LoadedWeights


def load_entries(names: Sequence[str]) -> list[Entry]:
    """The weights files of `names`, paths or names of the registry, each with or without COARSE behind it.

    A row's label is the file's name, or all that was given where two files have the same name. Raises
    EngineError bad_weights; ValueError where a coarse level is asked of weights that have no other.
    """
    loaded: dict[Path, LoadedWeights] = {}
    labels, chosen = [], []
    for name in names:
        path = find_weights(name.removesuffix(COARSE))
        if path not in loaded:
            loaded[path] = load_weights(path)
        weights, suffix = loaded[path], ""
        if name.endswith(COARSE):
            weights, suffix = coarse_alone(weights), COARSE
        labels.append(path.name + suffix)
        chosen.append(weights)
    return [
        Entry(label if labels.count(label) == 1 else name, weights)
        for label, name, weights in zip(labels, names, chosen, strict=True)
    ]


def coarse_alone(weights: LoadedWeights) -> LoadedWeights:
    """The coarse level of a network of two, with its normal nets, sharing their parameters. Raises ValueError
    for a network of one level."""
    if weights.preset.fine is None:
        raise ValueError(f"The preset {weights.preset.name} is a coarse level alone: leave {COARSE} out.")
    preset = replace(weights.preset, name=weights.preset.name + COARSE, fine_size=0, fine=None)
    network = build_empty(preset)
    network.netG = weights.network.netG
    return replace(weights, preset=preset, network=network.eval())
