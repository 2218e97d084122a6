# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the tests of inside/ in every Blender there is, two at a time: they wait a good deal for engines."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from . import blenders

RUNNER = Path(__file__).resolve().parent / "run_inside.py"
SECONDS = 900.0  # about two minutes each on two slow cores
AT_ONCE = 2


def in_bpy(python: str, folder: Path) -> tuple[list[str], dict[str, str]]:
    """The command before the runner's path, and the environment."""
    # A user folder, because the runner's own would be left behind when it is killed for taking too long.
    return [python, "-u"], {"BLENDER_USER_RESOURCES": str(folder / "user")}


def in_real_blender(program: str, folder: Path) -> tuple[list[str], dict[str, str]]:
    """As in_bpy."""
    (folder / "user").mkdir()
    command = [blenders.real_blender(program), "-b", "--factory-startup", "--python"]
    site = blenders.pytest_site(folder / "site")
    return command, {"BLENDER_USER_RESOURCES": str(folder / "user"), "PIFUHD_SITE": str(site)}


HOW = dict.fromkeys(blenders.bpy_pythons(), in_bpy) | dict.fromkeys(blenders.real_blenders(), in_real_blender)


def run(program: str, folder: Path) -> tuple[int, str]:
    """The exit code and the report."""
    command, environment = HOW[program](program, folder)
    done = subprocess.run(
        [*command, str(RUNNER), "--"],
        env={**os.environ, "PIFUHD_ZIP": str(blenders.built_zip()), **environment},
        cwd=blenders.ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[tuple[int, str]]]]:
    """The runs of all tests of this module that were chosen, begun in their order."""
    here = [item for item in request.session.items if item.path == Path(__file__)]
    chosen = [program for item in here if (program := item.callspec.params["program"]) in HOW]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {program: pool.submit(run, program, tmp_path_factory.mktemp("inside")) for program in chosen}


def called(program: str) -> str:
    """Of a bpy module its environment, of a real Blender its suite."""
    return Path(program).parts[-3] if HOW.get(program) is in_bpy else blenders.suite(program)


@pytest.mark.parametrize(
    "program", [*(blenders.bpy_pythons() or ["no bpy"]), *blenders.real_blenders()], ids=called
)
def test_in(program, running):
    if program not in HOW:
        blenders.missing("PIFUHD_BPY_PYTHONS names no interpreter that has bpy")
    code, report = running[program].result()
    # The count, because a Blender that ends before pytest began would end with 0 too.
    assert code == 0, report
    assert " passed in " in report, report
    assert " skipped" not in report, report
