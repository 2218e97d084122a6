# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's end of the link: listen where only this user can connect, and end with whoever started it."""

from __future__ import annotations

import os
import stat
import sys
import threading
from multiprocessing.connection import Listener
from pathlib import Path
from typing import Final, NoReturn

from . import logs, protocol
from .errors import EngineError
from .process import FOLDER_PREFIX
from .protocol import KEY_VARIABLE
from .sentences import Sentence
from .service.failures import as_engine_error
from .service.server import Server, Work

__all__ = ["as_engine_error", "serve"]

BACKLOG: Final = 64
"""Clients that may connect at once; with fewer the others wait for their turn."""


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
            Sentence("The variable {variable} holds no key.", variable=KEY_VARIABLE),
            "The add-on starts this itself: see --help.",
        )
    if os.name == "posix":
        _check_private(Path(address).parent)
    try:
        listener = Listener(address, "AF_UNIX" if os.name == "posix" else "AF_PIPE", backlog=BACKLOG)
    except OSError as error:
        raise EngineError(
            "engine_start",
            Sentence("{address} cannot be listened on: {error}.", address=address, error=error),
            "Choose another.",
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
            Sentence("{folder} is not a folder that only you can open.", folder=folder),
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
