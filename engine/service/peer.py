# SPDX-License-Identifier: GPL-3.0-or-later
"""One client of the server. It is read by one thread and written to by another, so that neither a client
that stops reading nor one that stalls in the middle of a frame keeps anybody but itself waiting.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
import traceback
from collections import deque
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge
from typing import Final

from .. import protocol
from ..errors import EngineError
from ..protocol import Disconnected, Message
from .tasks import Task

GREET_SECONDS: Final = 10.0
"""How long a client may take to prove that it has the key and to greet."""

SEND_SECONDS: Final = 120.0
SLOWEST: Final = 1e5
"""A message must be read within SEND_SECONDS and a second for each SLOWEST bytes of it: a slow line through
ssh brings 100 kB/s, and a client may be stopped for a minute in a debugger.
"""

MOST_UNSENT: Final = 64
"""Messages that may wait to be read; a job has at most a dozen, for progress replaces progress."""


class Peer:
    """A connection that was accepted. `greet` first; then `send` to it, and `receive` in one thread."""

    def __init__(self, connection: Connection) -> None:
        self.task: Task | None = None
        """What it asked for last."""
        self._connection = connection
        self._users = 1  # the reading and the writing thread; the last one closes
        self._changed = threading.Condition()
        self._unsent: deque[Message] = deque()
        self._leaving = self._flooded = False
        self._greet_by: float | None = time.monotonic() + GREET_SECONDS
        self._sent_by: float | None = None

    @property
    def busy(self) -> bool:
        """Whether it waits for what it asked for."""
        return self.task is not None and not self.task.ended

    def greet(self, key: bytes) -> None:
        """Compare keys, exchange greetings. Raises AuthenticationError, EngineError, Disconnected."""
        try:
            deliver_challenge(self._connection, key)
            answer_challenge(self._connection, key)
        except (AuthenticationError, EOFError, OSError, ValueError, AssertionError) as error:
            raise AuthenticationError(str(error)) from error
        self._users += 1
        threading.Thread(target=self._write, name="client's writer", daemon=True).start()
        protocol.check_hello(self.receive(), "The engine", "the add-on")
        self._greet_by = None

    def receive(self) -> Message:
        """The next message. Raises EngineError, Disconnected."""
        return protocol.receive(self._connection)

    def send(self, message: Message) -> None:
        """Have a message sent; returns at once."""
        with self._changed:
            if self._leaving or self._flooded:
                return
            self._flooded = len(self._unsent) >= MOST_UNSENT
            if self._unsent and _replaces(message, self._unsent[-1]):
                self._unsent.pop()
            self._unsent.append(message)
            self._changed.notify()

    def leave(self) -> None:
        """Close the connection once all that is unsent was sent. The reading thread's last call."""
        with self._changed:
            self._leaving = True
            self._changed.notify()
        self._let_go()

    def overdue(self) -> str:
        """Why this client is not to be waited for any longer, "" where it is not late."""
        with self._changed:
            now = time.monotonic()
            # Read once each: the client's threads set them to None at any time, without the lock.
            greet_by, sent_by = self._greet_by, self._sent_by
            if greet_by is not None and now > greet_by:
                return f"it did not greet within {GREET_SECONDS:.0f} seconds"
            if sent_by is not None and now > sent_by:
                return "it does not read"
            if self._flooded:
                return "it asks and does not read"
        return ""

    def hang_up(self) -> None:
        """End the connection now, whatever its threads wait for: both get an error."""
        with self._changed:
            if self._connection.closed:
                return
            if sys.platform == "win32":
                self._connection.close()  # which cancels what is under way on the pipe
                return
            # Not close: a number that is closed under a thread that reads from it may be another file's soon.
            with socket.socket(fileno=os.dup(self._connection.fileno())) as end:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # the client has closed it already

    def _let_go(self) -> None:
        with self._changed:
            self._users -= 1
            if self._users == 0:
                self._connection.close()

    def _write(self) -> None:
        try:
            while (message := self._next()) is not None:
                try:
                    self._send(message)
                except EngineError as error:  # it does not fit the link; nothing of it was sent yet
                    traceback.print_exc()
                    if message.type == "done":
                        hint = "Lower the resolution and try again."
                        self._send(protocol.failure(EngineError("internal", error.text, hint)))
        except Disconnected:
            self.hang_up()  # there is nobody left to tell, and the reading thread shall know
        finally:
            self._let_go()

    def _next(self) -> Message | None:
        with self._changed:
            self._changed.wait_for(lambda: self._unsent or self._leaving)
            return self._unsent.popleft() if self._unsent else None

    def _send(self, message: Message) -> None:
        size = sum(array.nbytes for array in message.arrays.values())
        self._sent_by = time.monotonic() + SEND_SECONDS + size / SLOWEST
        try:
            protocol.send(self._connection, message)
        finally:
            self._sent_by = None


def _replaces(message: Message, before: Message) -> bool:
    """Whether a client that has not read the message before needs only this one: a newer place, or
    progress of the same stage.
    """
    same = message.type == before.type in ("queued", "progress")
    return same and message.fields.get("stage") == before.fields.get("stage")
