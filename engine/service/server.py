# SPDX-License-Identifier: GPL-3.0-or-later
"""Accept clients, answer them, and end when nobody is left to work for."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing import AuthenticationError
from multiprocessing.connection import Listener
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from .. import protocol
from ..errors import Cancelled, EngineError, ProgressCallback
from ..payload import NormalMaps
from ..process import START_SECONDS
from ..protocol import Disconnected, Message
from ..sentences import Sentence
from .failures import as_engine_error
from .peer import Peer
from .resident import resident_bytes, trim
from .tasks import Task, TaskQueue

LINGER_SECONDS: Final = 2.0
"""How long the engine waits for another client after its last one left."""

PROGRESS_SECONDS: Final = 0.05
"""Progress within a stage is sent no more often than this; cancelling is looked at every time."""

HEED_SECONDS: Final = 20.0
"""How long a cancelled job may go on before the engine ends itself: loading PyTorch from a cold, slow disk is
the longest step that cannot be interrupted.
"""

PLACE_SECONDS: Final = 60.0
"""How often those that wait are told their place though it has not changed."""

MOST_CLIENTS: Final = 64
"""Clients that are served at once; further ones are told that the engine is busy,"""
MOST_CONNECTIONS: Final = 128
"""and beyond so many connections, greeted or not, further ones are closed at once."""


class Mesh(Protocol):
    """What the server hands on of a pipeline.Preview."""

    @property
    def vertices(self) -> npt.NDArray[np.float32]: ...
    @property
    def faces(self) -> npt.NDArray[np.int32]: ...
    @property
    def colors(self) -> npt.NDArray[np.uint8]: ...
    @property
    def info(self) -> dict[str, Any]: ...


class Outcome(Mesh, Protocol):
    """What the server hands on of a pipeline.Reconstruction."""

    @property
    def normals_front(self) -> npt.NDArray[np.uint8] | None: ...
    @property
    def normals_back(self) -> npt.NDArray[np.uint8] | None: ...


class Work(Protocol):
    """What the server serves: worker.Worker, or a stand-in for it in tests. check and state are called by any
    thread, the others by one.
    """

    def check(self, settings: dict[str, Any]) -> None: ...
    def state(self) -> dict[str, Any]: ...
    def about(self) -> dict[str, Any]: ...
    def reconstruct(
        self,
        image: bytes | npt.NDArray[np.uint8],
        settings: dict[str, Any],
        progress: ProgressCallback,
        on_preview: Callable[[Mesh], None] | None,
        normals: NormalMaps | None,
    ) -> Outcome: ...
    def unload(self) -> None: ...


class Server:
    """Serves `work` on `listener` to clients that hold `key`. See run.

    idle_seconds: after so long without a job weights are freed, after as long again the server ends; 0:
    never.
    """

    def __init__(self, listener: Listener, key: bytes, work: Work, *, idle_seconds: float) -> None:
        self._listener = listener
        self._key = key
        self._work = work
        self._idle_seconds = idle_seconds
        self._tasks = TaskQueue()
        self._lock = threading.Lock()
        self._peers: set[Peer] = set()  # all connections,
        self._clients: set[Peer] = set()  # and those that are greeted
        self._leave_at = time.monotonic() + START_SECONDS  # when to exit while there is no client
        self._over = threading.Event()

    def run(self) -> None:
        """Serve until asked to shut down, until no client is left, until idle for too long, or until a
        cancelled job does not end.

        A job may still run then: its thread is a daemon, and the caller is expected to exit.
        """
        threading.Thread(target=self._accept, name="accept", daemon=True).start()
        threading.Thread(target=self._tasks.work, name="worker", daemon=True).start()
        freed, told_at = False, time.monotonic()
        while not self._over.wait(0.2):
            now, idle = time.monotonic(), self._tasks.idle_for()
            self._drop_overdue()
            if now - told_at > PLACE_SECONDS:
                told_at = now
                self._tasks.tell_places()
            with self._lock:
                if not self._clients and now > self._leave_at:
                    return
            if self._tasks.deaf_for() > HEED_SECONDS:
                print(f"A cancelled job went on for {HEED_SECONDS:.0f} seconds.", file=sys.stderr)
                return
            if not self._idle_seconds or idle < self._idle_seconds:
                freed = False
            elif not freed:
                freed = self._tasks.while_idle(self._work.unload)
            elif idle > 2 * self._idle_seconds:
                return

    def stop(self) -> None:
        """Make run return."""
        self._over.set()

    def _accept(self) -> None:
        while True:
            try:
                connection = self._listener.accept()
            except OSError:  # too many open files, or on Windows a client that hung up at once: both pass
                traceback.print_exc()
                if self._over.wait(0.5):
                    return
                continue
            peer = Peer(connection)
            with self._lock:
                crowded = len(self._peers) >= MOST_CONNECTIONS
                if not crowded:
                    self._peers.add(peer)
            if crowded:
                connection.close()
                continue
            threading.Thread(target=self._serve, args=(peer,), name="client", daemon=True).start()

    def _drop_overdue(self) -> None:
        with self._lock:
            peers = list(self._peers)
        for peer in peers:
            if reason := peer.overdue():
                print(f"A client was dropped: {reason}.", file=sys.stderr)
                peer.hang_up()

    def _serve(self, peer: Peer) -> None:
        try:
            # The keys are compared here and not in accept, so that a client that stalls there keeps no other
            # one out.
            peer.greet(self._key)
            self._welcome(peer)
            while not self._over.is_set():
                self._answer(peer, peer.receive())
        except Disconnected:
            pass  # the usual end: the client closed its side, or its process ended
        except AuthenticationError as error:
            print(f"A client was turned away: {error}", file=sys.stderr)
        except EngineError as error:
            print(f"A client was turned away: {error}", file=sys.stderr)
            if not peer.busy:  # else its job's own last message is the only one
                peer.send(protocol.failure(error))
        finally:
            if peer.task is not None:
                self._tasks.cancel(peer.task)
            with self._lock:
                self._peers.discard(peer)
                if peer in self._clients:
                    self._clients.discard(peer)
                    self._leave_at = time.monotonic() + LINGER_SECONDS
            peer.leave()

    def _welcome(self, peer: Peer) -> None:
        with self._lock:
            if len(self._clients) >= MOST_CLIENTS:
                raise EngineError(
                    "busy",
                    Sentence("The engine serves {count} programs already.", count=MOST_CLIENTS),
                    "Close one of them.",
                )
            self._clients.add(peer)
        peer.send(protocol.hello())

    def _answer(self, peer: Peer, message: Message) -> None:
        if message.type == "shutdown":
            self.stop()
        elif message.type == "cancel":
            if peer.task is not None:
                self._tasks.cancel(peer.task)
        elif message.type == "status":
            peer.send(self._state(self._tasks.running))
        elif peer.busy or message.type not in ("hello", "reconstruct", "unload"):
            raise EngineError(
                "protocol",
                Sentence("A {kind} message came when none was due.", kind=message.type),
                "Restart Blender and try again.",
            )
        else:
            self._begin(peer, message)

    def _begin(self, peer: Peer, message: Message) -> None:
        task = Task(peer.send)
        try:
            if message.type == "reconstruct":
                self._work.check(message.fields["settings"])
            self._tasks.add(task, lambda task: self._run(task, message))
        except Exception as error:
            task.end(protocol.failure(as_engine_error(error)))
        peer.task = task

    def _run(self, task: Task, request: Message) -> Message:
        """Do what a task is for; return its last message."""
        try:
            if request.type == "hello":
                return protocol.hello(details=True, about=self._work.about())
            if request.type == "unload":
                self._work.unload()
                trim()  # before the answer, which tells what is left
                return self._state(running=False)
            return self._reconstruct(task, request)
        except Cancelled:
            return Message("cancelled")
        except Exception as error:
            return protocol.failure(as_engine_error(error))

    def _reconstruct(self, task: Task, request: Message) -> Message:
        encoded = request.arrays.get("encoded")
        image = request.arrays["pixels"] if encoded is None else encoded.tobytes()
        progress = _Progress(task)

        def show(mesh: Mesh) -> None:
            arrays = {name: getattr(mesh, name) for name in protocol.ARRAYS["preview"]}
            task.say(Message("preview", {"info": mesh.info}, arrays))

        on_preview = show if request.fields["preview"] else None
        front = request.arrays.get("normals_front")
        normals = None if front is None else (front, request.arrays["normals_back"])
        outcome = self._work.reconstruct(image, request.fields["settings"], progress, on_preview, normals)
        progress("transfer", 0, 1, "result")
        arrays = {
            name: array for name in protocol.ARRAYS["done"] if (array := getattr(outcome, name)) is not None
        }
        return Message("done", {"info": outcome.info}, arrays)

    def _state(self, running: bool) -> Message:
        with self._lock:
            clients = len(self._clients)
        own = {"running": running, "waiting": self._tasks.waiting, "clients": clients}
        return Message("state", {**self._work.state(), "resident": resident_bytes(), **own})


class _Progress:
    """Sends a job's progress, not too often; raises Cancelled where its client cancelled or left."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._stage = ""
        self._sent_at = 0.0

    def __call__(self, stage: str, done: int, total: int, unit: str) -> None:
        if self._task.cancelled.is_set():
            raise Cancelled
        now = time.monotonic()
        if stage == self._stage and done < total and now - self._sent_at < PROGRESS_SECONDS:
            return
        self._stage, self._sent_at = stage, now
        fields = {"stage": stage, "done": int(done), "total": int(total), "unit": unit}
        self._task.say(Message("progress", fields))
