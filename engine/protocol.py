# SPDX-License-Identifier: GPL-3.0-or-later
"""The wire between Blender and its engine: one version, a closed set of messages, nothing ever unpickled.

A message is one frame of JSON (the header: its type, its fields, and the dtype and shape of each array),
then one frame of raw little-endian bytes for each array, over `multiprocessing.connection` frames. Both
sides check every message against the tables below, the sender before its first byte and the receiver before
it allocates anything. Beside the fields a header may have `patterns`: what the sentences in the fields were
made of, so that they can be translated, see sentences.py.

A job is one `reconstruct`, any number of `queued`, `progress` and `preview`, then exactly one of `done`,
`cancelled`, `error`. docs/protocol.md shows a whole exchange.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Final, NoReturn

import numpy as np
import numpy.typing as npt

from . import sentences
from .errors import CODES, STAGES, EngineError
from .sentences import Sentence
from .version import VERSION

PROTOCOL: Final = 1
"""Raised by one whenever a message, a field, an array or an error code changes."""

KEY_VARIABLE: Final = "PIFUHD_ENGINE_KEY"
"""The environment variable that hands the child its key: 64 hexadecimal digits, 256 bits."""

MAX_HEADER: Final = 1 << 20
"""Bytes of JSON in one message; a reconstruction's info is about 2 kB."""

MAX_ARRAY: Final = 1 << 29
"""Bytes of one array, 512 MiB: a photo of 134 megapixels with alpha, or 44 million vertices."""

MAX_DEPTH: Final = 16
"""Objects and lists within each other in a header; a reconstruction's info has five."""

MAX_WAITING: Final = 16
"""Jobs that may wait for the running one; the next is answered with the error `busy`."""

CAPABILITIES: Final = ("normals", "preview", "queue", "status", "unload")
"""What this version can do beyond a single job at a time; a peer ignores those that it does not know."""

FIELDS: Final[dict[str, dict[str, type]]] = {
    # Both ways, first on a connection. `details` asks for (and marks) an `about` that needs PyTorch loaded.
    # Every version keeps `type`, `protocol` and `program` in it, so that two versions can always name each
    # other. `capabilities`: strings, see CAPABILITIES.
    "hello": {"protocol": int, "program": str, "capabilities": list, "details": bool, "about": dict},
    # Client to engine: start a job. The photo is one of the arrays `encoded` (a file's bytes) and `pixels`;
    # with it may come both normal maps of an earlier `done`, edited, to be used in the place of new ones.
    # `settings`: see engine/settings.py; others are refused before weights are loaded. `preview`: whether a
    # coarse mesh is wanted as soon as there is one.
    "reconstruct": {"settings": dict, "preview": bool},
    # Engine to client: the request waits; `place` 1 is the next. Sent at each change, and each minute.
    "queued": {"place": int},
    # Engine to client: how far a stage is; 0 <= done <= total, counted in `unit`.
    "progress": {"stage": str, "done": int, "total": int, "unit": str},
    # Engine to client, at most once a job: the mesh of the first, coarse grid, in the Blender frame. `info`:
    # what is known by then of that of `done`.
    "preview": {"info": dict},
    # Engine to client, ends the job: the reconstruction.
    "done": {"info": dict},
    # Engine to client, ends the job: it was cancelled.
    "cancelled": {},
    # Engine to client, ends the job (or answers another request that cannot be served).
    "error": {"code": str, "text": str, "hint": str},
    # Client to engine: end the running or waiting job. Ignored where there is none: it may just have ended.
    "cancel": {},
    # Client to engine, also in the middle of a job: how are you? Answered with `state`.
    "status": {},
    # Client to engine: free weights and GPU memory once the jobs before it are done. Answered with `state`.
    "unload": {},
    # Engine to client. `device` that was used last, "" until PyTorch is loaded; `resident` main memory of the
    # process and `device_memory` that it holds of the GPU, bytes; `weights` that are loaded: a list of
    # {preset, sha256, device}; whether a job runs, how many requests wait, how many clients are connected.
    "state": {
        "device": str,
        "resident": int,
        "device_memory": int,
        "weights": list,
        "running": bool,
        "waiting": int,
        "clients": int,
    },
    # Client to engine: exit.
    "shutdown": {},
}

