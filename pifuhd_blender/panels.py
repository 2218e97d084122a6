# SPDX-License-Identifier: GPL-3.0-or-later
"""The "PIFuHD" tab, in the 3D view's sidebar and the Image Editor's. Panels only read state in memory."""

from typing import Any

import bpy

from . import engine_setup, estimate, jobs, normal_images, people, request, results, settings_panels
from .finish import ONE
from .labels import draw_text, words

LOWER_RESOLUTION = 128
SPACES = {'VIEW_3D': "", 'IMAGE_EDITOR': "image_"}
"""Where the tab is, and what the panels' names get there."""

THUMBNAIL = 5.0  # of a button's height


class _Main:
    bl_label = "PIFuHD"
    bl_category = "PIFuHD"
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
        _draw_image(column, settings)
        _draw_presets(column, settings)
        if job is not None:
            _draw_job(layout, job)
        else:
            column = layout.column(align=True)
            row = column.row(align=True)
            row.scale_y = 1.8
            row.operator("pifuhd.reconstruct", text="Reconstruct", icon='OUTLINER_OB_ARMATURE')
            if results.is_reconstruction(context.object):
                column.operator("pifuhd.reconstruct_again", icon='FILE_REFRESH')
                if normal_images.kept(context.object):
                    column.operator("pifuhd.rebuild", icon='NORMALS_FACE')
            _draw_notice(context, layout)
        _draw_shading(context, layout)


def _draw_image(layout: bpy.types.UILayout, settings: Any) -> None:
    if settings.image is not None:
        row = layout.row()
        row.alignment = 'CENTER'
        row.template_icon(icon_value=layout.icon(settings.image), scale=THUMBNAIL)
    layout.template_ID(settings, "image", open="image.open")
    row = layout.row(align=True)
    # Without icons, so that the words fit into a sidebar of the usual width.
    row.operator("pifuhd.paste_image", text="Paste")
    row.operator("pifuhd.use_reference", text="Reference")
    row.operator("pifuhd.use_editor_image", text="Editor")
    found = people.boxes(settings.image) if settings.image is not None else {}
    if len(found) > 1 and not settings.own_box:
        if settings.people == ONE:
            text = words("{count} people found: person {number}", count=len(found), number=settings.person)
        else:
            text = words("{count} people found: everybody", count=len(found))
        layout.label(text=text, icon='COMMUNITY', translate=False)


def _draw_presets(layout: bpy.types.UILayout, settings: Any) -> None:
    row = layout.row(align=True)
    for name in ('DRAFT', 'STANDARD', 'FINE'):
        row.prop_enum(settings, "preset", name)
    row = layout.row()
    row.alignment = 'CENTER'
    row.active = False
    row.label(text=request.cost(settings), translate=False)


def _draw_job(layout: bpy.types.UILayout, job: jobs.Job) -> None:
    column = layout.column(align=True)
    row = column.row()
    row.scale_y = 1.8
    label = "Cancelling" if job.cancelling else job.label
    stage = words("{stage}, {percent:.0f} %", stage=words(label), percent=job.fraction * 100)
    row.progress(factor=job.fraction, type='BAR', text=stage, translate=False)
    row = column.row(align=True)
    left = row.row()
    left.active = False
    text = words("{time} left", time=words(estimate.duration(job.remaining)))
    left.label(text="" if job.cancelling else text[:1].upper() + text[1:], translate=False)
    row.operator("pifuhd.cancel", text="Cancel", icon='X')


def _draw_notice(context: bpy.types.Context, layout: bpy.types.UILayout) -> None:
    notice = jobs.notice()
    if notice is None:
        return
    box = layout.box()
    draw_text(context, box, notice.text, 'ERROR' if notice.code else 'INFO')
    draw_text(context, box, notice.hint, 'BLANK1')
    if notice.code == "out_of_memory":
        text = words("Set Resolution to {resolution}", resolution=LOWER_RESOLUTION)
        lower = box.operator("wm.context_set_int", text=text, translate=False)
        lower.data_path = "scene.pifuhd.resolution"
        lower.value = LOWER_RESOLUTION
    elif notice.code in {"engine_start", "engine_died", "protocol", "internal"}:
        box.operator("pifuhd.open_log", icon='TEXT')


def _draw_shading(context: bpy.types.Context, layout: bpy.types.UILayout) -> None:
    # Offered, not done by itself: the view's shading is the user's, and other objects would change too.
    if context.space_data.type != 'VIEW_3D':
        return
    shading = context.space_data.shading
    if (
        shading.type == 'SOLID'
        and shading.color_type != 'VERTEX'
        and results.is_reconstruction(context.object)
    ):
        layout.operator("pifuhd.show_colours", icon='COLOR')


def _in_every_space() -> list[type]:
    """The panels once for each space: a panel belongs to one."""
    made = []
    for space, prefix in SPACES.items():
        parent = f"PIFUHD_PT_{prefix}main"
        for base, name in ((_Main, "main"), *settings_panels.PANELS):
            fields = {"bl_idname": f"PIFUHD_PT_{prefix}{name}", "bl_space_type": space}
            if name != "main":
                fields["bl_parent_id"] = parent
            made.append(type(fields["bl_idname"], (base, bpy.types.Panel), fields))
    return made


_CLASSES = _in_every_space()

register, unregister = bpy.utils.register_classes_factory(_CLASSES)
