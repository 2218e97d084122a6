# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine without torch, for the extension's tests: it replaces `engine/__main__.py` beside the real link.

It speaks the real protocol with the real code. At each job it reads how to behave from `mode.txt` beside its
package:

ok; slow (20 s of progress, stops when cancelled); held (waits after the preview until the mode is another);
deaf (falls silent for a minute, ignores cancel); no_person; out_of_memory; empty (an error that names a
file); cut (done, with two warnings); crash (dies in the middle); two (the photo shows two people, side by
side); bad_mesh (a face beyond the vertices); refuse (ends before it listens); late (listens after 3 s); mute
(never answers a status). A photo whose bytes hold "nobody" gives no_person in every mode.

It says to hold 900 MB, and 100 MB once its weights are unloaded.

The mesh is a box, 0.6 x 0.4 x height metres, feet on z = 0, front red, the rest blue.
"""

import os
import struct
import sys
import threading
import time
from multiprocessing.connection import Connection, Listener
from pathlib import Path

import numpy as np

from engine import protocol
from engine.errors import STAGES, Cancelled, EngineError
from engine.sentences import Sentence, listed

FOLDER = Path(__file__).resolve().parent.parent
HEIGHT = 1.75  # metres, where a client names none


def mode() -> str:
    return (FOLDER / "mode.txt").read_text(encoding="utf-8").strip()


def box(height: float) -> dict[str, np.ndarray]:
    """24 vertices (4 a side, so that a side has its own colour), 12 triangles."""
    low, high = np.array([-0.3, -0.2, 0.0]), np.array([0.3, 0.2, height])
    vertices, faces, colours = [], [], []
    for axis in range(3):
        for end in (0, 1):
            u, v = (axis + 1) % 3, (axis + 2) % 3
            corners = np.empty((4, 3))
            corners[:, axis] = (low, high)[end][axis]
            corners[:, u] = [low[u], high[u], high[u], low[u]]
            corners[:, v] = [low[v], low[v], high[v], high[v]]
            start = len(vertices)
            quad = [0, 1, 2, 3] if end else [3, 2, 1, 0]
            faces += [[start + quad[i] for i in three] for three in ((0, 1, 2), (0, 2, 3))]
            vertices += list(corners)
            colours += [(200, 30, 40, 255) if (axis, end) == (1, 0) else (30, 60, 200, 255)] * 4
    return {
        "vertices": np.array(vertices, np.float32),
        "faces": np.array(faces, np.int32),
        "colors": np.array(colours, np.uint8),
    }


def camera(photo: np.ndarray, height: float, person: int, people: int) -> dict[str, object]:
    """What the real engine says of a PNG whose larger side a person fills from end to end. Others stand a
    whole picture further to the right."""
    data = photo.tobytes()
    width, tall = struct.unpack(">II", data[16:24]) if data[:4] == b"\x89PNG" else (64, 64)
    side = max(width, tall)
    left, top = (width - side) // 2, (tall - side) // 2
    half = 0.3 * side / height
    middles = [width / 2 + number * side for number in range(people)]
    boxes = [[middle - half, top, middle + half, top + side] for middle in middles]
    return {
        "crop": {"x": left + (person - 1) * side, "y": top, "side": side},
        "box": boxes[person - 1],
        "people": boxes,
        "camera": {"metres_per_unit": height / 2, "offset": [0.0, 0.0, height / 2]},
    }


def job(request: protocol.Message, send: "Send", cancelled: threading.Event) -> None:
    how = mode()
    photo = next(iter(request.arrays.values()))
    settings = request.fields["settings"]
    if how == "no_person" or b"nobody" in photo.tobytes():
        raise EngineError("no_person", "Nobody was found in the photo.", "Use a photo of one whole person.")
    if how == "out_of_memory":
        raise EngineError("out_of_memory", "The memory ran out.", "Lower the resolution.")
    if how == "empty":
        text = Sentence("The picture {file} is empty.", file="{ada}.png")
        raise EngineError("bad_image", text, "Choose another.")
    steps, pause = (40, 0.07) if how == "slow" else (4, 0.005)
    height = settings.get("height", HEIGHT)
    seen = camera(photo, height, settings.get("person", 1), 2 if how == "two" else 1)
    for stage in STAGES:
        for done in range(steps + 1):
            send(
                protocol.Message("progress", {"stage": stage, "done": done, "total": steps, "unit": "steps"})
            )
            time.sleep(pause)
            if cancelled.is_set():
                raise Cancelled
        if stage == "features" and request.fields["preview"]:
            send(protocol.Message("preview", {"info": seen}, box(height)))
        while how == "held" and stage == "features" and mode() == "held" and not cancelled.is_set():
            time.sleep(0.02)
        if how == "deaf" and stage == "features":
            time.sleep(60.0)
        if how == "crash" and stage == "features":
            print("the fake engine falls over", flush=True)
            os._exit(7)
    arrays = box(height)
    if how == "bad_mesh":
        arrays["faces"][0, 0] = 99
    info = {
        "preset": "fake",
        "settings": settings,
        "photo": {"shape": list(photo.shape), "pid": os.getpid()},
        **seen,
    }
    if how == "cut":
        sides = listed([Sentence("left"), Sentence("top")], ", ")
        info["warnings"] = [Sentence("The person reaches the border ({sides}).", sides=sides), "Be careful."]
    if "normals_front" in request.arrays:
        info["normals"] = [request.arrays[f"normals_{side}"][0, 0].tolist() for side in ("front", "back")]
    arrays["normals_front"] = np.full((16, 16, 3), (128, 128, 255), np.uint8)
    arrays["normals_back"] = np.full((16, 16, 3), (128, 128, 0), np.uint8)
    send(protocol.Message("done", {"info": info}, arrays))


class Send:
    """One sender at a time on the connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def __call__(self, message: protocol.Message) -> None:
        with self._lock:
            protocol.send(self._connection, message)


