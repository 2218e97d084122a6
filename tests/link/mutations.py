# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages that are almost right: what the protocol's tables allow, changed in one to three places.

Everything is drawn from a random.Random, so that a seed gives the same cases again.
"""

import json
import math
import pickle
import struct
from collections.abc import Callable
from copy import deepcopy
from multiprocessing.connection import answer_challenge
from random import Random
from typing import Any

from engine import protocol
from engine.errors import CODES, STAGES

MOST_BYTES = 1 << 16
"""Of one case in process: more would not fit into the socket's buffer, which nobody reads meanwhile."""

HOSTILE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63) - 1, 2**64, 10**400, 0.5, -0.0, 1e308, math.nan,
    math.inf, -math.inf, "", "\0", "\ud800", "\u202e", "é" * 50, "a" * 2000, "%s%n{0.__class__}",
    "../../etc/passwd", "/dev/zero", "float32", "object", "O", ">f4", [], {}, [[]], [1, 2, 3], [-1, 3],
    [4, -3], [2**31, 2**31], [1 << 15, 1 << 15, 4], [4.0, 3], [True, 3], {"__class__": "Message"},
    {"": {"": {"": []}}},
)  # fmt: skip

TOKENS = (
    b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"9" * 400, b"9" * 5000, b"-0", b"1.0", b"0x10",
    b"01", b"[" * 17 + b"]" * 17, b"[" * 3000, b"[" * 3000 + b"]" * 3000, b'{"a":' * 400 + b"1" + b"}" * 400,
    b'"\\ud800"', b'"\xff"', b'"\\u0000"', b"\x00", b"", b'"type"', b"null", b"//", b'{"arrays": []}',
)  # fmt: skip

Mutation = Callable[[Random, dict[str, Any], list[bytes]], None]


def example(random: Random) -> tuple[dict[str, Any], list[bytes]]:
    """A header that the tables allow, of any type, and the bytes of its arrays."""
    kind = random.choice(sorted(protocol.FIELDS))
    header: dict[str, Any] = {"type": kind}
    for name, wanted in protocol.FIELDS[kind].items():
        header[name] = _value(random, wanted)
    total = random.choice([1, 7, 2**62])
    allowed = {
        "hello": dict(protocol.hello().fields),
        "progress": {"stage": random.choice(STAGES), "done": random.randint(0, total), "total": total},
        "error": {"code": random.choice(sorted(CODES))},
        "queued": {"place": random.randint(1, 9)},
        "state": {"weights": []},
    }
    header |= allowed.get(kind, {})
    rules = protocol.ARRAYS.get(kind, {})
    names = [name for name, rule in rules.items() if rule.required or random.random() < 0.3]
    if kind == "reconstruct":
        names = [random.choice(sorted(rules))]
    header["arrays"] = []
    buffers = []
    for name in names:
        rule = rules[name]
        shape = [random.randint(low, min(high, low + 12)) for low, high in rule.shape]
        header["arrays"].append({"name": name, "dtype": rule.dtype, "shape": shape})
        buffers.append(random.randbytes(math.prod(shape) * (1 if rule.dtype == "uint8" else 4)))
    if random.random() < 0.3:
        inner = {"pattern": "{b}x", "values": {"b": "e"}}
        header["patterns"] = {"text": {"pattern": "t{a}t", "values": {"a": inner}}}
    return header, buffers


def _value(random: Random, wanted: type) -> Any:
    if wanted is dict:
        return random.choice([{}, {"height": 1.8, "box": [1, 2, 3, 4]}, {"a": {"b": [None, True, "ü"]}}])
    return {int: random.randint(0, 9), str: "text", bool: random.random() < 0.5, list: []}[wanted]


def mutated_stream(random: Random) -> bytes:
    """The bytes of one message with one to three mutations, as they go over the socket."""
    header, buffers = example(random)
    for _ in range(random.randint(0, 2)):
        random.choice(MUTATIONS)(random, header, buffers)
    text = json.dumps(header).encode()
    if random.random() < 0.5:
        text = random.choice(TEXT_MUTATIONS)(random, text)
    frames = [framed(random, data) for data in (text, *buffers)]
    stream = b"".join(frames)[:MOST_BYTES]
    return stream[: random.randrange(len(stream) + 1)] if random.random() < 0.15 else stream


