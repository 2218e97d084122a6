# SPDX-License-Identifier: GPL-3.0-or-later
"""What the buttons do. Each ends in a named error or in its work done."""

import dataclasses
from abc import abstractmethod

import bpy

from . import engine_setup, images, jobs, rebuilding, request, results
from .api import Lines, print_line
from .engine.errors import Cancelled, EngineError
from .finish import ONE
from .labels import told, words


def _busy() -> EngineError | None:
    """Why no job can start now, whatever is chosen; None where one can."""
    status = engine_setup.status()
    if jobs.current() is not None:
        return EngineError("busy", "A reconstruction is already running.", "Wait for it, or press Cancel.")
    if engine_setup.current() is not None:
        return EngineError("busy", "The engine is being set up.", "Wait until that is done.")
    return None if status.python else EngineError("engine_start", status.text, status.hint)


class _Reconstructs:
    """What the buttons share that start a job: a job on timers in a window, a blocking one in background."""

    @abstractmethod
    def wanted(self, context: bpy.types.Context) -> request.Order:
        """The job. Raises EngineError."""

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        if bpy.app.background:  # timers never fire there
            return self.execute(context)
        try:
            name, picture, settings, finish, normals = self.wanted(context)
            jobs.start(name, picture, settings, context.scene, context.view_layer, finish, normals)
        except EngineError as error:
            return self._failed(error)
        return {'FINISHED'}

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            name, picture, settings, finish, normals = self.wanted(context)
            jobs.run(name, picture, settings, Lines(print_line), finish, normals)
        except EngineError as error:
            return self._failed(error)
        except Cancelled:
            self.report({'WARNING'}, words("The reconstruction was cancelled."))
            return {'CANCELLED'}
        return {'FINISHED'}

    def _failed(self, error: EngineError) -> set[str]:
        jobs.set_notice(error)
        jobs.redraw()
        self.report({'ERROR'}, told(error))
        return {'CANCELLED'}


class PIFUHD_OT_reconstruct(_Reconstructs, bpy.types.Operator):
    bl_idname = "pifuhd.reconstruct"
    bl_label = "Reconstruct from Image"
    bl_description = "Make a coloured 3D model of the person in the chosen image"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        problem = _busy() or request.problem(context.scene.pifuhd)
        if problem:
            cls.poll_message_set(told(problem))
        return problem is None

    def wanted(self, context: bpy.types.Context) -> request.Order:
        image = context.scene.pifuhd.image
        picture, settings, finish = request.make(context, image)
        return request.Order(images.object_name(image.name), picture, settings, finish)


class PIFUHD_OT_reconstruct_again(_Reconstructs, bpy.types.Operator):
    bl_idname = "pifuhd.reconstruct_again"
    bl_label = "Reconstruct Again"
    bl_description = (
        "Make the active object's mesh anew from its image with the settings as they are now. Name, place, "
        "materials and modifiers stay; vertex groups and shape keys, which belong to the old vertices, do not"
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        person = context.object
        problem = _busy() or results.why_not_again(person)
        problem = problem or request.problem(context.scene.pifuhd, results.image_of(person))
        if problem:
            cls.poll_message_set(told(problem))
        return problem is None

    def wanted(self, context: bpy.types.Context) -> request.Order:
        person = context.object
        picture, settings, finish = request.make(context, results.image_of(person))
        ours = context.scene.pifuhd
        if ours.image != results.image_of(person) or finish.people != ONE:
            # The box and the person's number on the panel are those of another picture, or of nobody.
            settings = request.with_person_of(settings, results.settings_of(person))
        finish = dataclasses.replace(finish, people=ONE, replace=person.name)
        return request.Order(person.name, picture, settings, finish)


class PIFUHD_OT_rebuild(_Reconstructs, bpy.types.Operator):
    bl_idname = "pifuhd.rebuild"
    bl_label = "Rebuild from Normal Maps"
    bl_description = (
        "Make the active object's mesh anew from its two normal maps, on which you may have painted, with "
        "the settings it was made with. Name, place, materials and modifiers stay"
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        person = context.object
        problem = _busy() or rebuilding.problem(person)
        if problem:
            cls.poll_message_set(told(problem))
        return problem is None

    def wanted(self, context: bpy.types.Context) -> request.Order:
        return rebuilding.order(context.object)


class PIFUHD_OT_cancel(bpy.types.Operator):
    bl_idname = "pifuhd.cancel"
    bl_label = "Cancel Reconstruction"
    bl_description = "Stop the running reconstruction"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        job = jobs.current()
        if job is not None and not job.cancelling:
            return True
        cls.poll_message_set(words("Nothing is running." if job is None else "It is already stopping."))
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
    bl_description = "Set this 3D view's Solid shading to the colour attribute, without specular highlights"
    bl_options = {'INTERNAL'}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.space_data is not None and context.space_data.type == 'VIEW_3D'

    def execute(self, context: bpy.types.Context) -> set[str]:
        shading = context.space_data.shading
        shading.color_type = 'VERTEX'
        shading.show_specular_highlight = False  # the photograph has its light already
        return {'FINISHED'}


class PIFUHD_OT_open_log(bpy.types.Operator):
    bl_idname = "pifuhd.open_log"
    bl_label = "Open Log File"
    bl_description = "Show what the engine wrote"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        log = engine_setup.log_path()
        if not log.is_file():
            self.report({'INFO'}, words("There is no log yet. It begins with the first reconstruction."))
            return {'CANCELLED'}
        bpy.ops.wm.path_open(filepath=str(log))
        return {'FINISHED'}


_CLASSES = (
    PIFUHD_OT_reconstruct,
    PIFUHD_OT_reconstruct_again,
    PIFUHD_OT_rebuild,
    PIFUHD_OT_cancel,
    PIFUHD_OT_show_colours,
    PIFUHD_OT_open_log,
)

register, unregister = bpy.utils.register_classes_factory(_CLASSES)