INTERIM: Final = frozenset({"queued", "progress", "preview"})
"""What may come before a request's answer."""

TERMINAL: Final = frozenset({"done", "cancelled", "error"})
"""What ends a job."""


@dataclass(frozen=True)
class ArrayRule:
    """What an array must be: its dtype, the lowest and highest length of each axis, and whether it must be
    there.
    """

    dtype: str
    shape: tuple[tuple[int, int], ...]
    required: bool = True


_VERTICES: Final = (1, 1 << 24)
_SIDE: Final = (1, 1 << 12)
_NORMALS: Final = ArrayRule("uint8", (_SIDE, _SIDE, (3, 3)), required=False)

ARRAYS: Final[dict[str, dict[str, ArrayRule]]] = {
    "reconstruct": {
        "encoded": ArrayRule("uint8", ((1, 1 << 28),), required=False),
        "pixels": ArrayRule("uint8", ((1, 1 << 15), (1, 1 << 15), (3, 4)), required=False),
        "normals_front": _NORMALS,
        "normals_back": _NORMALS,
    },
    "preview": {
        "vertices": ArrayRule("float32", ((1, 1 << 18), (3, 3))),
        "faces": ArrayRule("int32", ((1, 1 << 19), (3, 3))),
        "colors": ArrayRule("uint8", ((1, 1 << 18), (4, 4))),
    },
    "done": {
        "vertices": ArrayRule("float32", (_VERTICES, (3, 3))),
        "faces": ArrayRule("int32", ((1, 1 << 25), (3, 4))),
        "colors": ArrayRule("uint8", (_VERTICES, (4, 4))),
        "normals_front": _NORMALS,
        "normals_back": _NORMALS,
    },
}


_LOADED: Final = {"preset", "sha256", "device"}


class Disconnected(Exception):
    """The peer is gone: its end of the connection is closed, or its process is."""


@dataclass(frozen=True)
class Message:
    """One checked message. `fields` and `arrays` hold what the tables allow for `type`, and nothing else."""

    type: str
    fields: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, npt.NDArray[Any]] = field(default_factory=dict)


def hello(*, details: bool = False, about: dict[str, Any] | None = None) -> Message:
    """This side's greeting."""
    fields = {"protocol": PROTOCOL, "program": VERSION, "capabilities": list(CAPABILITIES)}
    return Message("hello", {**fields, "details": details, "about": about or {}})


def failure(error: EngineError) -> Message:
    """The message that carries an error."""
    return Message("error", {"code": error.code, "text": error.text, "hint": error.hint})


def header(message: Message) -> dict[str, Any]:
    """The header of a message, but for its arrays."""
    patterns = sentences.described(message.fields)
    return {"type": message.type, **message.fields, **({"patterns": patterns} if patterns else {})}


def check_hello(message: Message, mine: str, theirs: str) -> None:
    """Raise EngineError("protocol") where the peer speaks another version; the sentence names both sides."""
    if message.type != "hello":
        _refuse("a {kind} message came before the hello", kind=message.type)
    protocol, program = message.fields["protocol"], message.fields["program"]
    if protocol != PROTOCOL:
        raise EngineError(
            "protocol",
            Sentence(
                "{mine} is version {version} (protocol {number}), but {theirs} is version {program} "
                "(protocol {protocol}).",
                mine=Sentence(mine),
                version=VERSION,
                number=PROTOCOL,
                theirs=Sentence(theirs),
                program=program,
                protocol=protocol,
            ),
            "Restart Blender; if it stays so, install the add-on again and set up its engine again.",
        )