def framed(random: Random, data: bytes) -> bytes:
    """A frame; one in ten announces a length that is not its own."""
    size = len(data)
    if random.random() < 0.9:
        return struct.pack("!i", size) + data
    lies = [0, 1, size - 1, size + 1, 2 * size, 1 << 20, (1 << 20) + 1, 1 << 29, 2**31 - 1, -2, -(2**31)]
    if random.random() < 0.3:
        return struct.pack("!iQ", -1, random.choice([size, 0, 1 << 29, 1 << 40, 2**64 - 1])) + data
    return struct.pack("!i", max(random.choice(lies), -(2**31))) + data


def _hostile(random: Random) -> Any:
    return deepcopy(random.choice(HOSTILE))  # a copy, which later mutations may change


def _replace(random: Random, header: dict[str, Any], buffers: list[bytes]) -> None:
    inner, key = random.choice(_places(header))
    inner[key] = _hostile(random)


def _remove(random: Random, header: dict[str, Any], buffers: list[bytes]) -> None:
    inner, key = random.choice(_places(header))
    del inner[key]


def _add(random: Random, header: dict[str, Any], buffers: list[bytes]) -> None:
    inner, _ = random.choice(_places(header))
    name = random.choice(["settings", "type", "also", "", "__proto__", "é"])
    if isinstance(inner, dict):
        inner[name] = _hostile(random)
    else:
        inner.append(_hostile(random))


def _another_type(random: Random, header: dict[str, Any], buffers: list[bytes]) -> None:
    header["type"] = random.choice([*sorted(protocol.FIELDS), "eval", "HELLO", "hello\0"])


def _describe_again(random: Random, header: dict[str, Any], buffers: list[bytes]) -> None:
    arrays = header.get("arrays")
    if isinstance(arrays, list) and arrays:
        arrays.append(deepcopy(random.choice(arrays)))
    else:
        shape = [random.choice([0, 1, 3, -1, 1 << 28, 1 << 62]) for _ in range(random.randint(0, 3))]
        header["arrays"] = [{"name": "encoded", "dtype": "uint8", "shape": shape}]


def _deepen(random: Random, header: dict[str, Any], buffers: list[bytes]) -> None:
    inner, key = random.choice(_places(header))
    for _ in range(random.choice([1, 8, 15, 16, 40, 300])):
        inner[key] = [inner[key]] if random.random() < 0.5 else {"a": inner[key]}


