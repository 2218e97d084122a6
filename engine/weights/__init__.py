# SPDX-License-Identifier: GPL-3.0-or-later
"""Weights files and the architectures they belong to. Importing this does not import torch; loading does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .presets import PRESETS, Preset
from .registry import REGISTRY, find_weights

if TYPE_CHECKING:
    from .files import DEFAULT_WEIGHTS, LoadedWeights, load_weights, random_weights, save_weights

__all__ = [
    "DEFAULT_WEIGHTS", "LoadedWeights", "PRESETS", "Preset", "REGISTRY", "find_weights", "load_weights",
    "random_weights", "save_weights",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(name)
    from . import files

    return getattr(files, name)
