# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's end of the link: listen, greet, run one job at a time, and exit when nobody is left to work
for.
"""

from __future__ import annotations

import os
import stat
import sys
import threading
import time
import traceback
from dataclasses import dataclass, field
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, Listener, answer_challenge, deliver_challenge
from pathlib import Path
from typing import Any, Final, NoReturn, Protocol

import numpy as np
import numpy.typing as npt

from . import logs, protocol
from .errors import Cancelled, EngineError, ProgressCallback
from .process import FOLDER_PREFIX, START_SECONDS
from .protocol import KEY_VARIABLE, Disconnected, Message

LINGER_SECONDS: Final = 2.0
"""How long the engine waits for another client after its last one left."""

PROGRESS_SECONDS: Final = 0.05
"""Progress within a stage is sent no more often than this; cancelling is looked at every time."""


class Outcome(Protocol):
    """What the server hands on of a pipeline.Reconstruction."""

    @property
    def vertices(self) -> npt.NDArray[np.float32]: ...
    @property
    def faces(self) -> npt.NDArray[np.int32]: ...
    @property
    def colors(self) -> npt.NDArray[np.uint8]: ...
    @property
    def normals_front(self) -> npt.NDArray[np.uint8] | None: ...
    @property
    def normals_back(self) -> npt.NDArray[np.uint8] | None: ...
    @property
    def info(self) -> dict[str, Any]: ...


class Work(Protocol):
    """What the server serves: worker.Worker, or a stand-in for it in tests."""

    def about(self) -> dict[str, Any]: ...
    def reconstruct(
        self, image: bytes | npt.NDArray[np.uint8], settings: dict[str, Any], progress: ProgressCallback
    ) -> Outcome: ...


@dataclass
class _Link:
    """One greeted client."""

    connection: Connection
    sending: threading.Lock = field(default_factory=threading.Lock)
    cancelled: threading.Event = field(default_factory=threading.Event)
    working: bool = False
    users: int = 1  # its reader, and its job until that has sent its terminal message; the last one closes

    def send(self, message: Message) -> None:
        with self.sending:
            protocol.send(self.connection, message)


class Server:
    """Serves `work` on `listener` to clients that hold `key`. See run."""

    def __init__(self, listener: Listener, key: bytes, work: Work, *, idle_seconds: float) -> None:
        self._listener = listener
        self._key = key
        self._work = work
        self._idle_seconds = idle_seconds
        self._state = threading.Lock()
        self._job = threading.Lock()  # held by the one job that runs
        self._clients = 0
        self._leave_at = time.monotonic() + START_SECONDS  # when to exit while there is no client
        self._busy_until = time.monotonic()
        self._over = threading.Event()

    def run(self) -> None:
        """Serve until asked to shut down, until no client is left, or until idle for too long.

        A job may still run then: its threads are daemons, and the caller is expected to exit.
        """
        threading.Thread(target=self._accept, name="accept", daemon=True).start()
        while not self._over.wait(0.2):
            now = time.monotonic()
            with self._state:
                if self._clients == 0 and now > self._leave_at:
                    return
                if self._job.locked():
                    self._busy_until = now
                if now - self._busy_until > self._idle_seconds:
                    return

    def stop(self) -> None:
        """Make run return."""
        self._over.set()

    def _accept(self) -> None:
        while True:
            try:
                connection = self._listener.accept()
            except OSError:
                traceback.print_exc()
                self.stop()
                return
            threading.Thread(target=self._serve, args=(connection,), name="client", daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        # The keys are compared here and not in accept, so that a client that stalls there keeps no other
        # one out.
        try:
            deliver_challenge(connection, self._key)
            answer_challenge(connection, self._key)
        # AssertionError: how Python 3.11 meets a challenge that is none.
        except (AuthenticationError, AssertionError, EOFError, OSError, ValueError) as error:
            print(f"A client was turned away: {error}", file=sys.stderr)
            connection.close()
            return
        link = _Link(connection)
        with self._state:
            self._clients += 1
        try:
            self._greet(link)
            while not self._over.is_set():
                self._answer(link, protocol.receive(connection))
        except Disconnected:
            pass  # the usual end: the client closed its side, or its process ended
        except EngineError as error:
            self._turn_away(link, error)
        finally:
            link.cancelled.set()
            with self._state:
                self._clients -= 1
                self._leave_at = time.monotonic() + LINGER_SECONDS
            self._let_go(link)

    def _let_go(self, link: _Link) -> None:
        with self._state:
            link.users -= 1
            last = link.users == 0
        if last:
            link.connection.close()

    def _greet(self, link: _Link) -> None:
        greeting = protocol.receive(link.connection)
        protocol.check_hello(greeting, "The engine", "the add-on")
        link.send(protocol.hello())

    def _turn_away(self, link: _Link, error: EngineError) -> None:
        print(f"A client was turned away: {error}", file=sys.stderr)
        if link.working:
            return  # that job's own terminal message is the only one
        try:
            link.send(protocol.failure(error))
        except Disconnected:
            pass

    def _answer(self, link: _Link, message: Message) -> None:
        if message.type == "shutdown":
            self.stop()
        elif message.type == "cancel":
            link.cancelled.set()
        elif message.type == "hello" and not link.working:
            link.send(self._details())
        elif message.type == "reconstruct" and not link.working:
            self._begin(link, message)
        else:
            raise EngineError(
                "protocol",
                f"A {message.type} message came when none was due.",
                "Restart Blender and try again.",
            )
        with self._state:
            self._busy_until = time.monotonic()

    def _details(self) -> Message:
        try:
            return protocol.hello(details=True, about=self._work.about())
        except Exception as error:
            return protocol.failure(as_engine_error(error))

    def _begin(self, link: _Link, message: Message) -> None:
        if not self._job.acquire(blocking=False):
            error = EngineError(
                "busy", "The engine is working on another photo.", "Wait for it, or cancel it first."
            )
            link.send(protocol.failure(error))
            return
        link.cancelled.clear()
        link.working = True
        with self._state:
            link.users += 1
        threading.Thread(target=self._run_job, args=(link, message), name="job", daemon=True).start()

    def _run_job(self, link: _Link, request: Message) -> None:
        try:
            ending = self._reconstruct(link, request)
        finally:
            # Before the terminal message, so that a client that hears it finds the engine free.
            link.working = False
            self._job.release()
        try:
            link.send(ending)
        except EngineError as error:  # the result does not fit the link; nothing of it was sent yet
            traceback.print_exc()
            self._turn_away(
                link, EngineError("internal", error.text, "Lower the resolution and try again.")
            )
        except Disconnected:
            pass  # there is nobody left to tell
        finally:
            self._let_go(link)

    def _reconstruct(self, link: _Link, request: Message) -> Message:
        """Run a job; return its one terminal message."""
        encoded = request.arrays.get("encoded")
        image = request.arrays["pixels"] if encoded is None else encoded.tobytes()
        progress = _Progress(link)
        try:
            outcome = self._work.reconstruct(image, request.fields["settings"], progress)
            progress("transfer", 0, 1, "result")
        except Cancelled:
            return Message("cancelled")
        except Exception as error:
            return protocol.failure(as_engine_error(error))
        arrays = {
            name: array for name in protocol.ARRAYS["done"] if (array := getattr(outcome, name)) is not None
        }
        return Message("done", {"info": outcome.info}, arrays)


class _Progress:
    """Sends a job's progress, not too often; raises Cancelled where its client cancelled or left."""

    def __init__(self, link: _Link) -> None:
        self._link = link
        self._stage = ""
        self._sent_at = 0.0

    def __call__(self, stage: str, done: int, total: int, unit: str) -> None:
        if self._link.cancelled.is_set():
            raise Cancelled
        now = time.monotonic()
        if stage == self._stage and done < total and now - self._sent_at < PROGRESS_SECONDS:
            return
        self._stage, self._sent_at = stage, now
        fields = {"stage": stage, "done": int(done), "total": int(total), "unit": unit}
        try:
            self._link.send(Message("progress", fields))
        except Disconnected:
            raise Cancelled from None


