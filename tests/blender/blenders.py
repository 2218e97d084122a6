# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Blenders the tests use, and how to start one with a user folder of its own."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parents[2]
FAKE = Path(__file__).resolve().parent / "fake_engine.py"
PYTEST_PARTS = ("pytest", "pluggy", "iniconfig", "packaging", "pygments")


def missing(what: str) -> NoReturn:
    """Skip the test for want of a tool; in CI that is a failure."""
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(f"{what}, and CI must have it")
    pytest.skip(what)


def built_zip() -> Path:
    named = os.environ.get("PIFUHD_ZIP")
    if not named:
        missing("PIFUHD_ZIP names no built zip (python build.py test sets it)")
    return Path(named).resolve()


def bpy_pythons() -> list[str]:
    return [path for path in os.environ.get("PIFUHD_BPY_PYTHONS", "").split(os.pathsep) if path]


def real_blender(program: str | None = None) -> str:
    """The program of a real Blender: the one of the environment, or one of real_blenders()."""
    found = shutil.which(os.environ.get("PIFUHD_BLENDER", "") if program is None else program)
    if not found:
        missing("PIFUHD_BLENDER names no Blender")
    return found


def real_blenders() -> list[str]:
    """The real Blender, "" where it is missing, and the newest one where it could be installed."""
    newest = os.environ.get("PIFUHD_NEWEST_BLENDER")
    return [os.environ.get("PIFUHD_BLENDER", ""), *([newest] if newest else [])]


def suite(program: str) -> str:
    """What a test in a real Blender is called after: the folder it is in."""
    return Path(program).parent.name


def engine_python() -> str:
    """An interpreter with numpy that a Blender of the tests can start."""
    named = os.environ.get("PIFUHD_ENGINE_PYTHON")
    if not named:
        missing("PIFUHD_ENGINE_PYTHON names no interpreter")
    return named


def pytest_site(folder: Path) -> Path:
    """Copy pytest, which is pure Python, for a Blender whose Python has none."""
    for name in PYTEST_PARTS:
        for file in importlib.metadata.files(name) or []:
            if ".." not in file.parts and file.suffix != ".pyc":
                target = folder / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file.locate(), target)
    return folder


def zip_with_fake_engine(target: Path, mode: str) -> Path:
    """The built zip with the fake engine in the place of the real one's entry."""
    with zipfile.ZipFile(built_zip()) as source, zipfile.ZipFile(target, "w") as copy:
        for entry in source.infolist():
            if entry.filename != "engine/__main__.py" and not entry.filename.endswith(".safetensors"):
                copy.writestr(entry, source.read(entry))
        copy.writestr("engine/__main__.py", FAKE.read_text(encoding="utf-8"))
        copy.writestr("mode.txt", mode)
    return target


class Installed:
    """A real Blender with the extension installed in a user folder of its own."""

    def __init__(self, folder: Path, package: Path, program: str | None = None) -> None:
        self.program = real_blender(program)
        self.user = folder / "user"
        self.user.mkdir(parents=True)
        self.environment = {
            **os.environ,
            "BLENDER_USER_RESOURCES": str(self.user),
            "PIFUHD_ENGINE_PYTHON": engine_python(),
        }
        done = self.run("--command", "extension", "install-file", "-r", "user_default", "-e", str(package))
        assert self.extension.is_dir(), done.stdout + done.stderr

    @property
    def extension(self) -> Path:
        return self.user / "extensions" / "user_default" / "pifuhd_blender"

    def set_mode(self, mode: str) -> None:
        (self.extension / "mode.txt").write_text(mode, encoding="utf-8")

    def run(self, *arguments: str, timeout: float = 300.0) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.program, *arguments],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    @contextmanager
    def start(self, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
        """A running Blender, killed at the end where it still runs."""
        process = subprocess.Popen(
            [self.program, *arguments],
            env={**self.environment, **environment},
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def engines(self) -> list[int]:
        """Process ids of the engines that run from this installation (Linux)."""
        if sys.platform != "linux":
            pytest.skip("looks at processes through /proc")
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                try:
                    command = (entry / "cmdline").read_bytes()
                    here = os.readlink(entry / "cwd")
                except OSError:
                    continue  # it ended meanwhile, or is another user's
                if b"engine\0serve" in command and here.endswith(str(self.extension)):
                    found.append(int(entry.name))
        return found


def wait_for(condition: Callable[[], object], seconds: float) -> None:
    """Poll until the condition holds; fail after so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
