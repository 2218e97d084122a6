# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts about the engine's Python environment: where its Python is, what it lacks. Free of bpy.

An environment of ours counts as made only once its stamp is written, so an interrupted setup is never used.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

STAMP: Final = "pifuhd-complete.json"
PYTHONS: Final = ((3, 11), (3, 14))
"""The oldest and the newest Python that all pinned packages have wheels for."""

PROBE: Final = """
import importlib.metadata, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        found[name] = ""
print(json.dumps({"python": sys.version_info[:2], "packages": found}))
"""
"""Run by an interpreter with package names: prints its version and theirs, as JSON."""


@dataclass(frozen=True)
class Stamp:
    """What a finished setup notes. requirements: their digest; device: its key; mb: megabytes on disk."""

    requirements: str
    device: str
    mb: int


def python_of(folder: Path) -> Path:
    return folder / "Scripts" / "python.exe" if os.name == "nt" else folder / "bin" / "python"


def digest(requirements: Path) -> str:
    return hashlib.sha256(requirements.read_bytes()).hexdigest()


def read_stamp(folder: Path) -> Stamp | None:
    """The stamp of an environment that was made to its end and whose Python is still there, else None."""
    try:
        stamp = Stamp(**json.loads((folder / STAMP).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return stamp if python_of(folder).is_file() else None


def write_stamp(folder: Path, stamp: Stamp) -> None:
    partial = folder / f"{STAMP}.partial"
    partial.write_text(json.dumps(asdict(stamp)), encoding="utf-8")
    os.replace(partial, folder / STAMP)


def size_mb(folder: Path) -> int:
    """Megabytes in a folder's files; 0 where it is not there."""
    return round(sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6)


def pins(requirements: Path) -> dict[str, str]:
    """Package -> version, of the lines "package==version"."""
    found = re.findall(r"^([\w.-]+)==([\w.]+)", requirements.read_text(encoding="utf-8"), re.MULTILINE)
    return dict(found)


def lacking(probed: dict[str, str], wanted: dict[str, str]) -> list[str]:
    """The packages that are not there."""
    return [name for name in wanted if not probed.get(name)]


def differing(probed: dict[str, str], wanted: dict[str, str]) -> list[str]:
    """The packages that are there in another version than the one tested, each with both versions.

    A local version, as in 2.13.0+cpu, is the same version for another device.
    """
    return [
        f"{name} {probed[name]} instead of {version}"
        for name, version in wanted.items()
        if probed.get(name) and probed[name].partition("+")[0] != version
    ]