def send(connection: Connection, message: Message) -> None:
    """Send a message. Raises EngineError("protocol") before the first byte where the tables forbid it, else
    Disconnected where the peer is gone. Not to be called by two threads at once.
    """
    _check_fields(message.type, message.fields)
    _check_depth(message.fields)
    described = []
    buffers = []
    for name, array in message.arrays.items():
        # Native order is little-endian on every machine Blender runs on, and the peer is on this machine.
        contiguous = np.ascontiguousarray(array)
        described.append({"name": name, "dtype": contiguous.dtype.name, "shape": list(contiguous.shape)})
        buffers.append(contiguous)
    _check_arrays(message.type, described)
    try:
        text = json.dumps({**header(message), "arrays": described}, allow_nan=False)
    except (TypeError, ValueError) as error:
        _refuse("a {kind} message holds what JSON cannot say: {error}", kind=message.type, error=error)
    encoded = text.encode()
    if len(encoded) > MAX_HEADER:
        _refuse(
            "the header of a {kind} message has {count} bytes, more than {most}",
            kind=message.type,
            count=len(encoded),
            most=MAX_HEADER,
        )
    try:
        connection.send_bytes(encoded)
        for buffer in buffers:
            connection.send_bytes(buffer.data.cast("B"))
    except OSError as error:
        raise Disconnected(str(error)) from error


def receive(connection: Connection) -> Message:
    """Wait for the next message. Raises EngineError("protocol") for one that the tables forbid,
    Disconnected when the peer is gone. A hello of another protocol version is returned with its versions
    only: see check_hello.
    """
    fields = _decode(_receive_frame(connection, MAX_HEADER))
    kind = fields.pop("type", None)
    if not isinstance(kind, str) or kind not in FIELDS:
        _refuse("a message of unknown type {kind} came", kind=f"{kind!r:.60}")
    if kind == "hello" and fields.get("protocol") != PROTOCOL:
        number, program = fields.get("protocol"), fields.get("program")
        # Both are put into a sentence, which must not be as long as a header may be.
        if type(number) is not int or not 0 <= number < 1 << 31:
            _refuse("a hello without a protocol version came")
        if type(program) is not str or len(program) > 40:
            _refuse("a hello without a program version came")
        return Message("hello", {"protocol": number, "program": program})
    described, patterns = fields.pop("arrays", None), fields.pop("patterns", None)
    _check_fields(kind, fields)
    arrays = {}
    for name, dtype, shape in _check_arrays(kind, described):
        size = math.prod(shape) * dtype.itemsize
        data = _receive_frame(connection, size)
        if len(data) != size:
            _refuse(
                "array {name} came with {count} bytes instead of {size}",
                name=name,
                count=len(data),
                size=size,
            )
        # A copy, so that the array is writable and keeps nothing else alive.
        arrays[name] = np.frombuffer(data, dtype).reshape(shape).copy()
    return Message(kind, sentences.restored(fields, patterns), arrays)


def _receive_frame(connection: Connection, limit: int) -> bytes:
    try:
        return connection.recv_bytes(limit)
    except EOFError as error:
        raise Disconnected("end of file") from error
    except OSError as error:
        # A frame over the limit is refused unread, and the connection then marks itself unreadable.
        if connection.closed or not connection.readable:
            _refuse("a frame of more than the allowed {limit} bytes came", limit=limit)
        raise Disconnected(str(error)) from error


def _decode(data: bytes) -> dict[str, Any]:
    try:
        header = json.loads(
            data.decode(),
            parse_float=_finite,
            parse_constant=_refuse_constant,
            object_pairs_hook=_without_second_keys,
        )
    except (ValueError, RecursionError):
        _refuse("a message that is not JSON came")
    if not isinstance(header, dict):
        _refuse("a message that is not a JSON object came")
    _check_depth(header)
    return header


def _check_depth(header: dict[str, Any]) -> None:
    level: list[Any] = [header]  # the parser itself keeps to some thousand levels
    for _ in range(MAX_DEPTH):
        inner = [item.values() if isinstance(item, dict) else item for item in level]
        level = [value for values in inner for value in values if isinstance(value, (dict, list))]
        if not level:
            return
    _refuse("a message of more than {most} levels came", most=MAX_DEPTH)


