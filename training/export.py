"""The weights file with its card."""

from __future__ import annotations

import datetime
import json
import platform
from pathlib import Path

import torch

from engine.networks import PIFuHD
from engine.weights import save_weights

from .pool import list_pool


def export(
    network: PIFuHD, pool: Path, run: Path, path: Path, minutes: float, metrics: dict[str, float]
) -> None:
    """Write `network` as float16 to `path`; the card says how it was trained and what it reaches."""
    path.parent.mkdir(parents=True, exist_ok=True)
    card = {
        "preset": network.preset.name,
        "licence": "CC0-1.0",
        "made": datetime.date.today().isoformat(),
        "data": f"{len(list_pool(pool))} synthetic dressed people of training/humans, no photographs",
        "training": json.dumps(training_summary(run)),
        "hardware": f"{torch.get_num_threads()} threads of {platform.machine()}, {minutes:g} minutes in all",
        "metrics": json.dumps(metrics),
    }
    save_weights(path, network, card)


def training_summary(run: Path) -> dict[str, dict[str, float]]:
    """Steps, minutes and last losses of each finished or running stage in a run folder."""
    summary = {}
    for path in sorted(run.glob("*.pt")):
        state = torch.load(path, weights_only=True)
        log = {key: round(value, 4) for key, value in state["log"].items()}
        summary[path.stem] = {"steps": state["step"], "minutes": round(state["seconds"] / 60, 1), **log}
    return summary
