# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/protocol.md against the tables: what it tells of each message, its limits, the exchange it shows."""

import json
import re
import threading
from multiprocessing import Pipe
from pathlib import Path

import numpy as np
import pytest

from engine import protocol
from engine.errors import CODES, STAGES
from engine.sentences import Sentence
from engine.service import peer, server

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")


def section(kind: str) -> str:
    """What the page tells of a message."""
    found = re.search(rf"^### `{kind}`\n(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"the page tells nothing of {kind}"
    return found.group(1)


def exchange() -> list[tuple[str, str, str]]:
    """(client, arrow, frame) of each line of the exchange."""
    lines = PAGE.split("<!-- exchange: begin -->")[1].split("<!-- exchange: end -->")[0]
    return [tuple(line.split(" ", 2)) for line in lines.strip().strip("`").strip().splitlines()]


def test_every_message_is_told_of_and_no_other():
    told = re.findall(r"^### `(.*)`$", PAGE, re.MULTILINE)
    assert sorted(told) == sorted(protocol.FIELDS)


@pytest.mark.parametrize("kind", sorted(protocol.FIELDS))
def test_a_messages_fields_and_arrays_are_those_of_the_tables(kind):
    rows = [line.split(" | ") for line in section(kind).splitlines() if line.startswith("| `")]
    fields = {row[0].strip("| `"): row[1] for row in rows if "×" not in row[2] and ".." not in row[2][:4]}
    arrays = {row[0].strip("| `"): row[1:3] for row in rows if row[0].strip("| `") not in fields}
    assert fields == {name: wanted.__name__ for name, wanted in protocol.FIELDS[kind].items()}
    assert arrays.keys() == protocol.ARRAYS.get(kind, {}).keys()
    for name, (dtype, shape) in arrays.items():
        rule = protocol.ARRAYS[kind][name]
        axes = [f"{low}..{high}" if low != high else f"{low}" for low, high in rule.shape]
        assert (dtype, shape) == (rule.dtype, " × ".join(axes))


@pytest.mark.parametrize(
    "what, limit",
    [
        ("bytes of a header", protocol.MAX_HEADER),
        ("levels of a header", protocol.MAX_DEPTH),
        ("bytes of an array", protocol.MAX_ARRAY),
        ("requests that wait", protocol.MAX_WAITING),
        ("clients", server.MOST_CLIENTS),
        ("connections, greeted or not", server.MOST_CONNECTIONS),
        ("messages that wait to be read by a client", peer.MOST_UNSENT),
        ("seconds for the handshake", round(peer.GREET_SECONDS)),
        ("seconds in which a cancelled job must heed it", round(server.HEED_SECONDS)),
    ],
)
def test_the_limits_are_those_of_the_code(what, limit):
    assert f"| {what} | {limit} |" in PAGE


def test_codes_stages_capabilities_and_the_times_of_a_send_are_those_of_the_code():
    codes = PAGE.split("Codes: ")[1].split(".")[0]
    assert set(re.findall("`(.*?)`", codes)) == CODES
    assert ", ".join(f"`{stage}`" for stage in STAGES) in section("progress")
    listed = re.search("Those of this version are (.*?);", PAGE, re.DOTALL).group(1)
    assert tuple(re.findall("`(.*?)`", listed)) == protocol.CAPABILITIES
    slow = f"{round(peer.SEND_SECONDS)}, and one for each {round(peer.SLOWEST / 1000)} kB of it"
    assert f"| seconds for a message to be read | {slow} |" in PAGE
    assert PAGE.startswith(f"# The protocol between Blender and its engine, version {protocol.PROTOCOL}\n")


def test_the_exchange_is_what_the_protocol_lets_through():
    here, there = Pipe(duplex=True)
    kinds, told = set(), set()
    lines = exchange()
    with here, there:
        while lines:
            client, arrow, frame = lines.pop(0)
            here.send_bytes(frame.encode())
            sizes = []
            for described in json.loads(frame)["arrays"]:
                sizes.append(int(np.prod(described["shape"])) * np.dtype(described["dtype"]).itemsize)
                assert lines.pop(0) == (client, arrow, f"{sizes[-1]} bytes")
            received = heard(here, there, sizes)
            kinds.add(received.type)
            told |= {text.pattern for text in received.fields.values() if isinstance(text, Sentence)}
    assert kinds == protocol.FIELDS.keys(), "run docs/exchange.py again"
    assert "The resolution {resolution} is not one of 64, 96, ... 1024." in told


def heard(here, there, sizes):
    """The message that arrives after its header; its arrays are sent as zeros."""
    outcome = []
    reader = threading.Thread(target=lambda: outcome.append(protocol.receive(there)))
    reader.start()
    for size in sizes:
        here.send_bytes(bytes(size))
    reader.join()
    return outcome[0]


def test_each_client_of_the_exchange_greets_first_and_its_jobs_end_once():
    for client in ("A", "B"):
        headers = [
            (arrow, json.loads(frame)["type"])
            for name, arrow, frame in exchange()
            if name == client and frame.startswith("{")
        ]
        assert headers[:2] == [("->", "hello"), ("<-", "hello")]
        asked = sum(kind == "reconstruct" for _, kind in headers)
        assert asked == sum(kind in protocol.TERMINAL for _, kind in headers) > 0
