"""`python build.py test`: everything the tests need, then one run of pytest."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from . import blenders, package, venv
from .shell import ROOT, BuildError, say, shown


def real_blender(named: str | None, ci: bool) -> blenders.Blender | None:
    """The real Blender of this run: named, in PIFUHD_BLENDER, on PATH, or (in CI) installed now."""
    found = blenders.find_real(named or os.environ.get("PIFUHD_BLENDER"))
    if found is not None:
        return found
    if ci:
        return blenders.install_debian()
    say("No Blender on PATH: tests needing one are skipped (CI=true installs one, on Debian as root)")
    return None


def newest_blender() -> blenders.Blender | None:
    """The newest real Blender that Debian carries, or None, with a line that says so, while it cannot be
    installed.
    """
    try:
        return blenders.install_debian(blenders.MOVING_SUITE)
    except blenders.NotInstalled as error:
        say(f"Going on without the newest Blender: {error.text}")
        return None


def bpy_pythons(ci: bool) -> list[Path]:
    """The Pythons that hold a bpy: `.venv`, and the newest one where CI makes it or an earlier run did."""
    pythons = [venv.python_of(venv.MAIN)]
    pytest = next(
        line for line in venv.read_requirements(venv.TEST_REQUIREMENTS) if line.startswith("pytest==")
    )
    if ci or venv.NEWEST.exists():
        pythons.append(venv.ensure(venv.NEWEST, [f"bpy=={venv.BPY_NEWEST}", pytest]))
    return pythons


def test(named: str | None, pytest_arguments: Sequence[str]) -> int:
    """Prepare and run the tests; returns pytest's exit code.

    The tests of the extension find their tools in the environment: PIFUHD_ZIP (the built zip),
    PIFUHD_ENGINE_PYTHON, PIFUHD_BPY_PYTHONS (separated like PATH), PIFUHD_BLENDER (only with a real one),
    PIFUHD_NEWEST_BLENDER (in CI, where it can be installed).
    """
    ci = os.environ.get("CI", "").lower() in ("1", "true")
    python = venv.ensure_main(bpy=True, tests=True)
    embedded = blenders.Blender(python, True, venv.BPY)
    pythons = bpy_pythons(ci)
    real = real_blender(named, ci)
    newest = newest_blender() if ci else None
    archive = package.build(embedded)
    engine_python = python if os.name == "nt" else blenders.engine_launcher(python, ROOT / ".cache")
    environment = {
        "PIFUHD_ZIP": str(archive),
        "PIFUHD_ENGINE_PYTHON": str(engine_python),
        "PIFUHD_BPY_PYTHONS": os.pathsep.join(map(str, pythons)),
    }
    if real is not None:
        environment["PIFUHD_BLENDER"] = str(real.program)
    if newest is not None:
        environment["PIFUHD_NEWEST_BLENDER"] = str(newest.program)
    say(
        f"Testing with bpy {venv.BPY}"
        + (f" and {venv.BPY_NEWEST}" if len(pythons) > 1 else "")
        + "".join(f", Blender {one.version} ({shown(one.program)})" for one in (real, newest) if one)
    )
    try:
        return subprocess.run(
            [python, "-m", "pytest", *pytest_arguments], cwd=ROOT, env={**os.environ, **environment}
        ).returncode
    except OSError as error:
        raise BuildError(
            f"{shown(python)} does not start ({error.strerror}).",
            f"Delete {shown(venv.MAIN)} and run the command again.",
        ) from error
