# SPDX-License-Identifier: GPL-3.0-or-later
"""The person box over the picture in an Image Editor: drawn, and dragged with the left mouse button."""

from __future__ import annotations

import bpy
import gpu
from gpu_extras.batch import batch_for_shader

from . import box_geometry, people
from .box_geometry import Box

REACH = 10.0  # pixels from an edge at interface scale 1: a finger's width of a mouse
OWN, FOUND, OTHER = (1.0, 0.55, 0.1, 1.0), (0.35, 0.85, 0.45, 1.0), (0.8, 0.8, 0.8, 0.7)
SHADE = (0.0, 0.0, 0.0, 0.45)
KEYMAPS = ("Image", "Image Editor Tool: Sample")
"""The editor's own, and that of the tool which is active there from 5.x on and would take the mouse first."""

_handler: object | None = None
_keymaps: list[tuple[bpy.types.KeyMap, bpy.types.KeyMapItem]] = []


def shows(context: bpy.types.Context) -> bool:
    """Whether this is an Image Editor that shows the image to reconstruct, as an image."""
    space, settings = context.space_data, context.scene.pifuhd
    return (
        space is not None
        and space.type == 'IMAGE_EDITOR'
        and space.mode == 'VIEW'
        and settings.image is not None
        and space.image == settings.image
        and min(settings.image.size) > 0
    )


def to_region(context: bpy.types.Context, x: float, y: float) -> tuple[float, float]:
    """Pixels of the picture, y down, to those of the region, y up."""
    width, height = context.scene.pifuhd.image.size
    return context.region.view2d.view_to_region(x / width, 1.0 - y / height, clip=False)


def to_picture(context: bpy.types.Context, x: float, y: float) -> tuple[float, float]:
    """Inverse of to_region, with fractions."""
    width, height = context.scene.pifuhd.image.size
    across, up = context.region.view2d.region_to_view(x, y)
    return across * width, (1.0 - up) * height


def _draw() -> None:
    context = bpy.context
    if not shows(context) or not context.space_data.overlay.show_overlays:
        return
    settings = context.scene.pifuhd
    gpu.state.blend_set('ALPHA')
    if settings.own_box:
        box = tuple(settings.box)
        _draw_shade(context, box)
        _draw_frame(context, box, OWN, 2.0)
        _draw_handles(context, box)
    else:
        for number, box in people.boxes(settings.image).items():
            chosen = number == settings.person
            _draw_frame(context, box, FOUND if chosen else OTHER, 2.0 if chosen else 1.0)
    gpu.state.blend_set('NONE')


def _corners(context: bpy.types.Context, box: Box) -> list[tuple[float, float]]:
    left, top, right, bottom = box
    return [
        to_region(context, x, y) for x, y in ((left, top), (right, top), (right, bottom), (left, bottom))
    ]


def _draw_frame(context: bpy.types.Context, box: Box, colour: tuple[float, ...], width: float) -> None:
    shader = gpu.shader.from_builtin('POLYLINE_UNIFORM_COLOR')
    corners = _corners(context, box)
    batch = batch_for_shader(shader, 'LINES', {"pos": corners}, indices=((0, 1), (1, 2), (2, 3), (3, 0)))
    shader.uniform_float("viewportSize", (context.region.width, context.region.height))
    shader.uniform_float("lineWidth", width * context.preferences.system.ui_scale)
    shader.uniform_float("color", colour)
    batch.draw(shader)


def _fill(rectangles: list[tuple[float, float, float, float]], colour: tuple[float, ...]) -> None:
    """rectangles: (x0, y0, x1, y1) in pixels of the region."""
    corners = [
        place for x0, y0, x1, y1 in rectangles for place in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
    ]
    indices = [
        tuple(4 * number + corner for corner in triangle)
        for number in range(len(rectangles))
        for triangle in ((0, 1, 2), (0, 2, 3))
    ]
    shader = gpu.shader.from_builtin('UNIFORM_COLOR')
    batch = batch_for_shader(shader, 'TRIS', {"pos": corners}, indices=indices)
    shader.uniform_float("color", colour)
    batch.draw(shader)


def _draw_shade(context: bpy.types.Context, box: Box) -> None:
    """Darken the picture around the box."""
    width, height = context.scene.pifuhd.image.size
    (x0, y1), _, (x1, y0), _ = _corners(context, (0, 0, width, height))
    (left, top), _, (right, bottom), _ = _corners(context, box)
    _fill(
        [(x0, y0, left, y1), (right, y0, x1, y1), (left, y0, right, bottom), (left, top, right, y1)], SHADE
    )


def _draw_handles(context: bpy.types.Context, box: Box) -> None:
    half = 4.0 * context.preferences.system.ui_scale
    corners = _corners(context, box)
    middles = [
        ((x0 + x1) / 2, (y0 + y1) / 2)
        for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1])
    ]
    _fill([(x - half, y - half, x + half, y + half) for x, y in corners + middles], OWN)


class PIFUHD_OT_drag_box(bpy.types.Operator):
    bl_idname = "pifuhd.drag_box"
    bl_label = "Drag Person Box"
    bl_description = "Move the person box, or one of its sides or corners"
    bl_options = {'INTERNAL', 'UNDO'}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.scene is not None and context.scene.pifuhd.own_box and shows(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        x, y = to_picture(context, event.mouse_region_x, event.mouse_region_y)
        near, _ = to_picture(context, event.mouse_region_x + REACH, event.mouse_region_y)
        self._start, self._before = (x, y), tuple(context.scene.pifuhd.box)
        reach = (near - x) * context.preferences.system.ui_scale
        self._sides = box_geometry.grip(self._before, x, y, reach)
        if not self._sides:
            return {'PASS_THROUGH'}
        context.window_manager.modal_handler_add(self)
        return {'RUNNING_MODAL'}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        settings = context.scene.pifuhd
        if settings.image is None:  # it went away under the pointer
            return {'CANCELLED'}
        if event.type in {'ESC', 'RIGHTMOUSE'}:
            settings.box = self._before
        elif event.type in {'MOUSEMOVE', 'LEFTMOUSE'}:
            x, y = to_picture(context, event.mouse_region_x, event.mouse_region_y)
            moved = x - self._start[0], y - self._start[1]
            box = box_geometry.pulled(self._before, self._sides, *moved, tuple(settings.image.size))
            settings.box = tuple(map(round, box))
        context.area.tag_redraw()
        if event.type in {'ESC', 'RIGHTMOUSE'}:
            return {'CANCELLED'}
        return {'FINISHED'} if event.type == 'LEFTMOUSE' and event.value == 'RELEASE' else {'RUNNING_MODAL'}


def register() -> None:
    global _handler
    bpy.utils.register_class(PIFUHD_OT_drag_box)
    _handler = bpy.types.SpaceImageEditor.draw_handler_add(_draw, (), 'WINDOW', 'POST_PIXEL')
    keyconfig = bpy.context.window_manager.keyconfigs.addon
    if keyconfig is not None:  # None in background
        for name in KEYMAPS:
            keymap = keyconfig.keymaps.new(name=name, space_type='IMAGE_EDITOR')
            item = keymap.keymap_items.new(PIFUHD_OT_drag_box.bl_idname, 'LEFTMOUSE', 'PRESS')
            _keymaps.append((keymap, item))


def unregister() -> None:
    global _handler
    for keymap, item in _keymaps:
        keymap.keymap_items.remove(item)
    _keymaps.clear()
    bpy.types.SpaceImageEditor.draw_handler_remove(_handler, 'WINDOW')
    _handler = None
    bpy.utils.unregister_class(PIFUHD_OT_drag_box)
