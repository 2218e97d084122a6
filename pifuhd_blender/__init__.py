# SPDX-License-Identifier: GPL-3.0-or-later
"""PIFuHD for Blender: a coloured 3D person from one photograph."""

from . import (
    box_overlay,
    commands,
    engine_setup,
    engine_status,
    image_operators,
    jobs,
    operators,
    panels,
    preferences,
    properties,
    setup_operators,
    setup_panel,
    weights_download,
)

# In this order because the readiness of the engine is read from the preferences.
_ROOMS = (
    preferences,
    properties,
    engine_setup,
    weights_download,
    jobs,
    engine_status,
    operators,
    image_operators,
    setup_operators,
    box_overlay,
    setup_panel,
    panels,
    commands,
)


def register() -> None:
    """Make the extension known to Blender. Starts nothing."""
    for room in _ROOMS:
        room.register()


def unregister() -> None:
    """Take back everything `register` did, ending a running job and the engine first."""
    for room in reversed(_ROOMS):
        room.unregister()
