# SPDX-License-Identifier: GPL-3.0-or-later
"""The weights on this machine, compared with what was noted of them."""

from __future__ import annotations

import hashlib

from ..errors import EngineError
from ..findings import Finding
from ..sentences import Sentence, listed
from ..weights.registry import REGISTRY, Entry, again, recorded_sha256


def weights() -> Finding:
    """Whether the embedded and the downloaded weights still are what they were."""
    sound = []
    for entry in REGISTRY.values():
        if entry.state == "not downloaded":
            sound.append(Sentence("{name}: not downloaded", name=entry.name))
            continue
        fault = _fault(entry)
        if fault is not None:
            return fault
        sound.append(
            Sentence("{name}: {state}, its hash is right", name=entry.name, state=Sentence(entry.state))
        )
    return Finding("weights", "ok", Sentence("{sound}.", sound=listed(sound, "; ")))


def _fault(entry: Entry) -> Finding | None:
    try:
        recorded = recorded_sha256(entry)
        with entry.path.open("rb") as file:
            computed = hashlib.file_digest(file, "sha256").hexdigest()
    except EngineError as error:
        return Finding("weights", "warning", error.text, error.hint)
    except OSError as error:
        text = Sentence(
            "{name} cannot be read: {reason}: {file}.",
            name=entry.name,
            reason=error.strerror,
            file=entry.path,
        )
        return Finding("weights", "problem", text, again(entry))
    if computed != recorded:
        text = Sentence(
            "{name} is damaged: {file} has the SHA-256 {computed} instead of {recorded}.",
            name=entry.name,
            file=entry.path,
            computed=computed,
            recorded=recorded,
        )
        return Finding("weights", "problem", text, again(entry))
    return None
