# SPDX-License-Identifier: GPL-3.0-or-later
"""Draft, Standard and Fine: sets of values for the settings that trade time for detail. Free of bpy."""

from __future__ import annotations

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    "DRAFT": {"resolution": 128, "texture": False},
    "STANDARD": {"resolution": 256, "texture": False},
    "FINE": {"resolution": 512, "texture": True},
}
CUSTOM = "CUSTOM"


def matching(settings: Any) -> str:
    """Which preset the settings are, or CUSTOM."""
    for name, values in PRESETS.items():
        if all(getattr(settings, key) == value for key, value in values.items()):
            return name
    return CUSTOM


def apply(name: str, settings: Any) -> None:
    """Set a preset's values; CUSTOM changes nothing."""
    for key, value in PRESETS.get(name, {}).items():
        setattr(settings, key, value)
