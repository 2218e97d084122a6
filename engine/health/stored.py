# SPDX-License-Identifier: GPL-3.0-or-later
"""The weights on this machine, compared with what was noted of them."""

from __future__ import annotations

import hashlib

from ..errors import EngineError
from ..findings import Finding
from ..weights.registry import REGISTRY, Entry, again, recorded_sha256


def weights() -> Finding:
    """Whether the embedded and the downloaded weights still are what they were."""
    sound = []
    for entry in REGISTRY.values():
        if entry.state == "not downloaded":
            sound.append(f"{entry.name}: not downloaded")
            continue
        fault = _fault(entry)
        if fault is not None:
            return fault
        sound.append(f"{entry.name}: {entry.state}, its hash is right")
    return Finding("weights", "ok", f"{'; '.join(sound)}.")


def _fault(entry: Entry) -> Finding | None:
    try:
        recorded = recorded_sha256(entry)
        with entry.path.open("rb") as file:
            computed = hashlib.file_digest(file, "sha256").hexdigest()
    except EngineError as error:
        return Finding("weights", "warning", error.text, error.hint)
    except OSError as error:
        text = f"{entry.name} cannot be read: {error.strerror}: {entry.path}."
        return Finding("weights", "problem", text, again(entry))
    if computed != recorded:
        text = f"{entry.name} is damaged: {entry.path} has the SHA-256 {computed} instead of {recorded}."
        return Finding("weights", "problem", text, again(entry))
    return None
