# SPDX-License-Identifier: GPL-3.0-or-later
"""Text in panels, in the language of Blender's interface where a translation of it is at hand."""

import textwrap

import bpy

LETTER_WIDTH = 7.0  # pixels of an average letter of Blender's interface font at scale 1


def words(text: str, **values: object) -> str:
    """A text with values put in. Its translation is looked up without them: with them there can be none."""
    return bpy.app.translations.pgettext_iface(text).format(**values)


def draw_text(context: bpy.types.Context, layout: bpy.types.UILayout, text: str, icon: str = 'NONE') -> None:
    """Text over several lines; Blender's labels do not wrap. icon: before the first line. It is translated as
    a whole, for nobody translates where it happens to wrap.
    """
    letters = int(context.region.width / (LETTER_WIDTH * context.preferences.system.ui_scale)) - 8
    whole = bpy.app.translations.pgettext_iface(text)
    column = layout.column(align=True)
    column.scale_y = 0.8
    following = 'NONE' if icon == 'NONE' else 'BLANK1'
    for number, line in enumerate(textwrap.wrap(whole, max(letters, 16))):
        column.label(text=line, icon=icon if number == 0 else following, translate=False)
