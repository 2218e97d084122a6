# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings' sub-panels; see panels.py for the tab they belong to."""

from typing import Any

import bpy

from . import jobs, people, weights
from .finish import ONE
from .labels import words

SIDES = ("Left", "Top", "Right", "Bottom")


class _Settings:
    bl_category = "PIFuHD"
    bl_region_type = 'UI'
    bl_options = {'DEFAULT_CLOSED'}

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.enabled = jobs.current() is None
        self.draw_settings(column, context.scene.pifuhd)


class _Person(_Settings):
    bl_label = "Person"

    def draw_settings(self, layout: bpy.types.UILayout, settings: Any) -> None:
        layout.prop(settings, "height")
        layout.prop(settings, "own_box")
        if settings.own_box:
            column = layout.column(align=True)
            for number, side in enumerate(SIDES):
                column.prop(settings, "box", index=number, text=side)
            return
        found = people.boxes(settings.image) if settings.image is not None else {}
        layout.prop(settings, "people")
        column = layout.column(align=True)
        column.active = settings.people == ONE
        column.prop(settings, "person")
        if len(found) > 1:
            for number, (left, top, right, bottom) in found.items():
                size = {"width": right - left, "height": bottom - top}
                text = words("{number}: {width:.0f} x {height:.0f} pixels", number=number, **size)
                depressed = number == settings.person and settings.people == ONE
                how = {"icon": 'USER', "depress": depressed, "translate": False}
                choose = column.operator("wm.context_set_int", text=text, **how)
                choose.data_path, choose.value = "scene.pifuhd.person", number


class _Detail(_Settings):
    bl_label = "Detail"

    def draw_settings(self, layout: bpy.types.UILayout, settings: Any) -> None:
        layout.prop(settings, "resolution")
        layout.prop(settings, "weights")
        if settings.weights == weights.FILE:
            layout.prop(settings, "weights_file", text="File")
        layout.prop(settings, "device")


class _Mesh(_Settings):
    bl_label = "Mesh"

    def draw_settings(self, layout: bpy.types.UILayout, settings: Any) -> None:
        layout.row().prop(settings, "topology", expand=True)
        row = layout.row(heading="Reduce")
        row.active = settings.topology == 'triangles'
        row.prop(settings, "reduce", text="")
        value = row.row()
        value.active = settings.reduce
        value.prop(settings, "faces", text="")
        layout.prop(settings, "smooth")
        layout.prop(settings, "shade_smooth")


class _Colour(_Settings):
    bl_label = "Colour"

    def draw_settings(self, layout: bpy.types.UILayout, settings: Any) -> None:
        layout.prop(settings, "colour", text="Vertices")
        row = layout.row()
        row.active = settings.colour != 'none'
        row.prop(settings, "texture")
        layout.prop(settings, "keep_normals")


class _Placement(_Settings):
    bl_label = "Placement"

    def draw_settings(self, layout: bpy.types.UILayout, settings: Any) -> None:
        layout.prop(settings, "place")
        if settings.place == 'IMAGE':
            layout.prop(settings, "reference")
        else:
            layout.prop(settings, "floor")


PANELS = (
    (_Person, "person"),
    (_Detail, "detail"),
    (_Mesh, "mesh"),
    (_Colour, "colour"),
    (_Placement, "placement"),
)
"""The sub-panels in their order, and their names."""
