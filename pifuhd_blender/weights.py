# SPDX-License-Identifier: GPL-3.0-or-later
"""The weights a user can choose, and whether they are on this machine. Nothing is read while panels draw."""

from __future__ import annotations

import os
from pathlib import Path

from . import weights_download
from .labels import words

EMBEDDED, DOWNLOADED, FILE = "EMBEDDED", "PIFUHD", "FILE"
NAMES = {EMBEDDED: "compact", DOWNLOADED: weights_download.ENTRY.name}


def engine_name(choice: str, file: str) -> str | None:
    """What the engine's setting `weights` gets; None: the embedded ones. file: an absolute path."""
    if choice == EMBEDDED:
        return None
    return NAMES[DOWNLOADED] if choice == DOWNLOADED else file


def problem(choice: str, file: str) -> str:
    """Why the chosen weights cannot be used, with the next step; "" where they can, as far as is known."""
    if choice == DOWNLOADED and not weights_download.here():
        return words(
            "PIFuHD's weights are not downloaded (about {size}). Download them under Engine, or choose the "
            "embedded ones.",
            size=weights_download.SIZE,
        )
    if choice == FILE and not file:
        return "No weights file is chosen. Choose one, or take the embedded weights."
    return ""


def missing_file(choice: str, file: str) -> str:
    """As `problem`, but looks on the disk: when a job is about to start."""
    if choice == FILE and not (Path(file).is_file() and os.access(file, os.R_OK)):
        return f"The weights file {file} cannot be read. Choose another, or take the embedded weights."
    return ""
