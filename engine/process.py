# SPDX-License-Identifier: GPL-3.0-or-later
"""Owning the engine's process: start it, greet it, notice its end, and never leave one behind."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from dataclasses import dataclass
from multiprocessing import AuthenticationError
from pathlib import Path
from typing import Final

from . import logs, spawn
from .client import EngineClient, connect
from .errors import EngineError
from .protocol import KEY_VARIABLE, Disconnected
from .sentences import Sentence

START_SECONDS: Final = 60.0
"""How long a start may take: reading Python and NumPy from a cold, slow disk took 20 s."""

STOP_SECONDS: Final = 3.0
"""How long the engine may take to exit when asked to, before it is killed."""

RESTARTS: Final = 3
RESTART_WINDOW: Final = 60.0
"""An engine that failed RESTARTS times in RESTART_WINDOW seconds is not started again for so long: one that
dies at once must not be started for ever. An engine that left because it was idle, that was stopped, or that
a user's cancel had to kill, has not failed.
"""

STALE: Final = 1.5
"""An engine without a job for so many times idle_seconds is replaced: it has freed its weights by then, and
exits at twice idle_seconds, perhaps before the next job reaches it.
"""

FOLDER_PREFIX: Final = "pifuhd-engine-"
"""How the private folder of the socket is named; the engine removes such a folder itself when its parent is
gone.
"""


@dataclass
class _Child:
    process: subprocess.Popen[bytes]
    folder: Path | None
    log_start: int
    started_at: float
    client: EngineClient | None = None

    def remove_folder(self) -> None:
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


class EngineProcess:
    """Owns one engine process. ensure() may be called from any thread, stop() as well, also during an
    ensure().

    python: the interpreter of the engine's environment. package_folder: the folder that contains engine/.
    log: the file that gets what the engine prints; its folder may be shared, see logs.log_path.
    idle_seconds: the engine frees weights after so long without a job, exits after as long again; 0: never.
    """

    def __init__(self, python: str, package_folder: Path, *, log: Path, idle_seconds: int = 600) -> None:
        self.python = python
        self.package_folder = package_folder
        self.log = log
        self.idle_seconds = idle_seconds
        self.start_seconds = START_SECONDS
        self._lock = threading.Lock()
        self._child: _Child | None = None
        self._failures: deque[float] = deque(maxlen=RESTARTS)
        self._stopping = threading.Event()

    @property
    def alive(self) -> bool:
        """Whether the engine's process runs."""
        child = self._child
        return child is not None and child.process.poll() is None

    @property
    def client(self) -> EngineClient | None:
        """The client of the engine that runs, for what is not worth a start; None where none does."""
        child = self._child
        client = None if child is None else child.client
        return client if client is not None and client.usable and self.alive else None

    def ensure(self) -> EngineClient:
        """Return a connected client, of the running engine or of one started now (seconds).

        Raises EngineError: "engine_start" with the reason where it does not start or answer within
        start_seconds, or failed RESTARTS times in the last minute; "protocol" where it is of another
        version.
        """
        with self._lock:
            child = self._child
            if child is not None:
                client = child.client
                assert client is not None  # a start that failed leaves no child
                if client.usable and self.alive:
                    if not self._leaves_soon(child, client):
                        return client
                elif _failed(child, client):
                    self._failures.append(time.monotonic())
            self._end(kill=True)
            self._stopping.clear()
            return self._start()

    def stop(self) -> None:
        """End the engine: ask it to exit, kill it if it does not. A job in another thread ends with
        Cancelled.
        """
        self._stopping.set()
        child = self._child
        if child is not None and child.client is None:
            child.process.kill()  # still starting, in a thread that holds the lock until it answers or dies
        with self._lock:
            self._end(kill=False)

    def _leaves_soon(self, child: _Child, client: EngineClient) -> bool:
        unused = time.monotonic() - max(child.started_at, client.used_at)
        if not self.idle_seconds or unused < STALE * self.idle_seconds:
            return False
        try:
            state = client.status()
        except EngineError as error:
            return error.code != "busy"  # another thread's job, which says nothing for long; else it has left
        return not (state["running"] or state["waiting"])  # for another client

    def _start(self) -> EngineClient:
        often = len(self._failures) == RESTARTS
        if often and time.monotonic() - self._failures[0] < RESTART_WINDOW:
            raise EngineError(
                "engine_start",
                Sentence(
                    "The engine was started {times} times within a minute and did not last.", times=RESTARTS
                ),
                Sentence("Wait a minute and try again, or look at its log: {log}", log=self.log),
            )
        key, started_at = secrets.token_bytes(32), time.monotonic()
        folder, address = _private_address()
        try:
            process, log_start = self._spawn(address, key)
        except BaseException:
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        child = self._child = _Child(process, folder, log_start, started_at)
        try:
            child.client = self._greet(child, address, key)
        except BaseException:
            if not self._stopping.is_set():
                self._failures.append(time.monotonic())
            self._end(kill=True)
            raise
        # The connection stands without the socket's file, so from here on no crash can leave one behind.
        child.remove_folder()
        return child.client

    def _spawn(self, address: str, key: bytes) -> tuple[subprocess.Popen[bytes], int]:
        if not (self.package_folder / "engine" / "__main__.py").is_file():
            raise EngineError(
                "engine_start",
                Sentence("The engine's files are missing from {folder}.", folder=self.package_folder),
                "Install the add-on again.",
            )
        serve = ["serve", "--address", address, "--idle", str(self.idle_seconds)]
        serve += ["--log", str(self.log.absolute())]
        try:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            logs.remove_old(self.log.parent)
            log = self.log.open("ab")
        except OSError as error:
            raise EngineError(
                "engine_start",
                Sentence(
                    "The engine's log {log} cannot be written: {reason}.",
                    log=self.log,
                    reason=error.strerror or error,
                ),
                "Free disk space, or make its folder writable.",
            ) from error
        try:
            with log:
                log_start = log.tell()
                process = subprocess.Popen(
                    spawn.command(self.python, *serve),
                    cwd=self.package_folder,
                    env={**spawn.environment(), KEY_VARIABLE: key.hex()},
                    stdin=subprocess.PIPE,  # its end tells the engine that this process is gone
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    **spawn.options(),
                )
        except OSError as error:
            raise EngineError(
                "engine_start",
                Sentence(
                    "The engine's Python {python} cannot be started: {reason}.",
                    python=self.python,
                    reason=error.strerror or error,
                ),
                "Set up the engine again in the add-on's preferences.",
            ) from error
        return process, log_start

    def _greet(self, child: _Child, address: str, key: bytes) -> EngineClient:
        # Nothing here can outlast the timer: once the child is dead, every read from it ends.
        timed_out = threading.Event()

        def kill_late() -> None:
            timed_out.set()
            child.process.kill()

        late = threading.Timer(self.start_seconds, kill_late)
        late.daemon = True
        late.start()
        try:
            while not self._stopping.wait(0.05):
                try:
                    return connect(
                        address, key, abandon=child.process.kill, last_words=lambda: self._last_words(child)
                    )
                except (FileNotFoundError, ConnectionRefusedError):
                    if child.process.poll() is not None:
                        raise
            raise self._not_started(Sentence("it was stopped while it started"))
        except (Disconnected, OSError, AuthenticationError) as error:
            if timed_out.is_set():
                reason = Sentence(
                    "it did not answer within {seconds} seconds", seconds=f"{self.start_seconds:.0f}"
                )
                raise self._not_started(reason) from error
            if isinstance(error, AuthenticationError):
                reason = Sentence("it does not know this session's key")
                raise self._not_started(reason) from error
            how, line = self._ending(child)
            raise self._not_started(_ended(how, line.rstrip(".")) if line else how) from error
        finally:
            late.cancel()

    def _not_started(self, reason: str) -> EngineError:
        return EngineError(
            "engine_start",
            Sentence("The engine does not start: {reason}.", reason=reason),
            "Set up the engine again in the add-on's preferences.",
        )

    def _last_words(self, child: _Child) -> str:
        """How a child ended, and the last line that it wrote: one sentence."""
        how, line = self._ending(child)
        return _ended(how, line) if line else Sentence("{how}.", how=how)

    def _ending(self, child: _Child) -> tuple[Sentence, str]:
        """How a child ended, without a full stop, and the last line that it wrote."""
        try:
            status = child.process.wait(2.0)
        except subprocess.TimeoutExpired:
            return Sentence("it hung up, but is still running"), ""
        if status < 0:
            name = signal.Signals(-status).name if -status in set(signal.Signals) else str(-status)
            if name == "SIGKILL":
                how = Sentence("it was killed ({signal}, perhaps because the memory ran out)", signal=name)
            else:
                how = Sentence("it was killed ({signal})", signal=name)
        else:
            how = Sentence("it exited with code {status}", status=status)
        return how, self._last_log_line(child)

    def _last_log_line(self, child: _Child) -> str:
        try:
            with self.log.open("rb") as log:
                size = os.fstat(log.fileno()).st_size
                start = child.log_start if child.log_start <= size else 0  # else it was rotated since
                log.seek(max(start, size - 8192))
                lines = log.read().decode(errors="replace").split("\n")
        except OSError:
            return ""  # the log is help, not a condition
        return next((line.strip()[:500] for line in reversed(lines) if line.strip()), "")

    def _end(self, *, kill: bool) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        process = child.process
        if kill:
            process.kill()
        elif child.client is not None and child.client.usable:
            child.client.shut_down()
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if child.client is not None:
            child.client.close()
        child.remove_folder()


