# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting the engine's Python from another one, Blender's, so that nothing of that one reaches it."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any, Final

SEARCH_PATH: Final = "LD_LIBRARY_PATH"
"""Where Linux looks for libraries before it looks where a program says its own are."""
SPINS: Final = ("GOMP_SPINCOUNT", "30000")
"""How often a thread of PyTorch's looks for its next piece of work before it goes to sleep. As often as
usual, 300,000 times, it holds a core that another program wants: beside two that keep both cores busy a
`compact` job at 256 took 4.6 s, and so takes 2.9, where alone it takes 1.2; two engines at once took 13 s
each, and so take 3.4. At 10,000 they take 2.4 and 2.3, but a `pifuhd` job that is alone 8 % longer."""


def command(python: str, *arguments: str, module: str = "engine") -> list[str]:
    """`python -m MODULE ARGUMENTS`: without the user's own packages, with UTF-8 for all that is printed."""
    return [python, "-E", "-s", "-u", "-X", "utf8", "-m", module, *arguments]


def options() -> dict[str, Any]:
    """How Popen starts it: in a session of its own, and without a console window on Windows."""
    # A Ctrl-C in the terminal of Blender is for Blender, which then stops the child in order.
    return {
        "start_new_session": os.name == "posix",
        "creationflags": getattr(subprocess, "CREATE_NO_WINDOW", 0),
    }


def environment() -> dict[str, str]:
    """This process's environment without what would change which Python, modules or libraries a child uses.

    Of LD_LIBRARY_PATH only what belongs to the running program is left out: `blender-softwaregl` puts its own
    folder there, whose libraries PyTorch would get in the place of its own; but where a container keeps the
    GPU's driver stands there too.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith("PYTHON") and name != "__PYVENV_LAUNCHER__"
    }
    if SEARCH_PATH in kept:
        program = Path("/proc/self/exe").resolve().parent
        folders = [folder for folder in kept.pop(SEARCH_PATH).split(":") if folder]
        foreign = [folder for folder in folders if not Path(folder).resolve().is_relative_to(program)]
        if foreign:
            kept[SEARCH_PATH] = ":".join(foreign)
    return kept


def kill_tree(process: subprocess.Popen[Any]) -> None:
    """Kill a child that was started with options(), and what it has started itself."""
    if process.poll() is not None:
        return
    if os.name == "posix":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], check=False, capture_output=True)
