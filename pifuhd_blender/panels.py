# SPDX-License-Identifier: GPL-3.0-or-later
"""The "PIFuHD" tab of the 3D view's sidebar. Panels only read state that is in memory."""

import bpy

from . import engine_setup, jobs, meshes
from .labels import draw_text

LOWER_RESOLUTION = 128


class PIFUHD_PT_main(bpy.types.Panel):
    bl_idname = "PIFUHD_PT_main"
    bl_label = "PIFuHD"
    bl_category = "PIFuHD"
    bl_space_type = 'VIEW_3D'
    bl_region_type = 'UI'

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return bool(engine_setup.status().python)  # until then the tab explains the setup

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
    draw_text(context, box, notice.text, 'ERROR' if notice.code else 'INFO')
    draw_text(context, box, notice.hint, 'BLANK1')
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


def register() -> None:
    bpy.utils.register_class(PIFUHD_PT_main)


def unregister() -> None:
    bpy.utils.unregister_class(PIFUHD_PT_main)
