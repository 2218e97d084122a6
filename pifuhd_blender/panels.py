# SPDX-License-Identifier: GPL-3.0-or-later
"""The "PIFuHD" tab of the 3D view's sidebar. Panels only read state that is in memory."""

import textwrap

import bpy

from . import engine_setup, jobs, meshes

LOWER_RESOLUTION = 128
LETTER_WIDTH = 7.0  # pixels of an average letter of Blender's interface font at scale 1


class PIFUHD_PT_main(bpy.types.Panel):
    bl_idname = "PIFUHD_PT_main"
    bl_label = "PIFuHD"
    bl_category = "PIFuHD"
    bl_space_type = 'VIEW_3D'
    bl_region_type = 'UI'

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.pifuhd
        job = jobs.current()

        column = layout.column()
        column.enabled = job is None
        column.template_ID(settings, "image", open="image.open")
        column.separator()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(settings, "height")
        column.prop(settings, "resolution")

        if job is not None:
            _draw_job(layout, job)
        else:
            row = layout.row()
            row.scale_y = 1.8
            row.operator("pifuhd.reconstruct", icon='OUTLINER_OB_ARMATURE')
            _draw_notice(context, layout)
        _draw_shading(context, layout)
        _draw_engine(context, layout, job)


def _draw_job(layout: bpy.types.UILayout, job: jobs.Job) -> None:
    row = layout.row()
    row.scale_y = 1.8
    label = "Cancelling" if job.cancelling else job.label
    row.progress(factor=job.fraction, type='BAR', text=f"{label}, {job.fraction * 100:.0f} %")
    layout.operator("pifuhd.cancel", icon='X')


def _draw_notice(context: bpy.types.Context, layout: bpy.types.UILayout) -> None:
    notice = jobs.notice()
    if notice is None:
        return
    box = layout.box()
    _draw_text(context, box, notice.text, 'ERROR' if notice.code else 'INFO')
    _draw_text(context, box, notice.hint, 'BLANK1')
    if notice.code == "out_of_memory":
        lower = box.operator("wm.context_set_int", text=f"Set Resolution to {LOWER_RESOLUTION}")
        lower.data_path = "scene.pifuhd.resolution"
        lower.value = LOWER_RESOLUTION
    elif notice.code in {"engine_start", "engine_died", "protocol", "internal"}:
        box.operator("pifuhd.open_log", icon='TEXT')


def _draw_shading(context: bpy.types.Context, layout: bpy.types.UILayout) -> None:
    # Offered, not done by itself: the view's shading is the user's, and other objects would change too.
    shading = context.space_data.shading
    if (
        shading.type == 'SOLID'
        and shading.color_type != 'VERTEX'
        and meshes.is_reconstruction(context.object)
    ):
        layout.operator("pifuhd.show_colours", icon='COLOR')


def _draw_engine(context: bpy.types.Context, layout: bpy.types.UILayout, job: jobs.Job | None) -> None:
    status, setup = engine_setup.status(), engine_setup.current()
    box = layout.box()
    if job is not None:
        box.label(text="The engine is working.", icon='PLAY')
    elif setup is not None:
        _draw_text(context, box, "The engine is being set up.", 'TIME')
        for line in setup.last_lines(1):
            _draw_text(context, box, line, 'BLANK1')
    elif status.python:
        box.label(text=status.text, icon='CHECKMARK')
    else:
        _draw_text(context, box, status.text, 'ERROR')
        _draw_text(context, box, status.hint, 'BLANK1')
        box.operator(
            "preferences.addon_show", text="Open Preferences", icon='PREFERENCES'
        ).module = __package__


def _draw_text(context: bpy.types.Context, layout: bpy.types.UILayout, text: str, icon: str) -> None:
    """Text over several lines; Blender's labels do not wrap."""
    letters = int(context.region.width / (LETTER_WIDTH * context.preferences.system.ui_scale)) - 8
    column = layout.column(align=True)
    column.scale_y = 0.8
    for number, line in enumerate(textwrap.wrap(text, max(letters, 16))):
        column.label(text=line, icon=icon if number == 0 else 'BLANK1')


def register() -> None:
    bpy.utils.register_class(PIFUHD_PT_main)


def unregister() -> None:
    bpy.utils.unregister_class(PIFUHD_PT_main)
