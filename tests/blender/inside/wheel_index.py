# SPDX-License-Identifier: GPL-3.0-or-later
"""Tiny wheels, and a package index of them on this machine that can be slow, lose a file, and counts."""

from __future__ import annotations

import collections
import http.server
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHUNK = 50_000  # bytes between two pauses of a slow index


def make_wheel(folder: Path, name: str, version: str, filling: int = 0) -> Path:
    """A wheel that installs the module `name` with VERSION in it. filling: bytes of data besides."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", f"VERSION = {version!r}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        if filling:
            archive.writestr(f"{name}_data/filling.bin", bytes(filling))
        archive.writestr(f"{info}/RECORD", "")
    return path


class Index:
    """url: of its simple index; fetched: how often each wheel was; pause: seconds between chunks; lost:
    wheels that it lists and does not have.
    """

    def __init__(self, wheels: Path) -> None:
        self.wheels = wheels
        self.url = ""
        self.fetched: collections.Counter[str] = collections.Counter()
        self.pause = 0.0
        self.lost: set[str] = set()


@contextmanager
def serve(wheels: Path) -> Iterator[Index]:
    """An index of the wheels in a folder, on the loopback."""
    index = Index(wheels)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, _, name = self.path.strip("/").partition("/")
            if kind == "simple":
                found = [p.name for p in index.wheels.glob("*.whl") if p.name.startswith(f"{name}-")]
                page = "".join(f'<a href="/files/{item}">{item}</a>' for item in found)
                self._answer(page.encode(), "text/html")
            else:
                name = name.replace("%2B", "+")
                index.fetched[name] += 1
                if name in index.lost:
                    self.send_error(404)
                else:
                    self._answer((index.wheels / name).read_bytes(), "application/octet-stream")

        def _answer(self, body: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if kind != "text/html":
                self.send_header("Cache-Control", "max-age=365000000, immutable, public")  # as PyPI
            self.end_headers()
            for start in range(0, len(body), CHUNK):
                try:
                    self.wfile.write(body[start : start + CHUNK])
                except OSError:
                    return  # pip was killed, as a test wanted
                time.sleep(index.pause)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    index.url = f"http://127.0.0.1:{server.server_address[1]}/simple/"
    try:
        yield index
    finally:
        index.pause = 0.0
        server.shutdown()
        server.server_close()
        thread.join()
