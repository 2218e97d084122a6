"""The environments in the checkout: `.venv` (engine, tests, embedded Blender), and one for a newer bpy."""

import json
import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from .shell import ROOT, BuildError, ask, run, say, shown

BPY = "4.2.23"  # the embedded default Blender, the oldest version the manifest admits
BPY_NEWEST = "5.0.1"  # the newest bpy with the same Python; CI runs the extension in both
BPY_PYTHON = (3, 11)  # bpy is published for exactly one Python version

MAIN = ROOT / ".venv"
NEWEST = ROOT / f".venv-bpy-{BPY_NEWEST}"
ENGINE_REQUIREMENTS = ROOT / "engine" / "requirements.txt"
TEST_REQUIREMENTS = ROOT / "tests" / "requirements.txt"


def read_requirements(path: Path) -> list[str]:
    """The requirement lines of `path`, without comments and blank lines."""
    lines = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def python_of(venv: Path) -> Path:
    """The Python of `venv`, whether it exists or not."""
    return venv / "Scripts" / "python.exe" if os.name == "nt" else venv / "bin" / "python"


def version_of(python: str | Path) -> tuple[int, int] | None:
    """(major, minor) of the interpreter `python`, or None when it does not run."""
    text = ask([python, "-c", "import sys; print(*sys.version_info[:2])"])
    if text is None:
        return None
    major, minor = text.split()
    return int(major), int(minor)


def base_python(for_bpy: bool) -> str:
    """The interpreter a new environment is made from.

    The one running, unless `for_bpy` asks for bpy's own version, which is then looked for on PATH too.
    Raises BuildError when bpy's version is nowhere.
    """
    if not for_bpy or sys.version_info[:2] == BPY_PYTHON:
        return sys.executable
    wanted = ".".join(map(str, BPY_PYTHON))
    found = shutil.which(f"python{wanted}")
    if found and version_of(found) == BPY_PYTHON:
        return found
    raise BuildError(
        f"The embedded Blender (bpy {BPY}) needs Python {wanted} exactly, and this is Python "
        f"{sys.version_info.major}.{sys.version_info.minor}.",
        f"Install Python {wanted} and run the command again, or use a Blender of your own: --blender PATH.",
    )


def ensure(venv: Path, requirements: Iterable[str]) -> Path:
    """Make `venv` where it is missing, install what it lacks of `requirements`, and return its Python.

    A stamp inside remembers what is complete, so a second run starts at once and an interrupted one is
    taken up again. Raises BuildError when Python does not fit or the installation fails.
    """
    wanted = list(requirements)
    needs_bpy = any(line.startswith("bpy==") for line in wanted)
    python, stamp = python_of(venv), venv / "installed.json"
    if python.exists():
        version = version_of(python)
        if version is None or (needs_bpy and version != BPY_PYTHON):
            held = "a Python that does not run" if version is None else f"Python {version[0]}.{version[1]}"
            raise BuildError(
                f"{shown(venv)} holds {held}, which does not fit.",
                f"Delete {shown(venv)} and run the command again.",
            )
    if not stamp.exists():
        base = str(python) if python.exists() else base_python(needs_bpy)
        say(f"Making {shown(venv)} with {base}")
        run(
            [base, "-m", "venv", venv],
            failure=f"The virtual environment {shown(venv)} could not be made.",
            hint="On Debian and Ubuntu install python3-venv, then run the command again.",
        )
        write_stamp(stamp, [])
    installed = json.loads(stamp.read_text(encoding="utf-8"))
    missing = [line for line in wanted if line not in installed]
    if missing:
        say(f"Installing into {shown(venv)}: {', '.join(missing)}")
        run(
            [python, "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off", *wanted],
            failure=f"pip could not install what {shown(venv)} needs.",
            hint="Check the network and the free disk space (about 3 GB), then run the command again.",
        )
        write_stamp(stamp, sorted({*installed, *wanted}))
    return python


def write_stamp(stamp: Path, lines: list[str]) -> None:
    """Remember in `stamp` that `lines` are installed."""
    fresh = stamp.with_suffix(".new")
    fresh.write_text(json.dumps(lines, indent=1), encoding="utf-8")
    os.replace(fresh, stamp)


def ensure_main(*, bpy: bool, tests: bool) -> Path:
    """`.venv` with the engine's packages, bpy and the test tools where asked for; returns its Python."""
    lines = read_requirements(ENGINE_REQUIREMENTS)
    lines += [f"bpy=={BPY}"] if bpy else []
    lines += read_requirements(TEST_REQUIREMENTS) if tests else []
    return ensure(MAIN, lines)