def _private_address() -> tuple[Path | None, str]:
    """A fresh address that only this user can connect to, and the folder to remove afterwards.

    Raises EngineError("engine_start").
    """
    if sys.platform == "win32":
        return None, rf"\\.\pipe\{FOLDER_PREFIX}{secrets.token_hex(16)}"
    try:
        folder = tempfile.mkdtemp(prefix=FOLDER_PREFIX)  # made with mode 0700
        if len(os.fsencode(folder)) > 80:  # a socket's path has at most 103 bytes on macOS
            os.rmdir(folder)
            folder = tempfile.mkdtemp(prefix=FOLDER_PREFIX, dir="/tmp")
    except OSError as error:
        raise EngineError(
            "engine_start",
            Sentence("No folder can be made for the engine's socket: {error}.", error=error),
            "Free disk space, or set TMPDIR to a folder that you can write to, and restart Blender.",
        ) from error
    return Path(folder), os.path.join(folder, "socket")


def _failed(child: _Child, client: EngineClient) -> bool:
    """Whether an engine that serves no longer has gone without being asked to."""
    if client.forced:
        return False
    if not client.usable:  # it went, or misbehaved, in the middle of a job
        return True
    return child.process.poll() != 0


def _ended(how: str, line: str) -> Sentence:
    return Sentence("{how}; its last line was: {line}", how=how, line=line)
