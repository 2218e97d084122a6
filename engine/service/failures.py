# SPDX-License-Identifier: GPL-3.0-or-later
"""From whatever a job raised to an error that a user can be shown."""

from __future__ import annotations

import traceback

from ..errors import EngineError
from ..sentences import Sentence


def as_engine_error(error: Exception) -> EngineError:
    """The error to show for one that a job raised; what nobody foresaw is printed to the log in full."""
    if isinstance(error, EngineError):
        return error
    traceback.print_exception(error)
    # PyTorch says it in as many words, but only on CUDA with a class of its own.
    said = str(error).lower()
    phrases = ("out of memory", "not enough memory", "can't allocate memory")
    if isinstance(error, MemoryError) or any(phrase in said for phrase in phrases):
        return EngineError(
            "out_of_memory", "The memory is not enough for this.", "Lower the resolution and try again."
        )
    return EngineError(
        "internal",
        Sentence("The engine failed: {kind}: {error}.", kind=type(error).__name__, error=str(error)[:500]),
        "Report it with the engine's log.",
    )
