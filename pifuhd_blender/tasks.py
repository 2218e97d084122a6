# SPDX-License-Identifier: GPL-3.0-or-later
"""Work in a thread that runs child processes, watched and cancelled from the main thread. Free of bpy."""

from __future__ import annotations

import collections
import contextlib
import subprocess
import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from .engine import spawn
from .engine.errors import Cancelled, EngineError
from .engine.sentences import Sentence

WATCH: Final = 0.3  # seconds between two looks at how much has arrived


class Task:
    """One piece of work. A subclass says what in `work`, which runs in the thread.

    name: what it is, as "Setting up the engine"; label: what it does now. done_mb, total_mb: how far its
    download is; total_mb is 0 where no total is known. error: None until it ended, and after success; an
    EngineError after a failure; Cancelled.
    after_cancel: what to tell the user then.
    """

    after_cancel = ""

    def __init__(self, name: str, log: Path) -> None:
        self.name = self.label = name
        self.done_mb = 0.0
        self.total_mb = 0.0
        self.error: EngineError | Cancelled | None = None
        self._log = log
        self._lines: collections.deque[str] = collections.deque(maxlen=200)
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._child: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._guarded, name="pifuhd-task", daemon=True)

    @abstractmethod
    def work(self) -> None:
        """What is to be done. Raises EngineError, Cancelled, OSError."""

    def clean_up(self) -> None:
        """After a failure or a cancel: take back what is half made."""

    def begin(self) -> None:
        self._thread.start()

    @property
    def finished(self) -> bool:
        return not self._thread.is_alive()

    @property
    def cancelling(self) -> bool:
        return self._cancelled.is_set()

    def last_lines(self, count: int) -> list[str]:
        return list(self._lines)[-count:]

    def cancel(self) -> None:
        """Ask for the end: the child process and what it started are killed."""
        self._cancelled.set()
        with self._lock:
            if self._child is not None:
                with contextlib.suppress(ProcessLookupError):  # it ended by itself in between
                    spawn.kill_tree(self._child)

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)

    def _guarded(self) -> None:
        try:
            self.work()
        except (EngineError, Cancelled) as ended:
            self.error = ended
        except OSError as error:
            self.error = EngineError(
                "io",
                Sentence("{task} failed: {error}.", task=Sentence(self.name), error=error),
                "Free disk space or check permissions, then try again.",
            )
        if self.error is not None:
            self.say("Cancelled." if isinstance(self.error, Cancelled) else str(self.error))
            self.clean_up()

    def say(self, line: str) -> None:
        """Keep a line for the panel, the log and the console."""
        self._keep(line)
        print(f"PIFuHD: {line}", flush=True)

    def _keep(self, line: str) -> None:
        self._lines.append(line)
        with self._log.open("a", encoding="utf-8") as log:
            log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}\n")

    @contextlib.contextmanager
    def counting(self, measure: Callable[[], int]) -> Iterator[None]:
        """Keep done_mb at what `measure` tells, bytes, from a thread. An OSError of it is passed over: a file
        may go while it looks.
        """
        stop = threading.Event()

        def watch() -> None:
            while not stop.wait(WATCH):
                with contextlib.suppress(OSError):
                    self.done_mb = measure() / 1e6
                    if self.total_mb:  # it was an estimate
                        self.total_mb = max(self.total_mb, self.done_mb)

        watcher = threading.Thread(target=watch, name="pifuhd-watch", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            stop.set()
            watcher.join()

    def run(
        self,
        command: Sequence[str],
        on_line: Callable[[str], None] | None = None,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> tuple[int, str]:
        """Run a command to its end; its exit code and its last line. on_line sees each line.

        Raises Cancelled, OSError.
        """
        with self._lock:
            if self.cancelling:
                raise Cancelled
            self._child = child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                cwd=folder,
                env={**spawn.environment(), **(environment or {})},
                **spawn.options(),
            )
        assert child.stdout is not None
        last = ""
        with child.stdout:
            for line in map(str.strip, child.stdout):
                if line:
                    last = line
                    self._keep(line)
                    if on_line is not None:
                        on_line(line)
        code = child.wait()
        if self.cancelling:
            raise Cancelled
        return code, last
