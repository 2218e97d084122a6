# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy of the engine with tiny weights in the place of the embedded ones."""

import shutil
from pathlib import Path

from engine.weights import save_weights
from tests.engine.seeing_weights import seeing_weights

ROOT = Path(__file__).resolve().parents[2]


def stage_engine(folder: Path) -> Path:
    """Make engine/ in a folder, as an installed extension has it; return the path of its default weights."""
    ignored = shutil.ignore_patterns("__pycache__", "*.safetensors")
    shutil.copytree(ROOT / "engine", folder / "engine", ignore=ignored)
    shutil.copy(ROOT / "blender_manifest.toml", folder)
    default = folder / "engine" / "weights" / "compact.safetensors"
    save_weights(default, next(seeing_weights()).network, {"training": "none", "licence": "GPL"})
    return default
