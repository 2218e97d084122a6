# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy of engine/ that holds the real link, and the fake engine as its program."""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULES = (
    "__init__", "errors", "version", "protocol", "payload", "client", "process", "logs", "sentences", "spawn",
)  # fmt: skip
SERVER = ("server",)


def stage_link(folder: Path) -> Path:
    """Make engine/ in a folder, as an installed extension has it; return the folder."""
    shutil.copy(ROOT / "blender_manifest.toml", folder)
    (folder / "engine").mkdir()
    for name in MODULES + SERVER:
        shutil.copy(ROOT / "engine" / f"{name}.py", folder / "engine")
    shutil.copytree(ROOT / "engine" / "service", folder / "engine" / "service")
    shutil.copy(Path(__file__).with_name("fake_engine.py"), folder / "engine" / "__main__.py")
    return folder
