# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user sets for a reconstruction. Kept in the scene, so it is saved with the file."""

import bpy

RESOLUTION_STEP = 32
"""The engine's grids are multiples of this, so that its levels halve evenly."""


def _offers(_settings: "PIFUHD_PG_settings", image: bpy.types.Image) -> bool:
    # Blender keeps no pixels of "Render Result" and "Viewer Node" that a script could read.
    return image.source != 'VIEWER'


def _round_resolution(settings: "PIFUHD_PG_settings", _context: bpy.types.Context) -> None:
    rounded = round(settings.resolution / RESOLUTION_STEP) * RESOLUTION_STEP
    if rounded != settings.resolution:
        settings.resolution = rounded


class PIFUHD_PG_settings(bpy.types.PropertyGroup):
    image: bpy.props.PointerProperty(  # type: ignore[valid-type]
        type=bpy.types.Image, name="Image", poll=_offers, description="Photograph of one person, head to toe"
    )
    height: bpy.props.FloatProperty(  # type: ignore[valid-type]
        name="Height (m)",
        default=1.75,
        min=0.1,
        max=10.0,
        soft_min=1.0,
        soft_max=2.2,
        precision=2,
        step=1,
        description="How tall the person is standing, in metres; also where they sit or are cut by the frame",
        options=set(),
    )
    resolution: bpy.props.IntProperty(  # type: ignore[valid-type]
        name="Resolution",
        default=256,
        min=64,
        max=1024,
        soft_max=512,
        update=_round_resolution,
        description="Detail of the surface: grid nodes a side. More takes longer and needs more memory",
        options=set(),
    )


def register() -> None:
    bpy.utils.register_class(PIFUHD_PG_settings)
    bpy.types.Scene.pifuhd = bpy.props.PointerProperty(type=PIFUHD_PG_settings)


def unregister() -> None:
    del bpy.types.Scene.pifuhd
    bpy.utils.unregister_class(PIFUHD_PG_settings)
