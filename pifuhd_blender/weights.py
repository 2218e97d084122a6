# SPDX-License-Identifier: GPL-3.0-or-later
"""The weights a user can choose, and whether they are on this machine. Nothing is read while panels draw."""

from __future__ import annotations

import os
from pathlib import Path

from . import weights_download
from .engine.errors import EngineError
from .engine.sentences import Sentence

EMBEDDED, DOWNLOADED, FILE = "EMBEDDED", "PIFUHD", "FILE"
NAMES = {EMBEDDED: "compact", DOWNLOADED: weights_download.ENTRY.name}


def engine_name(choice: str, file: str) -> str | None:
    """What the engine's setting `weights` gets; None: the embedded ones. file: an absolute path."""
    if choice == EMBEDDED:
        return None
    return NAMES[DOWNLOADED] if choice == DOWNLOADED else file


def problem(choice: str, file: str) -> EngineError | None:
    """Why the chosen weights cannot be used; None where they can, as far as is known."""
    if choice == DOWNLOADED and not weights_download.here():
        size = weights_download.SIZE
        text = Sentence("PIFuHD's weights are not downloaded (about {size}).", size=size)
        return EngineError("bad_weights", text, "Download them under Engine, or choose the embedded ones.")
    if choice == FILE and not file:
        hint = "Choose one, or take the embedded weights."
        return EngineError("bad_weights", "No weights file is chosen.", hint)
    return None


def missing_file(choice: str, file: str) -> EngineError | None:
    """As `problem`, but looks on the disk: when a job is about to start."""
    if choice == FILE and not (Path(file).is_file() and os.access(file, os.R_OK)):
        text = Sentence("The weights file {file} cannot be read.", file=file)
        return EngineError("bad_weights", text, "Choose another, or take the embedded weights.")
    return None
