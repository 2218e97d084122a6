# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine started by hand, so that a test can reach its socket with the key, without it, or wrongly."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from engine import protocol
from engine.client import EngineClient, connect
from engine.protocol import KEY_VARIABLE
from tests.link.processes import PATIENCE, wait_until

KEY = bytes(range(32))


class ServedEngine:
    """A running engine whose log is a file: a pipe that nobody reads would fill and stall it."""

    def __init__(
        self, package_folder: Path, folder: Path, log: Path, behaviour: str = "good", idle: int = 600
    ) -> None:
        self.address = str(folder / "socket")
        self._log = log
        command = ["-m", "engine", "serve", "--address", self.address, "--idle", str(idle)]
        command += ["--log", str(self._log)]
        with log.open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, *command],
                cwd=package_folder,
                env={**os.environ, KEY_VARIABLE: KEY.hex(), "FAKE_ENGINE": behaviour},
                stdin=subprocess.PIPE,
                stderr=stderr,
            )
        wait_until(lambda: "The engine listens" in self.log() or self.process.poll() is not None)
        assert "The engine listens" in self.log(), self.log()

    def connect(self, key: bytes = KEY) -> EngineClient:
        """A greeted client."""
        return connect(self.address, key, abandon=lambda: None, last_words=str)

    def greeted(self) -> Connection:
        """The bare connection of a greeted client."""
        return self.connect()._connection

    def stranger(self) -> socket.socket:
        """A connected socket on which nothing was said yet; no read from it lasts longer than PATIENCE."""
        raw = socket.socket(socket.AF_UNIX)
        raw.settimeout(PATIENCE)
        raw.connect(self.address)
        return raw

    def ends(self) -> bool:
        """Whether it exits by itself, in order and in time."""
        return self.process.wait(PATIENCE) == 0

    def log(self) -> str:
        """What the engine printed."""
        return self._log.read_text(errors="replace")

    def resident(self) -> int:
        """Bytes of main memory that the engine holds."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def descriptors(self) -> int:
        """Files and sockets that the engine has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def stop(self) -> None:
        """End it, whatever it does."""
        assert self.process.stdin is not None
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()


@contextmanager
def served_engine(package_folder: Path, behaviour: str = "good") -> Iterator[ServedEngine]:
    """An engine in a private folder of its own, both gone at the end."""
    with tempfile.TemporaryDirectory(prefix="link-") as folder:  # made with mode 0700
        engine = ServedEngine(package_folder, Path(folder), Path(folder) / "log", behaviour)
        try:
            yield engine
        finally:
            engine.stop()


def run(client, on_progress=lambda *progress: None, cancelled=lambda: False, **settings):
    return client.reconstruct(b"photo", settings, on_progress, cancelled)


def request(**settings):
    """The message that asks for a job."""
    fields = {"settings": settings, "preview": False}
    return protocol.Message("reconstruct", fields, {"encoded": np.zeros(9, np.uint8)})


def job(client: EngineClient, **settings: object) -> int:
    """Run a job of the fake engine, which must bring its mesh; return how many jobs it has had."""
    result = client.reconstruct(b"photo", settings, lambda *progress: None, lambda: False)
    assert result.vertices.shape == (4, 3)
    return int(result.info["jobs"])


def ending(connection: Connection) -> str | None:
    """The type of the message that ends what a bare connection asked for; None where it was hung up."""
    while True:
        try:
            message = protocol.receive(connection)
        except protocol.Disconnected:
            return None
        if message.type in protocol.TERMINAL:
            return message.type
