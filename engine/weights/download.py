# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloads that resume, are checked, and are installed only when whole."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Final, TypeAlias
from urllib.parse import urlsplit

from ..errors import EngineError
from ..sentences import Sentence
from ..version import VERSION
from .checkpoint import import_checkpoint
from .files import sha256_of
from .registry import Entry

TIMEOUT: Final = 30.0
"""Seconds without a byte after which a connection is given up."""
CHUNK: Final = 1 << 20
AGAIN: Final = Sentence("Run the same command again; it continues where it stopped.")

Progress: TypeAlias = Callable[[int, int | None], None]
"""Called with the bytes that are here and those of the whole file, None if unknown; may raise to stop."""


def install(entry: Entry, progress: Progress) -> None:
    """Download the checkpoint of `entry`, check it, and convert it to float16 weights at `entry.path`.

    A whole checkpoint that lies in the folder already is not downloaded again. It is removed once converted.
    Raises EngineError: io where the network, the server or the disk fails, which keeps what has arrived;
    bad_weights where what has arrived is not what was promised. What `progress` raises passes through, and
    keeps what has arrived too.
    """
    assert entry.address is not None
    whole = entry.path.with_suffix(".pt")
    try:
        whole.parent.mkdir(parents=True, exist_ok=True)
        if not whole.is_file():
            part = whole.with_suffix(".pt.part")
            fetch(entry.address, part, progress, size=entry.size, room=entry.about_mb * 500_000)
            if entry.sha256 is not None:
                _check_hash(part, entry.sha256)
            part.replace(whole)
            _origin_of(part).unlink()
        checkpoint = import_checkpoint(whole, entry.path)
        record = {"source sha256": checkpoint.sha256, "sha256": sha256_of(entry.path)}
        entry.record.write_text(json.dumps(record), encoding="utf-8")
        whole.unlink()
    except OSError as error:
        raise EngineError(
            "io",
            Sentence("The weights cannot be written to {folder}: {error}.", folder=whole.parent, error=error),
            Sentence("Make room. {again}", again=AGAIN),
        ) from error
    except EngineError as error:
        if error.code == "bad_weights" and whole.is_file():
            kept = whole.with_suffix(".pt.refused")  # a gigabyte and a half that a later version may read
            whole.replace(kept)
            raise EngineError(
                "bad_weights", error.text, Sentence("What was downloaded is kept as {kept}.", kept=kept)
            ) from error
        raise


def fetch(address: str, part: Path, progress: Progress, size: int | None = None, room: int = 0) -> None:
    """Download `address` to `part`, continuing what is there if the server still has the same file.

    size: the bytes it must have, if known; room: bytes the disk must have free besides. What tells the
    server's file from another stays beside `part`, as .origin. Raises EngineError (io, bad_weights), OSError.
    """
    have, origin = _kept(address, part)
    if origin is None or have != origin.total:
        with _network_errors_named(address):
            answer, have = _ask(address, have, origin)
        with answer:
            total = None if answer.length is None else have + answer.length
            if size is not None and total not in (None, size):
                raise EngineError(
                    "bad_weights",
                    Sentence(
                        "{address} has {total} bytes instead of {size}.",
                        address=address,
                        total=total,
                        size=size,
                    ),
                    "It has been replaced: look for a newer version of the engine.",
                )
            _check_room(part.parent, (total or 0) - have + room)
            origin = _Origin(address, _validator(answer.headers), total)
            if not have:
                part.write_bytes(b"")
            with part.open("ab", buffering=0) as file:
                _origin_of(part).write_text(json.dumps(asdict(origin)), encoding="utf-8")
                have = _receive(answer, file, address, have, total, progress)
        _origin_of(part).write_text(json.dumps(asdict(origin) | {"total": have}), encoding="utf-8")
    if size is not None and have != size:
        part.unlink()
        raise EngineError(
            "bad_weights",
            Sentence("{address} gave {have} bytes instead of {size}.", address=address, have=have, size=size),
            "Download it again.",
        )


@dataclass(frozen=True)
class _Origin:
    """validator: what If-Range takes, None where the server gives nothing; total: bytes of the whole file."""

    address: str
    validator: str | None
    total: int | None


def _origin_of(part: Path) -> Path:
    return part.with_suffix(".origin")


