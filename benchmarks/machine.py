# SPDX-License-Identifier: GPL-3.0-or-later
"""What was measured on: the machine, the versions, and the state of the sources."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from engine.version import VERSION

ROOT = Path(__file__).resolve().parents[1]
CPUINFO = Path("/proc/cpuinfo")
MEMINFO = Path("/proc/meminfo")


def describe() -> dict[str, Any]:
    """JSON-able: cpu, cores and threads that PyTorch computes with, memory_gib or None where it is not known,
    gpu or None, system, versions, commit."""
    return {
        "cpu": _first(CPUINFO, "model name") or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_gib": _memory_gib(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {
            "engine": VERSION, "python": platform.python_version(), "torch": str(torch.__version__),
            "numpy": np.__version__, "opencv": cv2.__version__, "scikit-image": version("scikit-image"),
        },
        "commit": _commit(),
    }  # fmt: skip


def _first(path: Path, name: str) -> str | None:
    """The value of the first line `name: value`, None without one or without the file."""
    if not path.exists():
        return None
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), None)


def _memory_gib() -> float | None:
    total = _first(MEMINFO, "MemTotal")
    return None if total is None else round(int(total.split()[0]) / 2**20, 1)


def _commit() -> str | None:
    """The commit, with + behind it where files differ from it; None outside a checkout."""
    command = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
