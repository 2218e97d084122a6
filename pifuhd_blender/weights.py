# SPDX-License-Identifier: GPL-3.0-or-later
"""The weights a user can choose, and whether they are on this machine. Nothing is read while panels draw."""

from __future__ import annotations

import os
from pathlib import Path

from .engine.weights.registry import REGISTRY

EMBEDDED, DOWNLOADED, FILE = "EMBEDDED", "PIFUHD", "FILE"
NAMES = {EMBEDDED: "compact", DOWNLOADED: "pifuhd"}

_downloaded = False


def refresh() -> None:
    """Look on the disk for the downloaded weights; for the main thread, not for `draw`."""
    global _downloaded
    _downloaded = REGISTRY[NAMES[DOWNLOADED]].state == "downloaded"


def engine_name(choice: str, file: str) -> str | None:
    """What the engine's setting `weights` gets; None: the embedded ones. file: an absolute path."""
    if choice == EMBEDDED:
        return None
    return NAMES[DOWNLOADED] if choice == DOWNLOADED else file


def problem(choice: str, file: str) -> str:
    """Why the chosen weights cannot be used, with the next step; "" where they can, as far as is known."""
    if choice == DOWNLOADED and not _downloaded:
        about = REGISTRY[NAMES[DOWNLOADED]].about
        return (
            f"The weights of PIFuHD are not downloaded ({about}). Download them in the preferences, "
            "or choose the embedded ones."
        )
    if choice == FILE and not file:
        return "No weights file is chosen. Choose one, or take the embedded weights."
    return ""


def missing_file(choice: str, file: str) -> str:
    """As `problem`, but looks on the disk: when a job is about to start."""
    if choice == FILE and not (Path(file).is_file() and os.access(file, os.R_OK)):
        return f"The weights file {file} cannot be read. Choose another, or take the embedded weights."
    return ""


def register() -> None:
    refresh()


def unregister() -> None:
    global _downloaded
    _downloaded = False
