# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an engine can be reached: the folder of its socket, and a round trip with a real one."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import time
from pathlib import Path

from ..errors import EngineError
from ..findings import SET_UP, Finding
from ..sentences import Sentence
from .packages import PACKAGE_FOLDER


def run_folder() -> Finding:
    """Whether a folder that only this user can open, and a socket in it, can be made."""
    if os.name != "posix":
        return Finding("run folder", "ok", "Windows needs none: the engine has a named pipe.")
    hint = "Set TMPDIR to a folder of your own on a local disk, and restart Blender."
    try:
        with tempfile.TemporaryDirectory(prefix="pifuhd-doctor-") as folder:
            if os.stat(folder).st_mode & 0o077:
                text = Sentence("Others could open folders in {folder}.", folder=tempfile.gettempdir())
                return Finding("run folder", "problem", text, hint)
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(os.path.join(folder, "s"))
    except OSError as error:
        return Finding(
            "run folder", "problem", Sentence("No private socket can be made: {error}.", error=error), hint
        )
    return Finding(
        "run folder",
        "ok",
        Sentence("Private folders and sockets can be made in {folder}.", folder=tempfile.gettempdir()),
    )


def round_trip(python: str = sys.executable) -> Finding:
    """Start an engine, greet it, and stop it."""
    try:
        from ..process import EngineProcess
    except ImportError as error:  # NumPy
        return Finding(
            "engine", "problem", Sentence("No engine can be started: {error}.", error=error), SET_UP
        )
    with tempfile.TemporaryDirectory(prefix="pifuhd-doctor-") as folder:
        engine = EngineProcess(python, PACKAGE_FOLDER, log=Path(folder) / "engine.log")
        began = time.monotonic()
        try:
            engine.ensure()
            answered = time.monotonic() - began
        except EngineError as error:
            return Finding("engine", "problem", error.text, error.hint)
        finally:
            engine.stop()
    ended = time.monotonic() - began - answered
    text = Sentence(
        "An engine answered after {answered} s and ended within {ended} s.",
        answered=f"{answered:.1f}",
        ended=f"{ended:.1f}",
    )
    return Finding("engine", "ok", text)