def state(megabytes: int) -> protocol.Message:
    """What the engine tells of itself, as if it computed on a graphics card."""
    loaded = [{"preset": "fake", "sha256": "0" * 64, "device": "cuda:0"}] if megabytes > 100 else []
    fields = {"resident": megabytes * 10**6, "device_memory": len(loaded) * 2 * 10**9, "weights": loaded}
    return protocol.Message(
        "state", {"device": "cuda:0", **fields, "running": False, "waiting": 0, "clients": 1}
    )


def serve(address: str) -> None:
    key = bytes.fromhex(os.environ.pop(protocol.KEY_VARIABLE))
    if mode() == "refuse":
        print("ModuleNotFoundError: No module named 'torch'", flush=True)
        os._exit(3)
    if mode() == "late":
        time.sleep(3.0)
    with Listener(address, authkey=key) as listener, listener.accept() as connection:
        send, cancelled, worker = Send(connection), threading.Event(), None
        megabytes = 900
        while True:
            message = protocol.receive(connection)
            if message.type == "hello":
                send(protocol.hello(details=message.fields["details"]))
            elif message.type == "reconstruct":
                cancelled = threading.Event()
                worker = threading.Thread(target=answer, args=(message, send, cancelled), daemon=True)
                worker.start()
            elif message.type == "status" and mode() != "mute":
                send(state(megabytes))
            elif message.type == "unload":
                megabytes = 100
                send(state(megabytes))
            elif message.type == "cancel":
                cancelled.set()
            elif message.type == "shutdown":
                return


def answer(request: protocol.Message, send: Send, cancelled: threading.Event) -> None:
    try:
        job(request, send, cancelled)
    except EngineError as error:
        send(protocol.failure(error))
    except Cancelled:
        send(protocol.Message("cancelled"))


def leave_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=leave_with_parent, daemon=True).start()
    try:
        serve(sys.argv[sys.argv.index("--address") + 1])
    except protocol.Disconnected:
        pass  # Blender closed the connection
    os._exit(0)
