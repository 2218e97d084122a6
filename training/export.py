# SPDX-License-Identifier: GPL-3.0-or-later
"""The weights file with its card."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

from engine.networks import PIFuHD
from engine.weights import save_weights

from .fit import Run
from .fitting.checkpoints import read
from .fitting.plan import SETTINGS
from .pool import list_pool


def export(network: PIFuHD, run: Run, path: Path, metrics: dict[str, float]) -> None:
    """Write `network` as float16 to `path`; the card says how it was trained and what it reaches.

    Raises ValueError where the pool or a checkpoint cannot be read, OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    stages = training_summary(run.folder)
    scans = sum(file.with_suffix(".json").exists() for file in list_pool(run.pool))
    pictures = run.plan.pictures is not None
    card = {
        "preset": network.preset.name,
        "licence": "that of the scans and pictures it learnt from" if scans or pictures else "CC0-1.0",
        "made": datetime.date.today().isoformat(),
        "data": _data(run, scans),
        "training": json.dumps(stages),
        "hardware": "; ".join(dict.fromkeys(stage["hardware"] for stage in stages.values())),
        "minutes": f"{sum(stage['minutes'] for stage in stages.values()):.2f}",
        "metrics": json.dumps(metrics),
    }
    save_weights(path, network, card)


def training_summary(folder: Path) -> dict[str, dict[str, Any]]:
    """Steps, minutes, last losses and what else is known of each finished or running stage of a run."""
    summary: dict[str, dict[str, Any]] = {}
    for name in SETTINGS:
        if (path := folder / f"{name}.pt").exists():
            state = read(path)
            progress = state["progress"]
            summary[name] = {
                "steps": progress["step"],
                "minutes": round(progress["seconds"] / 60, 2),
                "seed": state["seed"],
                **progress["facts"],
                **{key: round(value, 4) for key, value in progress["log"].items()},
            }
    return summary


def _data(run: Run, scans: int) -> str:
    files = list_pool(run.pool)
    seeds = f"seeds {int(files[0].stem)} to {int(files[-1].stem)}"
    made = len(files) - scans
    parts = [f"{made} synthetic dressed people of training/humans"] if made else []
    parts += [f"{scans} scans"] if scans else []
    parts += [f"pictures with known normals from {run.plan.pictures.name}"] if run.plan.pictures else []
    parts += [f"begun with {run.plan.start.name}"] if run.plan.start else []
    return f"{', '.join(parts)} ({seeds})"
