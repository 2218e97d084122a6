# SPDX-License-Identifier: GPL-3.0-or-later
"""The exchange in docs/protocol.md: `python docs/exchange.py PHOTO` from the checkout's root.

Starts an engine, speaks with it as two clients, A and B, and writes every header between the page's two
marks, except those of progress within a stage.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from multiprocessing.connection import Client
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from engine import protocol
from engine.protocol import Message

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "protocol.md"
BEGIN, END = "<!-- exchange: begin -->", "<!-- exchange: end -->"
SETTINGS = {"height": 1.75, "resolution": 128, "device": "cpu"}


class Spoken:
    """One client's connection; what goes over it is written down."""

    def __init__(self, name: str, address: str, key: bytes, lines: list[str]) -> None:
        self._name = name
        self._connection = Client(address, authkey=key)
        self._lines = lines
        self._stage = ""

    def say(self, message: Message) -> None:
        """Send a message."""
        self._note("->", message)
        protocol.send(self._connection, message)

    def hear(self) -> Message:
        """The next message."""
        message = protocol.receive(self._connection)
        if message.type != "progress" or message.fields["stage"] != self._stage:
            self._note("<-", message)
        self._stage = message.fields.get("stage", self._stage)
        return message

    def hear_until(self, *kinds: str) -> Message:
        """The next message of one of some kinds, and what comes before."""
        while (message := self.hear()).type not in kinds:
            pass
        return message

    def _note(self, arrow: str, message: Message) -> None:
        arrays = [
            {"name": name, "dtype": array.dtype.name, "shape": list(array.shape)}
            for name, array in message.arrays.items()
        ]
        header = json.dumps({**protocol.header(message), "arrays": arrays})
        self._lines.append(f"{self._name} {arrow} {header}")
        self._lines += [f"{self._name} {arrow} {array.nbytes} bytes" for array in message.arrays.values()]


def speak(address: str, key: bytes, photo: bytes) -> list[str]:
    """The exchange, a line a frame."""
    lines: list[str] = []
    a, b = Spoken("A", address, key, lines), Spoken("B", address, key, lines)
    for client in (a, b):
        client.say(protocol.hello())
        client.hear()
    image = {"encoded": np.frombuffer(photo, np.uint8)}
    b.say(Message("reconstruct", {"settings": {"resolution": 100}, "preview": False}, image))
    b.hear_until("error")
    a.say(Message("reconstruct", {"settings": SETTINGS, "preview": True}, image))
    a.hear()
    b.say(Message("reconstruct", {"settings": SETTINGS, "preview": False}, image))
    b.hear_until("queued")
    b.say(Message("status"))
    b.hear_until("state")
    b.say(Message("cancel"))
    b.hear_until("cancelled")
    a.hear_until("done")
    a.say(Message("unload"))
    a.hear_until("state")
    a.say(Message("shutdown"))
    return lines


def main(photo: Path) -> None:
    """Run the exchange with an engine of its own, and write it into the page."""
    key = secrets.token_bytes(32)
    with tempfile.TemporaryDirectory() as folder:  # made with mode 0700
        address = str(Path(folder) / "socket")
        engine = subprocess.Popen(
            [sys.executable, "-m", "engine", "serve", "--address", address],
            cwd=ROOT,
            env={**os.environ, protocol.KEY_VARIABLE: key.hex()},
            stdin=subprocess.PIPE,  # its end would end the engine
        )
        while not Path(address).exists() and engine.poll() is None:
            time.sleep(0.1)
        lines = speak(address, key, photo.read_bytes())
        engine.wait()
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    exchange = "\n".join(["", "```", *lines, "```", ""])
    PAGE.write_text(f"{before}{BEGIN}{exchange}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
