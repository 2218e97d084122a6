# SPDX-License-Identifier: GPL-3.0-or-later
"""A weights file in parts, for places that take small files alone, and whole again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from engine.weights.files import sha256_of

from .whole import written_whole

PART_BYTES = 15 * 2**20


def split(path: Path) -> list[Path]:
    """Write the file's parts of at most 15 MiB beside it, as PATH.part00 and so on, and PATH.parts.json with
    their number and the SHA-256 of the whole. Parts of an earlier file go. Returns the parts in order."""
    for old in path.parent.glob(f"{path.name}.part[0-9]*"):
        old.unlink()
    parts: list[Path] = []
    with path.open("rb") as file:
        while content := file.read(PART_BYTES):
            parts.append(path.with_name(f"{path.name}.part{len(parts):02d}"))
            parts[-1].write_bytes(content)
    _record(path).write_text(json.dumps({"parts": len(parts), "sha256": sha256_of(path)}), encoding="utf-8")
    return parts


def join(path: Path) -> None:
    """Put PATH together from its parts; it appears whole or not at all.

    Raises ValueError where parts are missing or the whole is not what was split.
    """
    try:
        record = json.loads(_record(path).read_text(encoding="utf-8"))
        parts = [path.with_name(f"{path.name}.part{k:02d}") for k in range(record["parts"])]
        expected = record["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{_record(path)} cannot be read ({error}). Fetch it anew with the parts."
        ) from error
    missing = [part.name for part in parts if not part.is_file()]
    if missing:
        raise ValueError(
            f"{missing[0]} and {len(missing) - 1} more parts are missing. Fetch them to {path.parent}."
        )
    digest = hashlib.sha256()
    with written_whole(path) as partial:
        with partial.open("wb") as file:
            for part in parts:
                content = part.read_bytes()
                digest.update(content)
                file.write(content)
        if digest.hexdigest() != expected:
            raise ValueError(f"The parts of {path.name} are not those of one file. Fetch them anew.")


def _record(path: Path) -> Path:
    return path.with_name(f"{path.name}.parts.json")
