# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine without PyTorch, run as `python -m engine serve` from a staged copy of the link (see
conftest.py).

The environment variable FAKE_ENGINE names how it behaves: `good` and other kinds of work run in the real
server; the rest misbehave on the wire in ways that the real server never would.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Listener
from typing import Any

import numpy as np

from engine import protocol
from engine.errors import STAGES, EngineError
from engine.protocol import KEY_VARIABLE, Message
from engine.server import serve
from engine.service import peer
from engine.service import server as service

VERTICES = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
FACES = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)


@dataclass
class Tetrahedron:
    info: dict[str, Any]
    vertices: np.ndarray = field(default_factory=lambda: VERTICES)
    faces: np.ndarray = field(default_factory=lambda: FACES)
    colors: np.ndarray = field(default_factory=lambda: np.full((4, 4), 255, np.uint8))
    normals_front: np.ndarray | None = None
    normals_back: np.ndarray | None = None


class FakeWork:
    def __init__(self, behaviour: str) -> None:
        self.behaviour = behaviour
        self.environment = sorted(name for name in os.environ if name.startswith("PYTHON"))
        self.jobs = 0
        self.loaded = []

    def about(self) -> dict[str, Any]:
        if self.behaviour == "broken torch":
            raise EngineError(
                "engine_start", "The engine cannot load torch: no such library.", "Set it up again."
            )
        shown = ["env"] if self.behaviour == "children" else ["true"]
        return {
            "device": "cpu",
            "grandchild": subprocess.run(shown, capture_output=True, text=True, check=True).stdout,
            "python_variables": self.environment,
            "key_is_gone": KEY_VARIABLE not in os.environ,
            "folder": os.getcwd(),
        }

    def check(self, settings):
        if "unknown" in settings:
            raise EngineError("bad_settings", "There are unknown settings: unknown.", "Leave it out.")

    def state(self):
        return {"device": "cpu", "device_memory": 0, "weights": self.loaded}

    def unload(self):
        self.loaded = []

    def reconstruct(self, image, settings, progress, on_preview, normals):
        self.jobs += 1
        progress("weights", 0, 1, "file")
        self.loaded = [{"preset": "fake", "sha256": "0" * 64, "device": "cpu"}]
        if self.behaviour == "crash":
            print("Segmentation fault of a driver", file=sys.stderr, flush=True)
            os._exit(3)
        if self.behaviour == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.behaviour == "stall":
            threading.Event().wait()  # deaf to a cancel
        if self.behaviour == "error":
            raise EngineError("no_person", "Nobody is in this photo.", "Draw a box around the person.")
        if self.behaviour == "defect" or settings.get("defect"):
            raise ZeroDivisionError("a bug")
        if self.behaviour == "no memory":
            raise MemoryError
        if self.behaviour == "gpu memory":
            import torch

            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
        for done in range(settings.get("steps", 0)):
            progress("surface", done, settings["steps"], "points")
            time.sleep(0.01)
        if self.behaviour == "slow" or settings.get("slow"):
            for done in range(10**6):
                progress("surface", done, 10**6, "points")
                time.sleep(0.01)
        for stage in STAGES[1:-1]:
            if stage == "colour" and on_preview is not None:
                on_preview(Tetrahedron({"people": []}, faces=FACES + (self.behaviour == "wild preview")))
            for done in range(4):
                progress(stage, done, 3, "steps")
        seen = list(image.shape) if isinstance(image, np.ndarray) else len(image)
        result = Tetrahedron({"jobs": self.jobs, "settings": settings, "image": seen})
        result.info["normals"] = normals and [one.tolist() for one in normals]
        if settings.get("large"):  # more than fits into a socket's buffer
            result.vertices = np.zeros((300_000, 3), np.float32)
            result.colors = np.zeros((300_000, 4), np.uint8)
        if self.behaviour == "unsendable":
            result.info["crop"] = float("nan")
        if self.behaviour == "wild faces":
            result.faces = FACES + 1
        if self.behaviour == "hasty":  # larger than what a socket takes unread
            result.normals_front = np.zeros((4096, 4096, 3), np.uint8)
        if self.behaviour == "normals":
            result.normals_front = np.zeros((8, 8, 3), np.uint8)
            result.normals_back = np.ones((8, 8, 3), np.uint8)
        return result


def misbehave(behaviour: str, address: str) -> None:
    """Speak to one client by hand, wrongly."""
    if behaviour == "exits":
        print("ModuleNotFoundError: No module named 'numpy'", file=sys.stderr)
        sys.exit(1)
    if behaviour == "never listens":
        time.sleep(600)
    key = bytes.fromhex(os.environ[KEY_VARIABLE])
    if behaviour == "other key":
        key = bytes(32)
    listener = Listener(address, authkey=None if behaviour == "silent" else key)
    connection = listener.accept()
    if behaviour == "silent":
        time.sleep(600)
    protocol.receive(connection)
    if behaviour == "old version":
        hello = {"type": "hello", "protocol": 0, "program": "0.0.9"}
        connection.send_bytes(json.dumps(hello).encode())
        time.sleep(600)
    protocol.send(connection, protocol.hello())
    protocol.receive(connection)  # the request
    done = {
        "type": "done",
        "info": {},
        "arrays": [{"name": "vertices", "dtype": "float32", "shape": [4, 3]}],
    }
    if behaviour == "oversized header":
        connection.send_bytes(bytes(protocol.MAX_HEADER + 1))
    elif behaviour == "oversized array":
        done["arrays"][0]["shape"] = [1 << 40, 3]
        connection.send_bytes(json.dumps(done).encode())
    elif behaviour == "longer array":
        done["arrays"] += [
            {"name": "faces", "dtype": "int32", "shape": [4, 3]},
            {"name": "colors", "dtype": "uint8", "shape": [4, 4]},
        ]
        connection.send_bytes(json.dumps(done).encode())
        connection.send_bytes(bytes(1000))
    elif behaviour == "pickle":
        connection.send({"type": "done"})
    elif behaviour == "half a frame":
        os.write(connection.fileno(), b"\x00\x00\x10\x00half")
    elif behaviour == "deaf chatter":
        while True:
            fields = {"stage": "surface", "done": 1, "total": 2, "unit": "points"}
            protocol.send(connection, Message("progress", fields))
            time.sleep(0.02)
    elif behaviour == "two endings":
        protocol.send(connection, Message("cancelled"))
        protocol.send(connection, Message("cancelled"))
    else:
        raise ValueError(behaviour)
    time.sleep(600)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("--address", required=True)
    parser.add_argument("--idle", type=float, required=True)
    parser.add_argument("--log", required=True)
    arguments = parser.parse_args()
    behaviour = os.environ.get("FAKE_ENGINE", "good")
    if behaviour == "slow start":
        print("It is still loading.", file=sys.stderr)
        time.sleep(1.5)
        behaviour = "good"
    honest = ("good", "broken torch", "crash", "killed", "stall", "error", "defect", "no memory", "slow")
    if behaviour in (
        *honest, "children", "gpu memory", "unsendable", "wild faces", "wild preview", "normals", "hasty",
    ):  # fmt: skip
        service.HEED_SECONDS = 2.0
        if behaviour == "hasty":
            peer.GREET_SECONDS = peer.SEND_SECONDS = 1.0
            peer.SLOWEST = 1e9
        serve(arguments.address, FakeWork(behaviour), idle_seconds=arguments.idle)
    misbehave(behaviour, arguments.address)


main()
