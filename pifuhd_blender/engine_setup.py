# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Python runs the engine, and making one: a virtual environment in the user folder, filled by pip.

The environment counts as made only once its stamp is written, so an interrupted setup is never used.
"""

from __future__ import annotations

import collections
import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import bpy

from .engine.errors import EngineError

PYTHON_VARIABLE = "PIFUHD_ENGINE_PYTHON"
STAMP = "pifuhd-complete.txt"
OPEN_PREFERENCES = "Open the extension's preferences and press Set Up Engine."
TICK = 0.2  # seconds between redraws of the progress lines


@dataclass(frozen=True)
class Status:
    """python: the engine's interpreter, "" when there is none; text: one sentence; hint: the next step."""

    python: str
    text: str
    hint: str


_status = Status("", "The engine is not set up.", OPEN_PREFERENCES)
_setup: Setup | None = None
_failure: EngineError | None = None


def user_folder() -> Path:
    """The folder that belongs to this extension and survives its updates; made when it is not there."""
    return Path(bpy.utils.extension_path_user(__package__, create=True))


def log_path() -> Path:
    return user_folder() / "engine.log"


def requirements_path() -> Path:
    return Path(__file__).parent / "engine" / "requirements.txt"


def environment_folder() -> Path:
    return user_folder() / "environment"


def environment_python(folder: Path) -> Path:
    return folder / "Scripts" / "python.exe" if os.name == "nt" else folder / "bin" / "python"


def _requirements_digest() -> str:
    return hashlib.sha256(requirements_path().read_bytes()).hexdigest()


def status() -> Status:
    """What `refresh` last found. Reads nothing from disk, so panels may call it on every draw."""
    return _status


def refresh() -> None:
    """Look for the engine's Python: environment variable, then preferences, then our own environment."""
    global _status
    _status = _look()


def _look() -> Status:
    addon = bpy.context.preferences.addons.get(__package__)
    chosen = bpy.path.abspath(addon.preferences.engine_python) if addon and addon.preferences else ""
    for path, where in (
        (os.environ.get(PYTHON_VARIABLE, ""), f"the environment variable {PYTHON_VARIABLE}"),
        (chosen, "Engine Python in the preferences"),
    ):
        if path:
            if Path(path).is_file():
                return Status(path, "The engine is ready.", "")
            return Status("", f"{path} does not exist.", f"Correct {where}, or clear it.")
    folder = environment_folder()
    stamp = folder / STAMP
    if not stamp.is_file() or not environment_python(folder).is_file():
        return Status("", "The engine is not set up.", OPEN_PREFERENCES)
    if stamp.read_text(encoding="utf-8") != _requirements_digest():
        return Status("", "This version of the extension needs a newer engine.", OPEN_PREFERENCES)
    return Status(str(environment_python(folder)), "The engine is ready.", "")


class Setup:
    """One run of Set Up Engine: a worker thread that runs venv and pip and keeps their last lines.

    The main thread reads `last_lines`, asks `finished`, and may `cancel`; the thread reads what the child
    prints. `error` is None after success, and an EngineError "engine_start" after a failure or a cancel.
    """

    def __init__(self) -> None:
        self.error: EngineError | None = None
        self._folder = environment_folder()
        # Taken on the main thread: the worker must not call bpy.
        self._requirements = requirements_path()
        self._stamp_text = _requirements_digest()
        self._lines: collections.deque[str] = collections.deque(maxlen=200)
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._child: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._work, name="pifuhd-setup", daemon=True)
        self._thread.start()

    @property
    def finished(self) -> bool:
        return not self._thread.is_alive()

    def last_lines(self, count: int) -> list[str]:
        return list(self._lines)[-count:]

    def cancel(self) -> None:
        """Ask for the end: pip and what it started are killed, the unfinished environment removed."""
        self._cancelled.set()
        with self._lock:
            if self._child is not None:
                _kill_tree(self._child)

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)

    def _work(self) -> None:
        try:
            self._say("Making a Python environment")
            self._run([sys.executable, "-I", "-m", "venv", "--clear", str(self._folder)])
            self._say("Installing the engine's packages; this can take several minutes")
            self._run(
                [
                    str(environment_python(self._folder)),
                    "-I",
                    "-m",
                    "pip",
                    "install",
                    "--no-input",
                    "--disable-pip-version-check",
                    "--progress-bar",
                    "off",
                    "-r",
                    str(self._requirements),
                ]
            )
            stamp = self._folder / STAMP
            partial = stamp.with_suffix(".partial")
            partial.write_text(self._stamp_text, encoding="utf-8")
            os.replace(partial, stamp)
            self._say("The engine is ready.")
        except EngineError as error:
            self.error = error
        except OSError as error:
            self.error = EngineError(
                "engine_start",
                f"Setting up the engine failed: {error}.",
                "Free disk space or check the folder's permissions, then try again.",
            )
        if self.error is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _say(self, line: str) -> None:
        self._lines.append(line)
        print(f"PIFuHD: {line}", flush=True)

    def _run(self, command: list[str]) -> None:
        with self._lock:
            if self._cancelled.is_set():
                raise _cancelled()
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                # A group of its own, so that cancel also ends what pip starts.
                start_new_session=os.name != "nt",
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        assert self._child.stdout is not None
        last = ""
        with self._child.stdout:
            for line in self._child.stdout:
                if line.strip():
                    last = line.strip()
                    self._lines.append(last)
        code = self._child.wait()
        if self._cancelled.is_set():
            raise _cancelled()
        if code != 0:
            reason = last or f"it ended with code {code}"
            raise EngineError(
                "engine_start",
                f"Setting up the engine failed: {reason.rstrip('.')}.",
                "Check the connection and the free disk space, then press Set Up Engine again.",
            )


def _cancelled() -> EngineError:
    return EngineError(
        "engine_start", "Setting up the engine was cancelled.", "Press Set Up Engine to start again."
    )


def _kill_tree(child: subprocess.Popen[str]) -> None:
    if child.poll() is not None:
        return
    if os.name == "nt":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(child.pid)], check=False, capture_output=True)
    else:
        with contextlib.suppress(ProcessLookupError):  # it ended by itself in between
            os.killpg(child.pid, signal.SIGKILL)


def current() -> Setup | None:
    return _setup


def last_failure() -> EngineError | None:
    return _failure


def start() -> Setup:
    """Start Set Up Engine. Raises EngineError("busy") while one runs."""
    global _setup, _failure
    if _setup is not None:
        raise EngineError(
            "busy", "The engine is already being set up.", "Wait for it, or press Cancel Setup."
        )
    _failure = None
    _setup = Setup()
    bpy.app.timers.register(_tick, first_interval=TICK, persistent=True)
    return _setup


def settle() -> bool:
    """Take over the outcome of a finished setup; False while it still runs. For the main thread."""
    global _setup, _failure
    if _setup is None:
        return True
    if not _setup.finished:
        return False
    _failure = _setup.error
    _setup = None
    if _failure is not None:
        print(f"PIFuHD: {_failure}", flush=True)
    refresh()
    return True


def _tick() -> float | None:
    done = settle()
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in {'PREFERENCES', 'VIEW_3D'}:
                area.tag_redraw()
    return None if done else TICK


def register() -> None:
    refresh()


def unregister() -> None:
    global _setup, _failure
    if _setup is not None:
        _setup.cancel()
        _setup.join(10.0)
        _setup = None
    _failure = None
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
