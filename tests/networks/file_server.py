# SPDX-License-Identifier: GPL-3.0-or-later
"""A local HTTP server of one file, which can be as unhelpful as real ones."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Shelf:
    """What the server gives, and how. requests: the headers of every request so far."""

    content: bytes
    address: str = ""
    ranges: bool = True  # knows Range
    if_range: bool = True  # knows If-Range too
    tag: str = "strong"  # ETag: strong, weak (with Last-Modified), or none (nor that)
    length: bool = True  # tells Content-Length
    cut_after: int | None = None  # bytes of the body after which the connection ends
    stall_after: int | None = None  # bytes of the body after which nothing comes any more
    status: int | None = None  # instead of 200
    redirect: str | None = None
    requests: list[dict[str, str]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def headers(self) -> dict[str, str]:
        digest = hashlib.sha256(self.content).hexdigest()[:16]
        weak = {"ETag": f'W/"{digest}"', "Last-Modified": "Mon, 01 Jun 2020 00:00:00 GMT"}
        return {"strong": {"ETag": f'"{digest}"'}, "weak": weak, "none": {}}[self.tag]


@contextmanager
def served(content: bytes) -> Iterator[Shelf]:
    """Serve `content` at the shelf's address until the block ends."""
    shelf = Shelf(content)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            shelf.requests.append(dict(self.headers))
            self.close_connection = True
            if shelf.redirect and self.path == "/moved":
                return self.answer(302, {"Location": shelf.redirect}, b"")
            if shelf.status is not None:
                return self.answer(shelf.status, {}, b"no")
            found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            asked = self.headers.get("If-Range")
            same = not shelf.if_range or asked in (None, *shelf.headers().values())
            start = int(found[1]) if found and shelf.ranges and same else 0
            total = len(shelf.content)
            if start >= total > 0:
                return self.answer(416, {"Content-Range": f"bytes */{total}"}, b"")
            if not start:
                return self.answer(200, shelf.headers(), shelf.content)
            span = {"Content-Range": f"bytes {start}-{total - 1}/{total}"}
            return self.answer(206, shelf.headers() | span, shelf.content[start:])

        def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if shelf.length:
                self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body[: min(shelf.cut_after or len(body), shelf.stall_after or len(body))])
            if shelf.stall_after is not None:
                self.wfile.flush()
                shelf.released.wait(20)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    shelf.address = f"http://127.0.0.1:{server.server_address[1]}/pifuhd.pt"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield shelf
    finally:
        shelf.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
