# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients ask for and only one thread may do, one after another: jobs, loading, unloading."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from ..errors import EngineError
from ..protocol import MAX_WAITING, Message
from ..sentences import Sentence
from .resident import trim


class Task:
    """One request. It ends with exactly one message to its client: its own, or `cancelled` before.

    tell: sends to the client; must not block.
    """

    def __init__(self, tell: Callable[[Message], None]) -> None:
        self.tell = tell
        self.cancelled = threading.Event()
        self.place = 0  # that the client was told
        self._lock = threading.Lock()
        self._ended = False

    @property
    def ended(self) -> bool:
        """Whether the client has its last message."""
        return self._ended

    def say(self, message: Message) -> None:
        """Send a message, unless the last one was sent."""
        with self._lock:
            if not self._ended:
                self.tell(message)

    def end(self, message: Message) -> None:
        """Send the last message, unless one was sent."""
        with self._lock:
            if not self._ended:
                self._ended = True
                self.tell(message)


Run: TypeAlias = Callable[[Task], Message]
"""Does what a task stands for and returns its last message. Looks at task.cancelled now and then; must not
raise.
"""


class TaskQueue:
    """Runs tasks in the thread that calls `work`, in the order in which they were added."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[tuple[Task, Run]] = deque()
        self._running: Task | None = None
        self._deaf_since: float | None = None
        self._used_at = time.monotonic()

    @property
    def running(self) -> bool:
        """Whether a task runs."""
        return self._running is not None

    @property
    def waiting(self) -> int:
        """How many tasks wait."""
        return len(self._waiting)

    def idle_for(self) -> float:
        """Seconds since the last task ended; 0 while there is one."""
        with self._changed:
            busy = self._running is not None or self._waiting
            return 0.0 if busy else time.monotonic() - self._used_at

    def deaf_for(self) -> float:
        """Seconds for which the running task has not heeded that it was cancelled."""
        with self._changed:
            return 0.0 if self._deaf_since is None else time.monotonic() - self._deaf_since

    def add(self, task: Task, run: Run) -> None:
        """Have a task run. Raises EngineError("busy") where MAX_WAITING wait already."""
        with self._changed:
            if len(self._waiting) >= MAX_WAITING:
                raise EngineError(
                    "busy",
                    Sentence("{count} photos wait for the engine already.", count=MAX_WAITING),
                    "Try again in a while.",
                )
            self._waiting.append((task, run))
            self._changed.notify()
            if self._running is not None or len(self._waiting) > 1:
                self._tell_place(task, len(self._waiting))

    def cancel(self, task: Task) -> None:
        """End a task with `cancelled`, at once for its client; a running one goes on until it heeds it."""
        with self._changed:
            task.cancelled.set()
            if task is self._running and not task.ended:
                self._deaf_since = time.monotonic()
            self._waiting = deque(pair for pair in self._waiting if pair[0] is not task)
            self._tell_places()
        task.end(Message("cancelled"))

    def work(self) -> None:
        """Run tasks for ever."""
        while True:
            with self._changed:
                if not self._waiting:
                    trim()
                self._changed.wait_for(lambda: self._waiting)
                task, run = self._waiting.popleft()
                self._running = task
                self._tell_places()
            ending = run(task)
            # Before the last message, so that a client that hears it finds the engine free.
            with self._changed:
                self._running = self._deaf_since = None
                self._used_at = time.monotonic()
            task.end(ending)
            del task, run, ending  # a photo and a mesh that would stay until the next job

    def while_idle(self, do: Callable[[], None]) -> bool:
        """Do something if no task runs or waits, and before one does; return whether it was done."""
        with self._changed:
            if self._running is not None or self._waiting:
                return False
            do()
            trim()
        return True

    def tell_places(self) -> None:
        """Tell all that wait their place again, to show that the engine lives."""
        with self._changed:
            for number, (task, _) in enumerate(self._waiting, 1):
                task.say(Message("queued", {"place": number}))

    def _tell_places(self) -> None:
        for number, (task, _) in enumerate(self._waiting, 1):
            self._tell_place(task, number)

    def _tell_place(self, task: Task, number: int) -> None:
        if task.place != number:
            task.place = number
            task.say(Message("queued", {"place": number}))
