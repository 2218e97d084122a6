# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension's preferences: which Python runs the engine, and the button that makes one."""

import bpy

from . import engine_setup


def _engine_python_changed(_preferences: "PIFUHD_AP_preferences", _context: bpy.types.Context) -> None:
    engine_setup.refresh()


class PIFUHD_AP_preferences(bpy.types.AddonPreferences):
    bl_idname = __package__

    engine_python: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Engine Python",
        subtype='FILE_PATH',
        update=_engine_python_changed,
        description="A Python interpreter that has PyTorch. Empty: the one made by Set Up Engine",
    )

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        status = engine_setup.status()
        layout.label(text=status.text, icon='CHECKMARK' if status.python else 'INFO')
        if not status.python:
            layout.label(text=status.hint)

        setup = engine_setup.current()
        if setup is not None:
            box = layout.box()
            for line in setup.last_lines(6):
                box.label(text=line)
            layout.operator("pifuhd.cancel_engine_setup", icon='X')
        else:
            failure = engine_setup.last_failure()
            if failure is not None:
                box = layout.box()
                box.label(text=failure.text, icon='ERROR')
                box.label(text=failure.hint)
            layout.operator("pifuhd.set_up_engine", icon='IMPORT')
            if not bpy.app.online_access:
                layout.label(text="Setting up needs the internet: turn on Allow Online Access in System.")

        layout.prop(self, "engine_python")
        layout.operator("pifuhd.open_log", icon='TEXT')


def register() -> None:
    bpy.utils.register_class(PIFUHD_AP_preferences)


def unregister() -> None:
    bpy.utils.unregister_class(PIFUHD_AP_preferences)
