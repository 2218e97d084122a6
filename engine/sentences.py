# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences with names and numbers in them that can still be translated.

A catalogue of translations holds patterns, "{file} cannot be read: {reason}."; a finished sentence is in
none. Standard library only, because Blender's side imports it too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

_FIELD: Final = re.compile(r"\{([a-z0-9_]+)\}")
"""All that a pattern can hold besides text. Not str.format: patterns come over the link too, and a field of
str.format reads attributes and pads to any width.
"""


class Sentence(str):
    """The English sentence, which remembers what it was made of.

    pattern: English, with a plain {name} for each value, each once; a text without values is taken as it is.
    values: name -> str; whatever else is given is turned into one. What is to be translated itself is a
    Sentence too. A Sentence as pattern is returned as it is. Raises ValueError where pattern and values have
    other names.
    """

    pattern: str
    values: dict[str, str]

    def __new__(cls, pattern: str, /, **values: object) -> Sentence:
        if isinstance(pattern, Sentence):
            return pattern
        texts = {name: value if isinstance(value, str) else str(value) for name, value in values.items()}
        if texts and sorted(_FIELD.findall(pattern)) != sorted(texts):
            raise ValueError(f"the values {sorted(texts)} are not those of {pattern!r}")
        sentence = super().__new__(cls, _filled(pattern, texts))
        sentence.pattern, sentence.values = str(pattern), texts
        return sentence

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, str]]:
        return (self.pattern,), self.values

    def translated(self, look_up: Callable[[str], str]) -> str:
        """The sentence in another language. look_up: English -> that language, or the same where it is not
        known.
        """
        values = {
            name: value.translated(look_up) if isinstance(value, Sentence) else value
            for name, value in self.values.items()
        }
        return _filled(look_up(self.pattern), values)


def listed(texts: Sequence[str], separator: str) -> Sentence:
    """The texts one after the other. Each is translated by itself, where it is a Sentence."""
    numbered = {str(number): text for number, text in enumerate(texts)}
    return Sentence(separator.join(f"{{{number}}}" for number in numbered), **numbered)


def described(tree: Any) -> dict[str, Any]:
    """What every Sentence with values in objects and lists, at any depth, was made of: English ->
    {"pattern", "values"}, for JSON, which itself keeps the English only. The inverse of `restored`.
    """
    return {str(found): _description(found) for found in _sentences(tree) if found.values}


def restored(tree: Any, descriptions: Any) -> Any:
    """The tree with a Sentence in the place of each text that was described.

    Both may come from anybody: a description that is none, or whose pattern and values do not give the text
    that it is for, leaves that text as it is. The work grows with what is given, and no faster.
    """
    if not isinstance(descriptions, dict):
        return tree
    # Each is read once, however often its text stands in the tree.
    read = {text: _read(told) for text, told in descriptions.items()}
    known = {text: made for text, made in read.items() if made is not None and made == text}
    return _replaced(tree, known) if known else tree


def _filled(pattern: str, values: dict[str, str]) -> str:
    # One pass: a value with braces in it, a file's name, is not filled in turn.
    return _FIELD.sub(lambda field: values.get(field[1], field[0]), pattern) if values else pattern


def _sentences(tree: Any) -> Iterator[Sentence]:
    if isinstance(tree, Sentence):
        yield tree
    elif isinstance(tree, (dict, list)):
        for value in tree.values() if isinstance(tree, dict) else tree:
            yield from _sentences(value)


def _replaced(tree: Any, known: dict[str, Sentence]) -> Any:
    if isinstance(tree, dict):
        return {name: _replaced(value, known) for name, value in tree.items()}
    if isinstance(tree, list):
        return [_replaced(value, known) for value in tree]
    return known.get(tree, tree) if isinstance(tree, str) else tree


def _description(sentence: Sentence) -> dict[str, Any]:
    values = {
        name: _description(value) if isinstance(value, Sentence) else value
        for name, value in sentence.values.items()
    }
    return {"pattern": sentence.pattern, "values": values}


def _read(description: Any) -> Sentence | None:
    if not isinstance(description, dict) or description.keys() != {"pattern", "values"}:
        return None
    pattern, values = description["pattern"], description["values"]
    if not isinstance(pattern, str) or not isinstance(values, dict):
        return None
    parts = {name: value if isinstance(value, str) else _read(value) for name, value in values.items()}
    if None in parts.values():
        return None
    try:
        return Sentence(pattern, **parts)
    except ValueError:
        return None
