# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's end of the link: ask the engine for a reconstruction, follow it, cancel it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Client, Connection
from queue import Empty, SimpleQueue
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from . import payload, protocol
from .errors import Cancelled, EngineError, ProgressCallback
from .payload import NormalMaps, Preview, Result
from .protocol import Disconnected, Message
from .sentences import Sentence

__all__ = ["EngineClient", "NormalMaps", "Preview", "Result", "connect"]

FORCE_SECONDS: Final = 5.0
"""How long a cancelled job may take to end before the engine is killed."""

SILENCE_SECONDS: Final = 600.0
"""How long a job may say nothing: the longest step of the largest network takes about a minute on a slow
machine.
"""

LONGEST_STEP: Final = 1.0
"""A wait for a message takes a tenth of a second. Where the clock says much more, the machine slept, and the
engine with it: on Windows the clock goes on meanwhile. Only this much of it is counted as silence.
"""


class EngineClient:
    """One connection to an engine. Its calls block, so they belong in a worker thread; one call at a time.

    abandon: ends the engine's process at once, for an engine that no longer answers.
    last_words: one sentence on how the engine's process ended, for an engine that went away.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        abandon: Callable[[], None],
        last_words: Callable[[], str],
        force_seconds: float = FORCE_SECONDS,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        self._connection = connection
        self._abandon = abandon
        self._last_words = last_words
        self._force_seconds = force_seconds
        self._silence_seconds = silence_seconds
        self._turn = threading.Lock()
        self._sending = threading.Lock()
        self._reader: threading.Thread | None = None
        self._closing = False
        self.usable = True
        """False once the connection is closed or no longer to be trusted."""
        self.used_at = 0.0
        """When a job was last heard of, by time.monotonic()."""
        self.forced = False
        """Whether the engine was killed because it did not end a cancelled job: no failure of its own."""

    def hello(self) -> dict[str, Any]:
        """What the engine is: protocol, program, python, torch, device, and the card of the default
        weights.

        Loads PyTorch and the default weights in the engine (seconds, the first time). Raises EngineError.
        """
        fields = self._answer_to(protocol.hello(details=True), "hello")
        versions = {name: fields[name] for name in ("protocol", "program", "capabilities")}
        return {**versions, **fields["about"]}

    def status(self) -> dict[str, Any]:
        """How the engine is: the fields of protocol.FIELDS["state"]. At once, and loads nothing. Raises
        EngineError.
        """
        return self._answer_to(Message("status"), "state")

    def unload(self) -> dict[str, Any]:
        """Have the engine free weights and GPU memory, after the jobs that it has; return status() then.

        Raises EngineError.
        """
        return self._answer_to(Message("unload"), "state")

    def reconstruct(
        self,
        image: bytes | npt.NDArray[np.uint8],
        settings: dict[str, Any],
        on_progress: ProgressCallback,
        cancelled: Callable[[], bool],
        *,
        normals: NormalMaps | None = None,
        on_preview: Callable[[Preview], None] | None = None,
        on_queued: Callable[[int], None] | None = None,
    ) -> Result:
        """Reconstruct the person in a photo.

        image: the bytes of an image file, or (H,W,3|4) uint8 RGB(A), upright. settings: see
        pipeline.Settings. normals: maps of an earlier result for the same photo and person, edited, to be
        used in the place of new ones. on_progress is called on this thread; what it raises cancels the job
        and is raised again here. on_preview gets the mesh of the first, coarse grid, where there is one;
        on_queued the job's place among those that wait for the engine, 1 for the next; both as on_progress.
        cancelled is asked about ten times a second. Raises Cancelled, or EngineError: "engine_died" at once
        where the engine's process goes away, "busy" where this client has another job or too many wait for
        the engine, or what the engine reports.
        """
        fields = {"settings": settings, "preview": on_preview is not None}
        arrays = payload.photo(image) | ({} if normals is None else payload.normals(normals))
        request = Message("reconstruct", fields, arrays)

        def hear(reply: Message) -> None:
            if reply.type == "progress":
                self.used_at = time.monotonic()
                on_progress(*(reply.fields[name] for name in ("stage", "done", "total", "unit")))
            elif reply.type == "queued" and on_queued is not None:
                on_queued(reply.fields["place"])
            elif reply.type == "preview" and on_preview is not None:
                on_preview(payload.preview(reply))

        with self._my_turn():
            return self._follow(self._ask(request), hear, cancelled)

    def shut_down(self) -> None:
        """Ask the engine to exit and close the connection. A call in another thread ends with Cancelled."""
        self._closing = True
        self._say(Message("shutdown"), 0.5)
        self.close()

    def close(self) -> None:
        """Close the connection. A call in another thread ends with Cancelled, and closes it then."""
        self._closing = True
        self.usable = False
        if self._turn.acquire(blocking=False):
            try:
                self._connection.close()
            finally:
                self._turn.release()

    def _follow(
        self,
        replies: SimpleQueue[Message | Exception],
        hear: Callable[[Message], None],
        cancelled: Callable[[], bool],
    ) -> Result:
        stop: BaseException | None = None  # why the job is being cancelled
        quiet = waited = 0.0  # seconds since the last message, and since the job is being cancelled
        told = False
        now = time.monotonic()
        while True:
            before, now = now, time.monotonic()
            step = min(now - before, LONGEST_STEP)
            quiet += step
            waited += step if stop is not None else 0.0
            if stop is None and (self._closing or cancelled()):
                stop = Cancelled()
            if stop is not None and not told:
                told = self._say(Message("cancel"), 0.0)
            if stop is not None and waited > self._force_seconds:
                self.forced = True
                self._give_up()
                raise stop
            if quiet > self._silence_seconds:
                self._give_up()
                raise self._silent()
            try:
                reply = self._next(replies, 0.1)
            except Empty:
                continue
            except EngineError:
                if self._closing and stop is None:
                    stop = Cancelled()
                if stop is not None:
                    raise stop from None
                raise
            quiet = 0.0
            if reply.type in protocol.TERMINAL and stop is not None:
                raise stop
            if reply.type in protocol.INTERIM:
                if reply.type == "preview":
                    self._check(reply)
                if stop is None:
                    stop = _raised(hear, reply)
            elif reply.type == "done":
                self._check(reply)
                return payload.result(reply)
            elif reply.type == "error":
                raise EngineError(**reply.fields)
            elif reply.type == "cancelled":
                raise Cancelled
            else:
                raise self._misunderstood(Sentence("a {kind} message came in a job", kind=reply.type))

    def _answer_to(self, request: Message, kind: str) -> dict[str, Any]:
        """The fields of the one answer, of a kind, to a request that is no job."""
        with self._my_turn():
            replies = self._ask(request)
            try:
                while (answer := self._next(replies, self._silence_seconds)).type in protocol.INTERIM:
                    pass
            except Empty:
                self._give_up()
                raise self._silent() from None
            if answer.type == "error":
                raise EngineError(**answer.fields)
            if answer.type != kind:
                raise self._misunderstood(
                    Sentence(
                        "a {kind} message answered the {request}", kind=answer.type, request=request.type
                    )
                )
            return answer.fields

    def _ask(self, request: Message) -> SimpleQueue[Message | Exception]:
        """Send a request and read its replies in a thread of their own, so that neither can block the
        caller.
        """
        replies: SimpleQueue[Message | Exception] = SimpleQueue()

        def exchange() -> None:
            try:
                try:
                    protocol.send(self._connection, request)
                finally:
                    self._sending.release()
                while True:
                    reply = protocol.receive(self._connection)
                    replies.put(reply)
                    if reply.type not in protocol.INTERIM:
                        return
            except Exception as error:  # handed to the caller, who raises it
                replies.put(error)

        self._sending.acquire()  # here, so that a cancel cannot overtake the request that it is for
        self._reader = threading.Thread(target=exchange, name="engine replies", daemon=True)
        self._reader.start()
        return replies

    def _next(self, replies: SimpleQueue[Message | Exception], seconds: float) -> Message:
        reply = replies.get(timeout=seconds)
        if isinstance(reply, Message):
            return reply
        if isinstance(reply, Disconnected):
            how = self._last_words()  # before it is killed, which would pass for its end
            self._give_up()
            raise EngineError(
                "engine_died",
                Sentence("The engine stopped in the middle of its work: {how}", how=how),
                "Try again: it starts anew. If it happens again, lower the resolution or read the log.",
            ) from reply
        self._give_up()
        raise reply

    def _say(self, message: Message, patience: float) -> bool:
        """Send a message without arrays, unless a photo is still being sent after `patience` seconds."""
        if not self._sending.acquire(timeout=patience):
            return False
        try:
            protocol.send(self._connection, message)
        except Disconnected:
            pass  # the reader finds out as well, and reports it
        finally:
            self._sending.release()
        return True

    def _give_up(self) -> None:
        self.usable = False
        self._abandon()

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        if not self._turn.acquire(blocking=False):
            raise EngineError(
                "busy", "The engine is working on another photo.", "Wait for it, or cancel it first."
            )
        try:
            # Between two calls the engine has nothing to say: what can be read now is its end, or a stray
            # message.
            if not self.usable or self._connection.poll(0):
                self._give_up()
                raise EngineError(
                    "engine_died", "The engine is not connected any more.", "Try again: it starts anew."
                )
            yield
        finally:
            self._finish()
            self._turn.release()

    def _finish(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.join(0.5)
            if reader.is_alive():  # left in the middle of a job, by Ctrl-C or after the engine was given up
                self._give_up()
                reader.join(5.0)
            if reader.is_alive():
                return  # closing under it would free a file number that it still reads from
        if not self.usable:
            self._connection.close()

    def _check(self, message: Message) -> None:
        if what := payload.fault(message):
            raise self._misunderstood(what)

    def _misunderstood(self, what: str) -> EngineError:
        self._give_up()
        return EngineError(
            "protocol",
            Sentence("The engine's answer makes no sense: {what}.", what=Sentence(what)),
            "Try again, and report it with the engine's log.",
        )

    def _silent(self) -> EngineError:
        return EngineError(
            "engine_died",
            Sentence(
                "The engine said nothing for {seconds} seconds and was stopped.",
                seconds=f"{self._silence_seconds:.0f}",
            ),
            "Try again with a lower resolution, or look at the engine's log.",
        )


def connect(
    address: str, key: bytes, *, abandon: Callable[[], None], last_words: Callable[[], str]
) -> EngineClient:
    """Connect to a listening engine, prove to each other that both hold the key, and greet it.

    Raises EngineError("protocol") for an engine of another version, FileNotFoundError or
    ConnectionRefusedError where nothing listens yet, Disconnected where the engine hangs up,
    AuthenticationError for another key.
    """
    try:
        connection = Client(address, authkey=key)
    except EOFError as error:
        raise Disconnected("it hung up while the keys were compared") from error
    try:
        protocol.send(connection, protocol.hello())
        answer = protocol.receive(connection)
        if answer.type == "error":
            raise EngineError(**answer.fields)
        protocol.check_hello(answer, "The add-on", "its engine")
    except BaseException:
        connection.close()
        raise
    return EngineClient(connection, abandon=abandon, last_words=last_words)


def _raised(hear: Callable[[Message], None], reply: Message) -> BaseException | None:
    """Hand a message to the caller; return what the callback raised."""
    try:
        hear(reply)
    except BaseException as error:  # the engine's job must be ended before this may go on
        return error
    return None
