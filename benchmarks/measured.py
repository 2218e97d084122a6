# SPDX-License-Identifier: GPL-3.0-or-later
"""One of the procedures on one subject, as a record of numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from .child import ROUNDED
from .ours import reconstruct_watched
from .published import reconstruct
from .stopwatch import OnGPU, Resident, Stopwatch, Trimmed
from .subjects import subject

WARMING: Final = 64
"""Nodes a side of a process's first run, which does not count: it is slower, and keeps memory for others."""


class Measured:
    """procedure: one of `child.PROCEDURES`; the rest as in `subjects.subject`."""

    def __init__(self, procedure: str, preset: str, photo: Path, device: str) -> None:
        self.procedure = procedure
        self.device = torch.device(device)
        self.subject = subject(preset, photo, self.device)

    def run(self, resolution: int, target: Path) -> dict[str, Any]:
        """Reconstruct: {seconds: of each stage, peak_bytes: of main memory, or None where it is not known,
        gpu_bytes, or None without a GPU, vertices, asked}. Writes the OBJ target and its vertices as .npy."""
        gpu = self.device.type == "cuda"
        if gpu:
            torch.cuda.reset_peak_memory_stats(self.device)
        watch = Stopwatch(self.device, Resident())
        vertices, asked = self._reconstruct(resolution, watch, target)
        np.save(target.with_suffix(".npy"), vertices)
        return {
            "seconds": watch.seconds,
            "peak_bytes": max(watch.peak.values()) if Resident.known else None,
            "gpu_bytes": torch.cuda.max_memory_allocated(self.device) if gpu else None,
            "vertices": len(vertices),
            "asked": asked,
        }

    def warm(self, resolution: int, target: Path) -> dict[str, Any]:
        """First runs, whose time does not count: {surface_bytes: what the engine's surface stage takes
        beyond what was there before, on the device that computes it and without the networks' share; None
        where that is not known, and for the published procedure}."""
        self._reconstruct(WARMING, Stopwatch(self.device, Resident()), target)
        if self.procedure == "published" or not Resident.known:
            return {"surface_bytes": None}
        memory = OnGPU(self.device) if self.device.type == "cuda" else Trimmed()
        watch = Stopwatch(self.device, memory)
        self._reconstruct(resolution, watch, target)
        return {"surface_bytes": watch.peak["surface"] - watch.before["surface"]}

    def _reconstruct(self, resolution: int, watch: Stopwatch, target: Path) -> tuple[Any, int]:
        """The vertices and how many points were asked."""
        if self.procedure == "published":
            outcome = reconstruct(self.subject, resolution, watch, target)
            return outcome.vertices, outcome.asked
        precision = "bfloat16" if self.procedure == ROUNDED else "float32"
        result = reconstruct_watched(self.subject, resolution, watch, target, precision)
        return result.vertices, result.info["asked"]
