# SPDX-License-Identifier: GPL-3.0-or-later
"""How soon a real engine answers a cancel, and is free again, at moments spread over a whole job.

    python -m benchmarks.cancelling [CANCELS]

Once for each of SETTINGS, with the embedded weights on the CPU, which PyTorch and they are loaded for before.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from engine import protocol
from engine.process import EngineProcess
from engine.protocol import Message

ROOT = Path(__file__).resolve().parents[1]
SETTINGS: tuple[dict[str, Any], ...] = (
    {"resolution": 256},
    {"resolution": 512, "smooth": 5, "faces": 50_000},
    {"resolution": 1024, "smooth": 5, "faces": 100_000},
)


class Cancelled(NamedTuple):
    """Seconds from a job's request to its cancel, from there to the answer, and to when the engine is
    free."""

    at: float
    answered: float
    free: float


def run(folder: Path, image: Any, settings: dict[str, Any], cancels: int) -> tuple[float, list[Cancelled]]:
    """Seconds that one job takes, and cancels at equal distances within, less those that came too late.
    image: the array `encoded` or `pixels` of a request, by its name.
    """
    with tempfile.TemporaryDirectory() as logs:
        engine = EngineProcess(sys.executable, folder, log=Path(logs) / "engine.log")
        try:
            link = engine.ensure()._connection
            fields = {"settings": {"device": "cpu"} | settings, "preview": True}
            request = Message("reconstruct", fields, image)
            for _ in range(2):  # the first one loads
                began = time.monotonic()
                protocol.send(link, request)
                assert ending(link) == "done"
            whole = time.monotonic() - began
            moments = [whole * (number + 0.5) / cancels for number in range(cancels)]
            return whole, [seen for at in moments if (seen := _cancel(link, request, at))]
        finally:
            engine.stop()


def _cancel(link: Any, request: Message, at: float) -> Cancelled | None:
    began = time.monotonic()
    protocol.send(link, request)
    while (left := began + at - time.monotonic()) > 0:
        if link.poll(left) and protocol.receive(link).type not in protocol.INTERIM:
            return None
    sent = time.monotonic()
    protocol.send(link, Message("cancel"))
    if ending(link) != "cancelled":
        return None
    answered = time.monotonic()
    while state(link)["running"]:
        time.sleep(0.01)
    return Cancelled(at, answered - sent, time.monotonic() - sent)


def ending(link: Any) -> str:
    """Wait for a job's end on a bare connection; the type of its message."""
    while (message := protocol.receive(link)).type in protocol.INTERIM:
        pass
    return message.type


def state(link: Any) -> dict[str, Any]:
    """The engine's state, asked for on a bare connection that has no job."""
    protocol.send(link, Message("status"))
    answer = protocol.receive(link)
    assert answer.type == "state"
    return answer.fields


def main(cancels: int) -> None:
    """Print the slowest of each."""
    picture = {"encoded": np.fromfile(ROOT / "samples" / "person_1.jpg", dtype=np.uint8)}
    for settings in SETTINGS:
        whole, seen = run(ROOT, picture, settings, cancels)
        answered, free = max(one.answered for one in seen), max(one.free for one in seen)
        print(f"{settings}: a job takes {whole:.1f} s. The slowest of {len(seen)} cancels", end=" ")
        print(f"was answered after {answered:.2f} s, and the engine free after {free:.2f} s.", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
