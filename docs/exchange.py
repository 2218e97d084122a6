# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the exchange that docs/protocol.md shows, as it happens: python docs/exchange.py PHOTO

Starts a real engine, reconstructs PHOTO on a grid of 128 nodes, and prints each header as it passes.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from engine import protocol  # noqa: E402 - the checkout's own engine
from engine.process import EngineProcess  # noqa: E402
from engine.protocol import Message  # noqa: E402

LONGEST = 60  # characters of a text that are shown
MOST = 6  # items of an object that are shown


def shown(value: Any) -> Any:
    """A value of a header, shortened."""
    if isinstance(value, dict):
        items = list(value.items())
        short = {key: shown(item) for key, item in items[:MOST]}
        return short | ({"...": f"{len(items) - MOST} more"} if len(items) > MOST else {})
    if isinstance(value, str) and len(value) > LONGEST:
        return value[:LONGEST] + "..."
    return round(value, 4) if isinstance(value, float) else value


def line(arrow: str, message: Message) -> str:
    header = {"type": message.type, **{name: shown(value) for name, value in message.fields.items()}}
    arrays = [f"{name} {array.dtype} {list(array.shape)}" for name, array in message.arrays.items()]
    return f"{arrow} {json.dumps(header)}" + "".join(f"\n{arrow}     {text}" for text in arrays)


def exchange(photo: Path) -> None:
    """Print every message of one connection; progress within a stage once."""
    with tempfile.TemporaryDirectory() as folder:
        engine = EngineProcess(sys.executable, ROOT, log=Path(folder) / "engine.log")
        try:
            connection = engine.ensure()._connection  # greeted: its hellos are shown by hand
            print(line(">", protocol.hello()))
            print(line("<", protocol.hello()))
            picture = {"encoded": np.frombuffer(photo.read_bytes(), np.uint8)}
            asked = Message("reconstruct", {"settings": {"resolution": 128}, "preview": True}, picture)
            stages = set()
            for request in (asked, Message("status"), Message("unload")):
                protocol.send(connection, request)
                print(line(">", request))
                while True:
                    reply = protocol.receive(connection)
                    stage = reply.fields.get("stage")
                    if stage is None or stage not in stages:
                        print(line("<", reply))
                    stages.add(stage)
                    if reply.type not in protocol.INTERIM:
                        break
            protocol.send(connection, Message("shutdown"))
            print(line(">", Message("shutdown")))
        finally:
            engine.stop()


if __name__ == "__main__":
    exchange(Path(sys.argv[1]))
