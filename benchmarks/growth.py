# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the surface stage grows with the surface: its time and memory against c * r^2."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np


def growth(comparisons: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A record for each preset and device with several resolutions among comparisons (`sweep.compare`), which
    are sorted by these: {preset, device, resolutions, seconds, memory, seconds_fit, memory_fit}.

    seconds: of the engine's surface stage with its points; memory: bytes that it takes without them; the fits
    are of `square_law`.
    """
    found = []
    for (preset, device), group in groupby(comparisons, lambda one: (one["preset"], one["device"])):
        cases = list(group)
        resolutions = [one["resolution"] for one in cases]
        if len(resolutions) < 2:
            continue
        seconds = [one["ours"]["seconds"]["surface"] + one["ours"]["seconds"]["points"] for one in cases]
        memory = [one["ours"]["surface_bytes"] for one in cases]
        found.append({
            "preset": preset, "device": device, "resolutions": resolutions,
            "seconds": seconds, "seconds_fit": square_law(resolutions, seconds),
            "memory": memory, "memory_fit": square_law(resolutions, memory),
        })  # fmt: skip
    return found


def square_law(resolutions: Sequence[int], values: Sequence[float]) -> dict[str, float]:
    """The c for which c * r^2 is nearest to values > 0 in proportion; and off: how far the farthest of them
    is from it, as a share of it."""
    factors = np.asarray(values, dtype=np.float64) / np.asarray(resolutions, dtype=np.float64) ** 2
    c = float((factors.min() + factors.max()) / 2)
    return {"c": c, "off": float(np.abs(factors / c - 1).max())}