def _check_fields(kind: str, fields: dict[str, Any]) -> None:
    rules = FIELDS.get(kind)
    if rules is None or fields.keys() != rules.keys():
        _refuse("a {kind} message has the fields {fields}", kind=kind, fields=f"{sorted(fields)!r:.200}")
    for name, wanted in rules.items():
        # `type is`, because a bool is an int to isinstance. A Sentence is a text with a memory.
        found = str if isinstance(fields[name], Sentence) else type(fields[name])
        if found is not wanted:
            _refuse(
                "field {name} of a {kind} message is not of type {wanted}",
                name=name,
                kind=kind,
                wanted=wanted.__name__,
            )
    if kind == "progress":
        if fields["stage"] not in STAGES or not 0 <= fields["done"] <= fields["total"]:
            _refuse("progress {fields} is not possible", fields=f"{fields!r:.200}")
    elif kind == "error" and fields["code"] not in CODES:
        _refuse("an error of unknown code {code} came", code=f"{fields['code']!r:.60}")
    elif kind == "queued" and fields["place"] < 1:
        _refuse("the place {place} in the queue is not possible", place=f"{fields['place']!r:.60}")
    elif kind == "hello" and not all(isinstance(name, str) for name in fields["capabilities"]):
        _refuse("a hello with capabilities that are no names came")
    elif kind == "state":
        if min(fields[name] for name in ("resident", "device_memory", "waiting", "clients")) < 0:
            _refuse("the state {fields} is not possible", fields=f"{fields!r:.200}")
        if not all(isinstance(item, dict) and item.keys() == _LOADED for item in fields["weights"]):
            _refuse("a state with weights that are badly described came")


def _check_arrays(kind: str, described: Any) -> list[tuple[str, np.dtype[Any], tuple[int, ...]]]:
    rules = ARRAYS.get(kind, {})
    if not isinstance(described, list) or len(described) > len(rules):
        _refuse("a {kind} message lists arrays that it cannot have", kind=kind)
    checked: dict[str, tuple[str, np.dtype[Any], tuple[int, ...]]] = {}
    for item in described:
        if not isinstance(item, dict) or item.keys() != {"name", "dtype", "shape"}:
            _refuse("a {kind} message describes an array badly", kind=kind)
        name, dtype, shape = item["name"], item["dtype"], item["shape"]
        rule = rules.get(name) if isinstance(name, str) else None
        if rule is None or name in checked:
            _refuse(
                "a {kind} message has an unknown or a second array {name}", kind=kind, name=f"{name!r:.60}"
            )
        fits = (
            dtype == rule.dtype
            and isinstance(shape, list)
            and len(shape) == len(rule.shape)
            and all(
                type(n) is int and low <= n <= high
                for n, (low, high) in zip(shape, rule.shape, strict=True)
            )
        )
        if not fits or math.prod(shape) * np.dtype(rule.dtype).itemsize > MAX_ARRAY:
            _refuse(
                "array {name} of a {kind} message has dtype {dtype} and shape {shape}",
                name=name,
                kind=kind,
                dtype=f"{dtype!r:.20}",
                shape=f"{shape!r:.80}",
            )
        checked[name] = (name, np.dtype(rule.dtype).newbyteorder("<"), tuple(shape))
    missing = [name for name, rule in rules.items() if rule.required and name not in checked]
    if missing:
        _refuse("a {kind} message lacks {missing}", kind=kind, missing=missing)
    if kind == "reconstruct":
        if ("encoded" in checked) == ("pixels" in checked):
            _refuse("a reconstruct message needs one photo, as `encoded` or as `pixels`")
        if ("normals_front" in checked) != ("normals_back" in checked):
            _refuse("a reconstruct message has one normal map and lacks the other")
    return list(checked.values())


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):  # 1e999 is infinite to Python
        raise ValueError(text)
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _without_second_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key comes twice")
    return found


def _refuse(what: str, **values: object) -> NoReturn:
    raise EngineError(
        "protocol",
        Sentence("Blender and its engine misunderstood each other: {what}.", what=Sentence(what, **values)),
        "Restart Blender; if it happens again, report it with the engine's log.",
    )
