# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/protocol.md names every message with its fields and arrays; its exchange is an allowed one."""

import json
import re
from pathlib import Path

import pytest

from engine import protocol

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
ROWS = {
    found[1]: (found[2], found[3])
    for found in re.finditer(r"^\| `(\w+)` \| \w+ \|(.*?)\|(.*?)\|", PAGE, flags=re.MULTILINE)
}


def test_every_message_and_no_other_has_a_row():
    assert set(ROWS) == set(protocol.FIELDS)


@pytest.mark.parametrize("kind", protocol.FIELDS)
def test_a_row_names_all_fields_and_arrays(kind):
    fields, arrays = ROWS[kind]
    words = set(re.findall(r"`(\w+)`", fields + arrays))
    assert protocol.FIELDS[kind].keys() | protocol.ARRAYS.get(kind, {}).keys() <= words


def test_the_limits_are_those_of_the_tables():
    for value in (f"at most {protocol.MAX_HEADER >> 20} MiB", f"{protocol.MAX_DEPTH} levels"):
        assert value in PAGE
    assert f"array at most {protocol.MAX_ARRAY >> 20} MiB" in PAGE
    assert f"{protocol.MAX_WAITING} wait" in PAGE


def test_the_exchange_is_one_that_the_tables_allow():
    headers = [json.loads(line[2:]) for line in PAGE.splitlines() if re.match(r"[<>] \{", line)]
    kinds = [header.pop("type") for header in headers]
    assert kinds[:3] == ["hello", "hello", "reconstruct"]
    assert kinds[-1] == "shutdown"
    assert {"preview", "done", "state"} <= set(kinds)
    for kind, header in zip(kinds, headers, strict=True):
        assert header.keys() == protocol.FIELDS[kind].keys()
