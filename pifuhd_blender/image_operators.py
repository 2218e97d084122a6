# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the image comes from besides Open: the clipboard, a reference picture, the Image Editor."""

from __future__ import annotations

import bpy

from .images import is_reference, pack
from .labels import words


def _image_editors(context: bpy.types.Context) -> list[tuple[bpy.types.Window, bpy.types.Area]]:
    """All that are on the screen, the present window's largest first."""
    manager = context.window_manager
    found = [
        (window, area)
        for window in manager.windows
        for area in window.screen.areas
        if area.type == 'IMAGE_EDITOR'
    ]
    return sorted(found, key=lambda pair: (pair[0] != context.window, -pair[1].width * pair[1].height))


def editor_image(context: bpy.types.Context) -> bpy.types.Image | None:
    """The picture that is open in an Image Editor, this one first."""
    if context.space_data is not None and context.space_data.type == 'IMAGE_EDITOR':
        return context.space_data.image
    images = (area.spaces.active.image for _, area in _image_editors(context))
    return next((image for image in images if image is not None and image.source != 'VIEWER'), None)


class PIFUHD_OT_use_reference(bpy.types.Operator):
    bl_idname = "pifuhd.use_reference"
    bl_label = "Use Reference"
    bl_description = (
        "Take the picture of the active image empty. It is remembered, so that Placement can lay the mesh "
        "over it"
    )
    bl_options = {'UNDO'}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if is_reference(context.object):
            return True
        cls.poll_message_set(words("Select a reference picture (an image empty) first."))
        return False

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.pifuhd
        settings.image = context.object.data
        settings.reference = context.object
        return {'FINISHED'}


class PIFUHD_OT_use_editor_image(bpy.types.Operator):
    bl_idname = "pifuhd.use_editor_image"
    bl_label = "Use Image Editor"
    bl_description = "Take the picture that is open in the Image Editor"
    bl_options = {'UNDO'}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        image = editor_image(context)
        if image is None:
            cls.poll_message_set(words("No Image Editor shows a picture."))
        elif image.source == 'VIEWER':
            reason = "A render has no pixels that can be read. Save it, and open that file."
            cls.poll_message_set(words(reason))
        else:
            return True
        return False

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.scene.pifuhd.image = editor_image(context)
        return {'FINISHED'}


class PIFUHD_OT_paste_image(bpy.types.Operator):
    bl_idname = "pifuhd.paste_image"
    bl_label = "Paste Photograph"
    bl_description = "Take a picture from the clipboard. It is packed into the file"
    bl_options = {'UNDO'}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not bpy.ops.image.clipboard_paste.poll():
            reason = (
                "There is no picture on the clipboard that Blender can read. Save it as a file and open that."
            )
            cls.poll_message_set(words(reason))
            return False
        if not _image_editors(context) and context.area is None:
            cls.poll_message_set(words("Open an Image Editor first."))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        before = set(bpy.data.images)
        editors = _image_editors(context)
        # Blender's operator writes into the Image Editor it is called from, and crashes without one.
        if editors:
            window, area = editors[0]
            shown = area.spaces.active.image
            with context.temp_override(window=window, area=area):
                bpy.ops.image.clipboard_paste()
            if context.area != area:
                area.spaces.active.image = shown
        else:
            kind = context.area.ui_type
            context.area.ui_type = 'IMAGE_EDITOR'
            try:
                bpy.ops.image.clipboard_paste()
            finally:
                context.area.ui_type = kind
        pasted = [image for image in bpy.data.images if image not in before]
        if not pasted:
            reason = "The clipboard's picture could not be read. Save it as a file instead."
            self.report({'ERROR'}, words(reason))
            return {'CANCELLED'}
        pack(pasted[0])
        context.scene.pifuhd.image = pasted[0]
        return {'FINISHED'}


_CLASSES = (PIFUHD_OT_use_reference, PIFUHD_OT_use_editor_image, PIFUHD_OT_paste_image)

register, unregister = bpy.utils.register_classes_factory(_CLASSES)
