# SPDX-License-Identifier: GPL-3.0-or-later
"""Text for the user, in the language of Blender's interface where a translation of it is at hand."""

import textwrap

import bpy

from .engine.errors import EngineError
from .engine.sentences import Sentence

LETTER_WIDTH = 7.0  # pixels of an average letter of Blender's interface font at scale 1


def words(text: str, **values: object) -> str:
    """A text with values put in. Its translation is looked up without them: with them there can be none. That
    of a Sentence too, whether it is the text or a value.
    """
    look_up = bpy.app.translations.pgettext_iface
    whole = text.translated(look_up) if isinstance(text, Sentence) else look_up(text)
    if not values:
        return whole
    return whole.format(
        **{name: words(value) if isinstance(value, Sentence) else value for name, value in values.items()}
    )


def told(error: EngineError) -> str:
    """An error as a report or a tooltip tells it: what happened and the next step."""
    return f"{words(error.text)} {words(error.hint)}"


def draw_text(context: bpy.types.Context, layout: bpy.types.UILayout, text: str, icon: str = 'NONE') -> None:
    """Text over several lines; Blender's labels do not wrap. icon: before the first line. It is translated as
    a whole, for nobody translates where it happens to wrap.
    """
    letters = int(context.region.width / (LETTER_WIDTH * context.preferences.system.ui_scale)) - 8
    column = layout.column(align=True)
    column.scale_y = 0.8
    following = 'NONE' if icon == 'NONE' else 'BLANK1'
    for number, line in enumerate(textwrap.wrap(words(text), max(letters, 16))):
        column.label(text=line, icon=icon if number == 0 else following, translate=False)
