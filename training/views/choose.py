# SPDX-License-Identifier: GPL-3.0-or-later
"""Which source a machine can feed a network from."""

from __future__ import annotations

from pathlib import Path

import torch

from .batch import Source, ViewSettings
from .live import LiveViews
from .stored import StoredViews


def open_views(folder: Path, settings: ViewSettings, seed: int, device: torch.device) -> Source:
    """The views of a pool for a network on `device`: rendered there if it is a GPU, else those stored.

    Raises ValueError where the folder holds no people, or without a GPU no rendered views.
    """
    if device.type == "cuda":
        return LiveViews(folder, settings, seed, device)
    return StoredViews(folder, settings, seed)