def _spoil_array(random: Random, header: dict[str, Any], buffers: list[bytes]) -> None:
    if not buffers:
        buffers.append(random.randbytes(random.randint(0, 99)))
        return
    place = random.randrange(len(buffers))
    data = buffers[place]
    no_number = b"\x00\x00\xc0\x7f" * (len(data) // 4)
    choices = [data[:-1], data + b"x", b"", data * 2, b"\xff" * len(data), no_number]
    buffers[place] = random.choice(choices)
    if random.random() < 0.2:
        del buffers[place]


MUTATIONS: tuple[Mutation, ...] = (
    _replace, _replace, _remove, _add, _another_type, _describe_again, _deepen, _spoil_array,
)  # fmt: skip


def _places(header: dict[str, Any]) -> list[tuple[Any, Any]]:
    """Every (object or list, key) within a header, the header's own among them; never none."""
    found: list[tuple[Any, Any]] = []
    waiting: list[Any] = [header]
    while waiting:
        inner = waiting.pop()
        keys = list(inner) if isinstance(inner, dict) else range(len(inner))
        for key in keys:
            found.append((inner, key))
            if isinstance(inner[key], (dict, list)):
                waiting.append(inner[key])
    if not found:
        header["type"] = "cancel"
        found.append((header, "type"))
    return found


def _flip(random: Random, text: bytes) -> bytes:
    place = random.randrange(len(text))
    return text[:place] + bytes([text[place] ^ (1 << random.randrange(8))]) + text[place + 1 :]


def _insert(random: Random, text: bytes) -> bytes:
    place = random.randrange(len(text) + 1)
    return text[:place] + random.choice(TOKENS) + text[place:]


def _put_for_a_value(random: Random, text: bytes) -> bytes:
    """A token that json.dumps would never write, in the place of a value."""
    colons = [place for place, byte in enumerate(text) if byte == ord(":")]
    if not colons:
        return random.choice(TOKENS)
    begin = random.choice(colons) + 1
    ends = [place for place in range(begin, len(text)) if text[place] in b",}]"]
    return text[:begin] + random.choice(TOKENS) + text[ends[0] if ends else begin :]


def _second_key(random: Random, text: bytes) -> bytes:
    name = random.choice([b"type", b"arrays", b"settings", b"protocol"])
    return text[:-1] + b', "' + name + b'": ' + random.choice([b"{}", b"[]", b'"shutdown"']) + b"}"


def _cut(random: Random, text: bytes) -> bytes:
    return text[: random.randrange(len(text))]


def _foreign(random: Random, text: bytes) -> bytes:
    return random.choice([
        b"", b"[1]", b"null", b"\xef\xbb\xbf" + text, text.decode().encode("utf-16"),
        pickle.dumps({"type": "done"}), b"GET / HTTP/1.1\r\n\r\n", random.randbytes(40),
        text + text, b" " * 5000 + text,
    ])  # fmt: skip


TEXT_MUTATIONS = (_flip, _insert, _put_for_a_value, _put_for_a_value, _second_key, _cut, _foreign)


class _Recorder:
    """What answer_challenge takes for a connection: it hears one challenge and is welcome."""

    def __init__(self, challenge: bytes) -> None:
        self._heard = [challenge, b"#WELCOME#"]
        self.said = b""

    def recv_bytes(self, limit: int) -> bytes:
        return self._heard.pop(0)

    def send_bytes(self, data: bytes) -> None:
        self.said = data


def answer_to(challenge: bytes, key: bytes) -> bytes:
    """What proves the possession of a key, in the way of this version of Python."""
    recorder = _Recorder(challenge)
    answer_challenge(recorder, key)  # type: ignore[arg-type]
    return recorder.said


def wrong_answer(random: Random, challenge: bytes, right: bytes, recorded: bytes) -> bytes:
    """A frame that answers a challenge without the key. right: what would be right; only spoilt versions of
    it are sent. recorded: the right answer to another challenge.
    """
    place = random.randrange(len(right))
    answers = [
        random.randbytes(16), random.randbytes(len(right)), b"", right[:place], right + b"\0", recorded,
        right[:place] + bytes([right[place] ^ 1]) + right[place + 1 :], challenge, challenge[11:],
        b"#WELCOME#", b"#FAILURE#", answer_to(challenge, bytes(32)), answer_to(challenge, b""),
        b"{sha256}", b"{md5}" * 9,
        random.randbytes(256), random.randbytes(257), random.randbytes(5000), pickle.dumps({}),
        json.dumps({"type": "hello", **protocol.hello().fields, "arrays": []}).encode(),
    ]  # fmt: skip
    answer = random.choice(answers)
    kind = random.random()
    if kind < 0.7:
        return struct.pack("!i", len(answer)) + answer
    if kind < 0.85:
        size = random.choice([257, 1 << 20, 1 << 29, 2**31 - 1, -2, -(2**31), len(answer) + 5])
        return struct.pack("!i", size) + answer
    if kind < 0.9:
        return struct.pack("!iQ", -1, random.choice([0, 257, 1 << 40, 2**64 - 1])) + answer
    return (struct.pack("!i", len(answer)) + answer)[: random.randrange(4 + len(answer))]


def wrong_challenge(random: Random, theirs: bytes) -> bytes:
    """A frame that a client with the key sends for a challenge of its own, and that is none."""
    data = random.choice([
        b"", b"#CHALLENGE", b"#challenge#" + random.randbytes(20), theirs[1:], random.randbytes(256),
        b"#WELCOME#", random.randbytes(300), b"#CHALLENGE#", b"#CHALLENGE#{rot13}" + random.randbytes(20),
    ])  # fmt: skip
    return struct.pack("!i", len(data)) + data
