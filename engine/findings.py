# SPDX-License-Identifier: GPL-3.0-or-later
"""What `python -m engine doctor` finds, and asking for it from another Python, Blender's.

Standard library only, because Blender's side imports it too.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from . import spawn
from .errors import Cancelled
from .sentences import Sentence, described, restored

STATES: Final = ("ok", "warning", "problem")
"""ok: nothing to do; warning: it works, but not as well as it could; problem: it does not work."""

EXAMINE_SECONDS: Final = 240.0
"""How long an examination may take: its own limits are 120 s for loading packages and 60 s for an engine."""

SET_UP: Final = (
    "Set up the engine again in the add-on's preferences, or install engine/requirements.txt in its Python."
)


@dataclass(frozen=True)
class Finding:
    """What was found. name: what was looked at, one of health.CHECKS; state: one of STATES; text: one
    sentence; hint: what to do about it, one sentence, "" where there is nothing to do.
    """

    name: str
    state: str
    text: str
    hint: str = ""


def to_json(findings: list[Finding]) -> str:
    """The list as `doctor --json` prints it: each finding's fields, and where its sentences have names or
    numbers in them, under `patterns` what they were made of, see sentences.py.
    """
    listed = []
    for finding in findings:
        item = asdict(finding)
        patterns = described(item)
        listed.append({**item, "patterns": patterns} if patterns else item)
    return json.dumps(listed, indent=1)


def from_json(text: str) -> list[Finding]:
    """The inverse of to_json. Raises ValueError for anything else."""
    findings = []
    listed = json.loads(text)
    if not isinstance(listed, list):
        raise ValueError("it is not a list")
    for item in listed:
        patterns = item.pop("patterns", {}) if isinstance(item, dict) else {}
        if not isinstance(item, dict) or item.keys() != {"name", "state", "text", "hint"}:
            raise ValueError("a finding has other fields than name, state, text and hint")
        if not all(isinstance(value, str) for value in item.values()) or item["state"] not in STATES:
            raise ValueError("a finding has no known state, or what is no text")
        findings.append(Finding(**restored(item, patterns)))
    return findings


def examine(
    python: str,
    package_folder: Path,
    *,
    seconds: float = EXAMINE_SECONDS,
    cancelled: Callable[[], bool] = lambda: False,
) -> list[Finding]:
    """Run `doctor` in the engine's Python and return what it finds. Takes 3 s to a minute: for a thread.

    python, package_folder: as of EngineProcess. A Python that cannot even be asked is a finding like others,
    the only one then. cancelled is asked ten times a second. Nothing is left running. Raises Cancelled.
    """
    try:
        process = subprocess.Popen(
            spawn.command(python, "doctor", "--json"),
            cwd=package_folder,
            env=spawn.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            **spawn.options(),
        )
    except OSError as error:
        return _unasked(
            Sentence(
                "The engine's Python {python} cannot be started: {reason}.",
                python=python,
                reason=error.strerror or error,
            )
        )
    deadline = time.monotonic() + seconds
    with process:
        try:
            while True:
                try:
                    printed, complaints = process.communicate(timeout=0.1)
                    break
                except subprocess.TimeoutExpired:
                    if cancelled():
                        raise Cancelled from None
                    if time.monotonic() > deadline:
                        return _unasked(
                            Sentence(
                                "The examination did not end within {seconds} seconds.",
                                seconds=f"{seconds:.0f}",
                            )
                        )
        finally:
            spawn.kill_tree(process)
    try:
        return from_json(printed)
    except ValueError:
        last = next((line for line in reversed(complaints.splitlines()) if line.strip()), "")
        why = last.strip()[:500].rstrip(".") or Sentence(
            "it exited with code {code}", code=process.returncode
        )
        return _unasked(
            Sentence("The engine's Python {python} cannot examine itself: {why}.", python=python, why=why)
        )


def _unasked(text: str) -> list[Finding]:
    return [Finding("python", "problem", text, SET_UP)]
