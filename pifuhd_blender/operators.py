# SPDX-License-Identifier: GPL-3.0-or-later
"""What the buttons do. Each ends in a named error or in its work done."""

import bpy

from . import api, engine_setup, images, jobs
from .engine.errors import Cancelled, EngineError


class PIFUHD_OT_reconstruct(bpy.types.Operator):
    bl_idname = "pifuhd.reconstruct"
    bl_label = "Reconstruct from Image"
    bl_description = "Make a coloured 3D model of the person in the chosen image"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        status = engine_setup.status()
        if jobs.current() is not None:
            cls.poll_message_set("A reconstruction is already running. Wait for it, or press Cancel.")
        elif engine_setup.current() is not None:
            cls.poll_message_set("The engine is being set up. Wait until that is done.")
        elif not status.python:
            cls.poll_message_set(f"{status.text} {status.hint}")
        else:
            return True
        return False

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        if bpy.app.background:  # timers never fire there
            return self.execute(context)
        settings = context.scene.pifuhd
        try:
            picture = images.encode(settings.image)
            jobs.start(
                images.object_name(settings.image.name),
                picture,
                {"height": settings.height, "resolution": settings.resolution},
                context.scene,
                context.view_layer,
            )
        except EngineError as error:
            return self._failed(error)
        return {'FINISHED'}

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.pifuhd
        try:
            api.reconstruct(settings.image, height=settings.height, resolution=settings.resolution)
        except EngineError as error:
            return self._failed(error)
        except Cancelled:
            self.report({'WARNING'}, "The reconstruction was cancelled.")
            return {'CANCELLED'}
        return {'FINISHED'}

    def _failed(self, error: EngineError) -> set[str]:
        jobs.set_notice(error)
        jobs.redraw()
        self.report({'ERROR'}, str(error))
        return {'CANCELLED'}


class PIFUHD_OT_cancel(bpy.types.Operator):
    bl_idname = "pifuhd.cancel"
    bl_label = "Cancel"
    bl_description = "Stop the running reconstruction"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        job = jobs.current()
        if job is not None and not job.cancelling:
            return True
        cls.poll_message_set("Nothing is running." if job is None else "It is already stopping.")
        return False

    def execute(self, _context: bpy.types.Context) -> set[str]:
        job = jobs.current()
        if job is not None:
            job.cancel()
        jobs.redraw()
        return {'FINISHED'}


class PIFUHD_OT_show_colours(bpy.types.Operator):
    bl_idname = "pifuhd.show_colours"
    bl_label = "Show Colours in Solid View"
    bl_description = "Set this 3D view's Solid shading to the colour attribute"
    bl_options = {'INTERNAL'}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.space_data is not None and context.space_data.type == 'VIEW_3D'

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.space_data.shading.color_type = 'VERTEX'
        return {'FINISHED'}


class PIFUHD_OT_open_log(bpy.types.Operator):
    bl_idname = "pifuhd.open_log"
    bl_label = "Open Log File"
    bl_description = "Show what the engine wrote"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        log = engine_setup.log_path()
        if not log.is_file():
            self.report({'INFO'}, "There is no log yet. It begins with the first reconstruction.")
            return {'CANCELLED'}
        bpy.ops.wm.path_open(filepath=str(log))
        return {'FINISHED'}


_CLASSES = (
    PIFUHD_OT_reconstruct,
    PIFUHD_OT_cancel,
    PIFUHD_OT_show_colours,
    PIFUHD_OT_open_log,
)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