def as_engine_error(error: Exception) -> EngineError:
    """The error to show for one that a job raised; what nobody foresaw is printed to the log in full."""
    if isinstance(error, EngineError):
        return error
    traceback.print_exception(error)
    # PyTorch says it in as many words, but only on CUDA with a class of its own.
    said = str(error).lower()
    phrases = ("out of memory", "not enough memory", "can't allocate memory")
    if isinstance(error, MemoryError) or any(phrase in said for phrase in phrases):
        return EngineError(
            "out_of_memory", "The memory is not enough for this.", "Lower the resolution and try again."
        )
    return EngineError(
        "internal",
        f"The engine failed: {type(error).__name__}: {str(error)[:500]}.",
        "Report it with the engine's log.",
    )


def serve(address: str, work: Work, *, idle_seconds: float) -> NoReturn:
    """Serve on a Unix socket in a private folder, or on a named pipe, and exit the process at the end.

    Takes the key from the environment variable KEY_VARIABLE and removes it there. The process exits when
    its standard input ends (its parent is gone), also in the middle of a job. Raises
    EngineError("engine_start") for a missing key or an address that others could reach.
    """
    try:
        key = bytes.fromhex(os.environ.pop(KEY_VARIABLE, ""))
    except ValueError:
        key = b""
    if len(key) != 32:
        raise EngineError(
            "engine_start",
            f"The variable {KEY_VARIABLE} holds no key.",
            "The add-on starts this itself: see --help.",
        )
    if os.name == "posix":
        _check_private(Path(address).parent)
    try:
        listener = Listener(address, "AF_UNIX" if os.name == "posix" else "AF_PIPE", backlog=4)
    except OSError as error:
        raise EngineError(
            "engine_start", f"{address} cannot be listened on: {error}.", "Choose another."
        ) from error
    # A full disk would end whichever thread prints.
    sys.stderr = logs.forgiving(sys.stderr.fileno())
    server = Server(listener, key, work, idle_seconds=idle_seconds)
    threading.Thread(target=_watch_parent, args=(server,), name="parent watch", daemon=True).start()
    print(
        f"The engine listens (process {os.getpid()}, protocol {protocol.PROTOCOL}).",
        file=sys.stderr,
        flush=True,
    )
    try:
        server.run()
    finally:
        _remove_socket(address)
        sys.stderr.flush()
        # Not sys.exit: a job's thread deep in a network would be waited for.
        os._exit(0)


def _watch_parent(server: Server) -> None:
    # On Windows a pending read locks standard input, and a library that looks at it while loading hangs:
    # read a copy, and leave the null device in its place.
    parent = os.dup(0)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    try:
        while os.read(parent, 4096):
            pass
    except OSError:
        pass  # a broken pipe says the same as its end
    server.stop()


def _check_private(folder: Path) -> None:
    try:
        status = folder.stat()
        private = (
            stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o077
        )
    except OSError:
        private = False
    if not private:
        raise EngineError(
            "engine_start",
            f"{folder} is not a folder that only you can open.",
            "Make a new one with mode 0700.",
        )


def _remove_socket(address: str) -> None:
    if os.name != "posix":
        return
    try:
        os.unlink(address)
        if Path(address).parent.name.startswith(FOLDER_PREFIX):
            os.rmdir(Path(address).parent)
    except OSError:
        pass  # the parent, where it lives, removes the folder as well
