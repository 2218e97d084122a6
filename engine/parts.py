# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of the engine that need what a broken installation lacks: loaded late, and told of in a sentence.

Standard library only at import, so that the command line can say what is missing.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType

from .errors import EngineError
from .sentences import Sentence


def check_installed() -> None:
    """Raise EngineError("engine_start") where this Python lacks NumPy or PyTorch; takes no time, unlike
    importing them.
    """
    for module, name in (("numpy", "NumPy"), ("torch", "PyTorch")):
        if importlib.util.find_spec(module) is None:
            raise EngineError(
                "engine_start",
                Sentence(
                    "{name} is missing from the engine's Python, {python}.", name=name, python=sys.executable
                ),
                "Set up the engine again in the add-on's preferences, or install engine/requirements.txt.",
            )


def load_part(name: str) -> ModuleType:
    """Import a module that needs PyTorch, so that a broken installation is told from a broken job."""
    try:
        return importlib.import_module(name, __package__)
    except (ImportError, OSError) as error:  # OSError: a missing or damaged library of PyTorch
        raise EngineError(
            "engine_start",
            Sentence("The engine cannot load {part}: {error}.", part=name.lstrip("."), error=error),
            "Set up the engine again in the add-on's preferences, or install engine/requirements.txt.",
        ) from error
