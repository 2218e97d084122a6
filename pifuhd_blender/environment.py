# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's own Python environment: made by venv and filled by pip, in a worker thread. Free of bpy.

It counts as made only once its stamp is written, so an interrupted setup is never used.
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
from pathlib import Path

from .engine.errors import EngineError

STAMP = "pifuhd-complete.txt"  # holds the digest of the requirements that were installed


def python_of(folder: Path) -> Path:
    return folder / "Scripts" / "python.exe" if os.name == "nt" else folder / "bin" / "python"


def digest(requirements: Path) -> str:
    return hashlib.sha256(requirements.read_bytes()).hexdigest()


def is_complete(folder: Path) -> bool:
    """Whether an environment was made here to its end, from whatever requirements."""
    return (folder / STAMP).is_file() and python_of(folder).is_file()


def is_current(folder: Path, requirements: Path) -> bool:
    """Whether a complete environment was made from these requirements."""
    return (folder / STAMP).read_text(encoding="utf-8") == digest(requirements)


class Setup:
    """One run of Set Up Engine: a worker thread that runs venv and pip and keeps their last lines.

    The main thread reads `last_lines`, asks `finished`, and may `cancel`; the thread reads what the child
    prints. `error` is None after success, and an EngineError "engine_start" after a failure or a cancel.
    """

    def __init__(self, folder: Path, requirements: Path) -> None:
        self.error: EngineError | None = None
        self._folder = folder
        self._requirements = requirements
        self._digest = digest(requirements)
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
                    str(python_of(self._folder)),
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
            partial.write_text(self._digest, encoding="utf-8")
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
