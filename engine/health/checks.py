# SPDX-License-Identifier: GPL-3.0-or-later
"""All that is looked at, in the order in which one thing needs the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from ..findings import Finding
from ..sentences import Sentence
from . import machine, packages, reach, stored
from .packages import Probe

CHECKS: Final[dict[str, Callable[[Probe], Finding]]] = {
    "python": lambda probe: machine.python(),
    "torch": packages.torch,
    "packages": packages.others,
    "device": packages.device,
    "memory": machine.memory,
    "disk": lambda probe: machine.disk(),
    "weights": lambda probe: stored.weights(),
    "run folder": lambda probe: reach.run_folder(),
    "engine": lambda probe: reach.round_trip(),
}
"""The name of each finding -> what finds it."""


def examine_here() -> Iterator[Finding]:
    """Look at this Python, this machine and the engine's files; yields a finding a check, as each is done.

    Loads the packages and starts an engine, each in a child process, so that neither can take this one down.
    """
    probe = packages.probe()
    for name, check in CHECKS.items():
        try:
            yield check(probe)
        except Exception as error:  # one that cannot be made must not hide what the others find
            text = Sentence(
                "This could not be examined: {kind}: {error}.", kind=type(error).__name__, error=error
            )
            yield Finding(name, "problem", text, "Report it with this text.")