def _kept(address: str, part: Path) -> tuple[int, _Origin | None]:
    """How many bytes lie in `part`, and of which file; (0, None) where they cannot be continued."""
    try:
        origin = _Origin(**json.loads(_origin_of(part).read_text(encoding="utf-8")))
        have = part.stat().st_size
    except (OSError, ValueError, TypeError):  # nothing there, or half-written: then all of it anew
        return 0, None
    return (have, origin) if origin.address == address else (0, None)


def _ask(address: str, have: int, origin: _Origin | None) -> tuple[http.client.HTTPResponse, int]:
    """The server's answer, and after how many bytes it starts: `have`, or 0."""
    if have and origin is not None and origin.validator is not None:
        try:
            answer = _open(address, {"Range": f"bytes={have}-", "If-Range": origin.validator})
        except urllib.error.HTTPError as error:
            if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise
            error.close()
        else:
            if answer.status != http.client.PARTIAL_CONTENT:
                return answer, 0  # the server has another file by now, or knows no ranges
            if _continues(answer.headers, have, origin):
                return answer, have
            answer.close()
    return _open(address, {}), 0


def _continues(headers: http.client.HTTPMessage, have: int, origin: _Origin) -> bool:
    """Whether a partial answer is the rest of the same file: some servers do not know If-Range."""
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", ""))
    same = _validator(headers) in (None, origin.validator)
    return same and found is not None and int(found[1]) == have and found[2] in ("*", str(origin.total))


def _validator(headers: http.client.HTTPMessage) -> str | None:
    tag = headers.get("ETag")
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified")


def _receive(
    answer: http.client.HTTPResponse, file: IO[bytes], address: str, have: int, total: int | None,
    progress: Progress,
) -> int:
    """Append the body to `file`; return how many bytes it has then."""
    progress(have, total)
    while True:
        with _network_errors_named(address):
            chunk = answer.read1(CHUNK)
        if not chunk:
            break
        file.write(chunk)
        have += len(chunk)
        if os.fstat(file.fileno()).st_size != have:
            raise EngineError(
                "io", "Another program writes the same download.", "Wait until it is done, or end it."
            )
        progress(have, total)
    if total is not None and have < total:
        raise EngineError(
            "io",
            Sentence(
                "The connection ended after {have} of {total} MB.",
                have=f"{have / 1e6:.0f}",
                total=f"{total / 1e6:.0f}",
            ),
            AGAIN,
        )
    return have


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from https to what anyone on the way may change."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if req.type == "https" and urlsplit(newurl).scheme != "https":
            raise urllib.error.URLError(f"it redirects to {newurl}, which is not encrypted")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _open(address: str, headers: dict[str, str]) -> http.client.HTTPResponse:
    request = urllib.request.Request(
        address, headers={"User-Agent": f"pifuhd-blender/{VERSION}", **headers}
    )
    opener = urllib.request.build_opener(_SafeRedirects)
    answer: http.client.HTTPResponse = opener.open(request, timeout=TIMEOUT)
    return answer


@contextmanager
def _network_errors_named(address: str) -> Iterator[None]:
    try:
        yield
    except urllib.error.HTTPError as error:
        error.close()
        raise EngineError(
            "io",
            Sentence(
                "The server answered {code} {reason} for {address}.",
                code=error.code,
                reason=error.reason,
                address=address,
            ),
            "Try again later, or get the checkpoint elsewhere and use `python -m engine weights import`.",
        ) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error or type(error).__name__
        raise EngineError(
            "io",
            Sentence("{address} cannot be read: {reason}.", address=address, reason=reason),
            Sentence("Check the network. {again}", again=AGAIN),
        ) from error


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise EngineError(
            "io",
            Sentence(
                "{folder} has {free} MB free; {needed} MB are needed.",
                folder=folder,
                free=f"{free / 1e6:.0f}",
                needed=f"{needed / 1e6:.0f}",
            ),
            "Make room, or set PIFUHD_WEIGHTS to a folder on another disk.",
        )


def _check_hash(part: Path, expected: str) -> None:
    found = sha256_of(part)
    if found != expected:
        part.unlink()
        raise EngineError(
            "bad_weights",
            Sentence(
                "What was downloaded has the SHA-256 {found} instead of {expected}.",
                found=found,
                expected=expected,
            ),
            "It was removed: download it again.",
        )
