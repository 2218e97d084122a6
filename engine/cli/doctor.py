# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m engine doctor`: what is wrong here, and what to do about it."""

from __future__ import annotations

import argparse
import textwrap
from typing import TYPE_CHECKING, Any

from ..findings import Finding, to_json
from ..health import examine_here

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[Any]

WIDTH = 100


def add_command(commands: Commands) -> None:
    """Add `doctor` to the command line."""
    doctor = commands.add_parser("doctor", help="look for what keeps the engine from working")
    doctor.add_argument("--json", action="store_true", help="print a list of findings, in JSON")
    # Not what the other commands are refused without: this one is for what is missing.
    doctor.set_defaults(run=_doctor, check=lambda: None)


def _doctor(chosen: argparse.Namespace) -> int:
    findings = []
    for finding in examine_here():
        findings.append(finding)
        if not chosen.json:
            _show(finding)
    problems = sum(finding.state == "problem" for finding in findings)
    if chosen.json:
        print(to_json(findings))
    elif problems:
        print(f"{problems} problem{'s' if problems > 1 else ''} to solve.")
    else:
        print("The engine can work here.")
    return 1 if problems else 0


def _show(finding: Finding) -> None:
    for begin, text in ((f"{finding.state:<8} {finding.name:<11}", finding.text), (" " * 20, finding.hint)):
        if text:
            print(textwrap.fill(text, WIDTH, initial_indent=begin, subsequent_indent=" " * 20,
                                break_long_words=False, break_on_hyphens=False), flush=True)
