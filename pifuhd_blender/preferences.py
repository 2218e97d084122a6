# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension's preferences: how the engine is set up, or which Python runs it."""

import bpy

from . import devices, engine_setup, setup_panel

_DESCRIPTIONS = {
    'CUDA': "PyTorch for NVIDIA graphics cards. The fastest",
    'ROCM': "PyTorch for AMD graphics cards. Linux only",
    'MPS': "PyTorch for the graphics of Apple's processors",
    'CPU': "PyTorch without a graphics card. The smallest download, works everywhere, slower",
}
_DEVICES = [
    (devices.AUTOMATIC, "Automatic", "The graphics card whose driver is found, else the processor"),
    *((device.key, device.name, _DESCRIPTIONS[device.key]) for device in devices.OFFERED),
]


def _engine_python_changed(_preferences: "PIFUHD_AP_preferences", _context: bpy.types.Context) -> None:
    engine_setup.refresh()


class PIFUHD_AP_preferences(bpy.types.AddonPreferences):
    bl_idname = __package__

    device: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Device",
        items=_DEVICES,
        default=devices.AUTOMATIC,
        description="What the engine computes on. It decides which PyTorch is downloaded",
    )
    base_python: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Python",
        subtype='FILE_PATH',
        description="The interpreter to make the environment with, 3.11 to 3.14. Empty: Blender's own",
    )
    wheel_folder: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Wheels",
        subtype='DIR_PATH',
        description="A folder with the wheels of all packages, for setup without the internet",
    )
    engine_python: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Engine Python",
        subtype='FILE_PATH',
        update=_engine_python_changed,
        description="A Python interpreter that has PyTorch. Empty: the one made by Set Up Engine",
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        setup_panel.draw_state(context, layout)
        if engine_setup.current() is None:
            setup_panel.draw_choices(layout, self)
            layout.operator("pifuhd.set_up_engine", icon='IMPORT')
        layout.separator()
        layout.prop(self, "engine_python")
        row = layout.row()
        row.operator("pifuhd.open_log", icon='TEXT')
        row.operator("pifuhd.open_setup_log", icon='TEXT')


def register() -> None:
    bpy.utils.register_class(PIFUHD_AP_preferences)


def unregister() -> None:
    bpy.utils.unregister_class(PIFUHD_AP_preferences)
