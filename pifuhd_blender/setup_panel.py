# SPDX-License-Identifier: GPL-3.0-or-later
"""The PIFuHD tab before the engine is set up, and how it is cared for afterwards. Panels only read state."""

import bpy

from . import devices, engine_setup, engine_status, weights_download
from .labels import draw_text, words
from .tasks import Task

WHAT = (
    "PIFuHD computes with PyTorch, in a Python environment of its own. Blender's own Python is not changed, "
    "and nothing is compiled."
)

FIXES = {
    "python": ("pifuhd.set_up_engine", "Set Up Again"),
    "torch": ("pifuhd.set_up_engine", "Set Up Again"),
    "packages": ("pifuhd.set_up_engine", "Set Up Again"),
    "device": ("pifuhd.set_up_engine", "Set Up Again"),
    "memory": ("pifuhd.free_memory", "Free Memory"),
    "weights": ("pifuhd.download_weights", "Download PIFuHD's Weights"),
    "engine": ("pifuhd.open_log", "Open Log File"),
}
"""Finding -> the operator that mends it, and its button's text."""


class PIFUHD_PT_setup(bpy.types.Panel):
    bl_idname = "PIFUHD_PT_setup"
    bl_label = "Set Up PIFuHD"
    bl_category = "PIFuHD"
    bl_space_type = 'VIEW_3D'
    bl_region_type = 'UI'

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return not engine_setup.status().python

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        draw_state(context, layout)
        chosen = engine_setup.preferences()
        if engine_setup.current() is not None or chosen is None:
            return
        if not engine_setup.status().outdated:
            draw_text(context, layout, WHAT)
        draw_choices(layout, chosen)
        if devices.unsupported():
            draw_text(context, layout.box(), devices.unsupported(), 'ERROR')
        elif not bpy.app.online_access and not chosen.wheel_folder:
            _draw_offline(context, layout)
        row = layout.row()
        row.scale_y = 1.8
        row.operator("pifuhd.set_up_engine", text=_verb(), icon='IMPORT')
        if engine_setup.removable_mb():
            size = devices.in_words(engine_setup.removable_mb())
            text = words("Remove {size}", size=size)
            layout.operator("pifuhd.remove_engine", text=text, icon='TRASH', translate=False)


class PIFUHD_PT_setup_other(bpy.types.Panel):
    bl_idname = "PIFUHD_PT_setup_other"
    bl_parent_id = "PIFUHD_PT_setup"
    bl_label = "Other Ways"
    bl_category = "PIFuHD"
    bl_space_type = 'VIEW_3D'
    bl_region_type = 'UI'
    bl_options = {'DEFAULT_CLOSED'}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return engine_setup.current() is None and engine_setup.preferences() is not None

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        chosen = engine_setup.preferences()
        draw_text(context, layout, "Make the environment with another Python, 3.11 to 3.14:")
        layout.prop(chosen, "base_python", text="")
        draw_text(context, layout, "Without the internet, from a folder of wheels:")
        layout.prop(chosen, "wheel_folder", text="")
        draw_text(context, layout, "Or use an environment that has PyTorch already:")
        layout.operator("pifuhd.use_environment", text="Choose Its Python", icon='FILEBROWSER')


class PIFUHD_PT_engine(bpy.types.Panel):
    bl_idname = "PIFUHD_PT_engine"
    bl_label = "Engine"
    bl_category = "PIFuHD"
    bl_space_type = 'VIEW_3D'
    bl_region_type = 'UI'
    bl_order = 90  # below what is used every day

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return bool(engine_setup.status().python)

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        engine_status.watch()
        text, icon = engine_status.line()
        draw_text(context, layout, text, icon)
        row = layout.row(align=True)
        row.operator("pifuhd.free_memory", icon='MEMORY')
        row.operator("pifuhd.stop_engine", text="Stop", icon='QUIT')
        row.operator("pifuhd.open_log", text="", icon='TEXT')
        draw_state(context, layout)


class PIFUHD_PT_environment(bpy.types.Panel):
    bl_idname = "PIFUHD_PT_environment"
    bl_parent_id = "PIFUHD_PT_engine"
    bl_label = "Environment and Weights"
    bl_category = "PIFuHD"
    bl_space_type = 'VIEW_3D'
    bl_region_type = 'UI'
    bl_options = {'DEFAULT_CLOSED'}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        stamp, chosen = engine_setup.status().stamp, engine_setup.preferences()
        if stamp is not None and chosen is not None:
            text = words("PyTorch for: {device}", device=words(devices.find(stamp.device).name))
            layout.label(text=text, translate=False)
            layout.prop(chosen, "device")
            row = layout.row(align=True)
            row.operator("pifuhd.set_up_engine", text="Set Up Again", icon='FILE_REFRESH')
            text = words("Remove {size}", size=devices.in_words(stamp.mb))
            row.operator("pifuhd.remove_engine", text=text, icon='TRASH', translate=False)
        else:
            python = engine_setup.status().python
            draw_text(context, layout, words("Environment of your own: {path}", path=python))
        _draw_weights(context, layout)
        layout.operator("pifuhd.examine_engine", icon='VIEWZOOM')
        _draw_findings(context, layout)


