# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong, what can be cancelled, and the stages of a job: the words both sides of the link
share.

Standard library only, because Blender's side imports it too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

CODES: Final[frozenset[str]] = frozenset(
    {
        "bad_image",  # the photo cannot be read, or is too small or too large
        "no_person",  # nobody found in the photo, or the person box is empty
        "bad_weights",  # the weights file is missing, damaged, or of an unknown preset
        "bad_settings",  # a setting is unknown or out of its range
        "out_of_memory",  # the device or the machine ran out of memory
        "broken_field",  # the occupancy field holds no usable surface
        "engine_start",  # the engine process does not start, or never answers
        "engine_died",  # the engine process went away during a job
        "protocol",  # the peer is of another version, or sends what the protocol does not allow
        "busy",  # the engine is working on another job
        "io",  # a file cannot be read or written
        "internal",  # a defect of the program itself
    }
)
"""The closed set of error codes; they travel over the link, so a new one is a change of protocol."""

STAGES: Final[tuple[str, ...]] = (
    "weights",
    "photo",
    "normals",
    "features",
    "surface",
    "colour",
    "transfer",
)
"""The stages of a job, in the order in which progress reports them."""

ProgressCallback: TypeAlias = Callable[[str, int, int, str], None]
"""Called as (stage, done, total, unit), often; it may raise Cancelled to end the job."""


class EngineError(Exception):
    """An error a user can meet: what happened in one sentence, and the next step.

    code: one of CODES. text: one sentence. hint: the next step, one sentence. Either is a Sentence where it
    has names or numbers in it, so that it can be translated. str() is both.
    Raises ValueError for a code outside the closed set.
    """

    def __init__(self, code: str, text: str, hint: str) -> None:
        if code not in CODES:
            raise ValueError(f"unknown error code {code!r}")
        super().__init__(f"{text} {hint}")
        self.code = code
        self.text = text
        self.hint = hint

    def __reduce__(self) -> tuple[type[EngineError], tuple[str, str, str]]:
        # The default would rebuild it from the one joined string, which the constructor does not take.
        return type(self), (self.code, self.text, self.hint)


class Cancelled(Exception):
    """The user cancelled the job. Raised by a progress callback; the only way a job is cancelled."""
