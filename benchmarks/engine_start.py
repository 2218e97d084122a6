# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user waits for: the engine's start, its first mesh, and the meshes after it, over the socket."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from engine.client import EngineClient
from engine.process import EngineProcess

RESOLUTION = 256


def measure(package: Path, photo: Path, device: str, runs: int) -> dict[str, Any]:
    """Start the engine in the folder package `runs` times, and let each reconstruct a picture twice with the
    weights that come with it.

    Returns {device, resolution, cold, warm}: medians of seconds. cold: ready, when it takes a job; preview
    and total, from the start on, of the first job. warm: preview and total of the second. The files were
    read before, so a disk's time is not in it.
    """
    image = photo.read_bytes()
    cold, warm = [], []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as logs:
            began = time.perf_counter()
            engine = EngineProcess(sys.executable, package, log=Path(logs) / "engine.log")
            try:
                client = engine.ensure()
                ready = time.perf_counter() - began
                cold.append({"ready": ready, **_job(client, image, device, began)})
                warm.append(_job(client, image, device, time.perf_counter()))
            finally:
                engine.stop()
    return {"device": device, "resolution": RESOLUTION, "cold": _medians(cold), "warm": _medians(warm)}


def _job(client: EngineClient, image: bytes, device: str, began: float) -> dict[str, float]:
    shown = []
    client.reconstruct(
        image,
        {"resolution": RESOLUTION, "device": device},
        lambda *progress: None,
        lambda: False,
        on_preview=lambda preview: shown.append(time.perf_counter() - began),
    )
    return {"preview": shown[0], "total": time.perf_counter() - began}


def _medians(records: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: median(one[name] for one in records) for name in records[0]}