def draw_state(context: bpy.types.Context, layout: bpy.types.UILayout) -> None:
    """What is done to the engine's environment, or how the last task ended; nothing where all is well."""
    task, notice, status = engine_setup.current(), engine_setup.notice(), engine_setup.status()
    if task is not None:
        draw_task(context, layout, task, "pifuhd.cancel_engine_setup")
    elif notice is not None:
        box = layout.box()
        draw_text(context, box, notice.text, 'ERROR' if notice.failed else 'INFO')
        draw_text(context, box, notice.hint, 'BLANK1')
        if notice.failed:
            box.operator("pifuhd.open_setup_log", icon='TEXT')
    elif status.outdated or status.hint not in ("", engine_setup.SET_UP):
        draw_text(context, layout, status.text, 'INFO')
        if status.hint != engine_setup.SET_UP:
            draw_text(context, layout, status.hint, 'BLANK1')


def draw_task(context: bpy.types.Context, layout: bpy.types.UILayout, task: Task, cancel: str) -> None:
    """A bar with megabytes where they are counted, what is done now, and Cancel."""
    column = layout.column(align=True)
    row = column.row()
    row.scale_y = 1.8
    label = "Cancelling" if task.cancelling else task.label
    if task.total_mb and task.done_mb:
        text = words("{done:,.0f} of {total:,.0f} MB", done=task.done_mb, total=task.total_mb)
        row.progress(factor=task.done_mb / task.total_mb, type='BAR', text=text, translate=False)
    else:
        text = words("{done:,.0f} MB", done=task.done_mb) if task.done_mb else words(task.name)
        row.progress(factor=0.0, type='BAR', text=text, translate=False)
    draw_text(context, layout, label, 'TIME')
    layout.operator(cancel, icon='X')


def draw_choices(layout: bpy.types.UILayout, chosen: bpy.types.AddonPreferences) -> None:
    """The device, what it downloads, and where that goes."""
    device = engine_setup.device()
    layout.prop(chosen, "device")
    column = layout.column(align=True)
    if chosen.device == devices.AUTOMATIC:
        _draw_fact(column, "Found", "no graphics card" if device.key == 'CPU' else device.name)
    if chosen.wheel_folder:
        _draw_fact(column, "Download", "nothing")
    elif device.download_mb is None:
        _draw_fact(column, "Download", "several GB")
    else:
        size = devices.in_words(device.download_mb)
        _draw_fact(column, "Download", words("about {size}", size=size))
    if engine_setup.kept_mb():
        _draw_fact(column, "Of it here", devices.in_words(engine_setup.kept_mb()))
    room = devices.in_words(device.room_mb)
    _draw_fact(column, "Disk", words("{size} while it works", size=room))
    row = _draw_fact(column, "Folder", str(engine_setup.folder()))
    row.operator("wm.path_open", text="", icon='FILE_FOLDER', emboss=False).filepath = str(
        engine_setup.folder()
    )


def _draw_fact(layout: bpy.types.UILayout, name: str, text: str) -> bpy.types.UILayout:
    split = layout.split(factor=0.4)
    left = split.row()
    left.alignment = 'RIGHT'
    left.label(text=name)
    right = split.row()
    right.label(text=words(text), translate=False)
    return right


def _draw_offline(context: bpy.types.Context, layout: bpy.types.UILayout) -> None:
    box = layout.box()
    draw_text(context, box, "Blender is offline, so nothing can be downloaded.", 'INTERNET_OFFLINE')
    if bpy.app.online_access_override:
        draw_text(context, box, "It was started so (--offline-mode). See Other Ways.", 'BLANK1')
    else:
        box.use_property_split = False
        box.prop(context.preferences.system, "use_online_access", text="Allow Online Access")
        draw_text(context, box, "Or set up without the internet: see Other Ways.")


def _draw_weights(context: bpy.types.Context, layout: bpy.types.UILayout) -> None:
    task, error = weights_download.current(), weights_download.error()
    if task is not None:
        draw_task(context, layout, task, "pifuhd.cancel_weights")
        return
    if error is not None:
        box = layout.box()
        draw_text(context, box, error.text, 'ERROR')
        draw_text(context, box, error.hint, 'BLANK1')
    if weights_download.here():
        layout.label(text="PIFuHD's weights are here", icon='CHECKMARK')
    else:
        text = words("PIFuHD's Weights (about {size})", size=weights_download.SIZE)
        layout.operator("pifuhd.download_weights", text=text, icon='IMPORT', translate=False)


def _draw_findings(context: bpy.types.Context, layout: bpy.types.UILayout) -> None:
    """What the examination found out of order, each with the button that mends it where there is one."""
    found = engine_status.findings()
    if engine_status.examined() and not found:
        layout.label(text="All is in order", icon='CHECKMARK')
    for finding in found:
        box = layout.box()
        draw_text(context, box, finding.text, 'ERROR' if finding.state == "problem" else 'INFO')
        draw_text(context, box, finding.hint, 'BLANK1')
        if finding.name in FIXES:
            operator, text = FIXES[finding.name]
            box.operator(operator, text=text)


def _verb() -> str:
    return "Update Engine" if engine_setup.status().outdated else "Set Up Engine"


_CLASSES = (PIFUHD_PT_setup, PIFUHD_PT_setup_other, PIFUHD_PT_engine, PIFUHD_PT_environment)

register, unregister = bpy.utils.register_classes_factory(_CLASSES)
