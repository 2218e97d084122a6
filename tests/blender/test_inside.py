# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the tests of inside/ in every Blender there is."""

import os
import subprocess
from pathlib import Path

import pytest

from . import blenders

RUNNER = Path(__file__).resolve().parent / "run_inside.py"
SECONDS = 900.0  # about one minute each on two slow cores


def run(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(
        [*command, str(RUNNER), "--"],
        env={**os.environ, "PIFUHD_ZIP": str(blenders.built_zip()), **environment},
        cwd=blenders.ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    report = done.stdout + done.stderr
    # The count, because a Blender that ends before pytest began would end with 0 too.
    assert done.returncode == 0, report
    assert " passed in " in report, report
    assert " skipped" not in report, report


@pytest.mark.parametrize("python", blenders.bpy_pythons() or [""], ids=lambda path: Path(path).parts[-3:][:1])
def test_in_bpy(python, tmp_path):
    if not python:
        blenders.missing("PIFUHD_BPY_PYTHONS names no interpreter that has bpy")
    # A user folder, because the runner's own would be left behind when it is killed for taking too long.
    run([python, "-u"], {"BLENDER_USER_RESOURCES": str(tmp_path / "user")})


@pytest.mark.parametrize("program", blenders.real_blenders(), ids=blenders.suite)
def test_in_real_blender(program, tmp_path):
    (tmp_path / "user").mkdir()
    environment = {
        "BLENDER_USER_RESOURCES": str(tmp_path / "user"),
        "PIFUHD_SITE": str(blenders.pytest_site(tmp_path / "site")),
    }
    run([blenders.real_blender(program), "-b", "--factory-startup", "--python"], environment)
