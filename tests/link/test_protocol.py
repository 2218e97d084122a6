# SPDX-License-Identifier: GPL-3.0-or-later
"""The wire format: what goes through unchanged, and that nothing else goes through."""

import json
import re
from multiprocessing import Pipe

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import protocol
from engine.errors import CODES, STAGES, EngineError
from engine.protocol import Disconnected, Message
from engine.sentences import Sentence, listed

MESH = {
    "vertices": np.arange(12, dtype=np.float32).reshape(4, 3),
    "faces": np.array([[0, 1, 2], [1, 2, 3]], np.int32),
    "colors": np.full((4, 4), 200, np.uint8),
}
PLAIN = {"settings": {}, "preview": False}
HEIGHT = {"settings": {"height": 1.8}, "preview": True}
STATE = {
    "device": "cpu",
    "resident": 1 << 33,
    "device_memory": 0,
    "weights": [{"preset": "compact", "sha256": "0" * 64, "device": "cpu"}],
    "running": True,
    "waiting": 2,
    "clients": 3,
}
EXAMPLES = [
    protocol.hello(),
    protocol.hello(details=True, about={"device": "cpu"}),
    Message("reconstruct", HEIGHT, {"encoded": np.frombuffer(b"JPEG", np.uint8)}),
    Message("reconstruct", PLAIN, {"pixels": np.zeros((5, 7, 4), np.uint8)}),
    Message("queued", {"place": 3}),
    Message("progress", {"stage": "surface", "done": 3, "total": 9, "unit": "points"}),
    Message("preview", {"info": {"people": [[1.0, 2.0, 3.0, 4.0]]}}, MESH),
    Message("done", {"info": {"crop": {"x": 1.5, "side": 9}, "warnings": ["a", "ü"]}}, MESH),
    Message("done", {"info": {}}, {**MESH, "normals_front": np.ones((6, 6, 3), np.uint8)}),
    Message("cancelled"),
    protocol.failure(EngineError("no_person", "Nobody.", "Look.")),
    Message("cancel"),
    Message("status"),
    Message("unload"),
    Message("state", STATE),
    Message("shutdown"),
]


@pytest.fixture
def ends():
    here, there = Pipe(duplex=True)
    yield here, there
    here.close()
    there.close()


def loud(pattern):
    """A language that has the English words in capitals."""
    return re.sub(r"(?<![{a-z])[A-Za-z]+", lambda word: word[0].upper(), pattern)


def test_an_error_and_a_warning_can_be_translated_at_the_other_end(ends):
    text = Sentence("{picture} is empty.", picture=Sentence("The picture {file}", file="{file}.png"))
    warning = Sentence("It reaches the border ({sides}).", sides=listed([Sentence("left"), "top"], ", "))
    done = Message("done", {"info": {"warnings": [warning, "Plain."]}}, MESH)
    for message in (protocol.failure(EngineError("bad_image", text, "Choose another.")), done):
        protocol.send(ends[0], message)
    received, mesh = protocol.receive(ends[1]), protocol.receive(ends[1])
    error = EngineError(**received.fields)
    assert str(error) == "The picture {file}.png is empty. Choose another."
    assert error.text.translated(loud) == "THE PICTURE {file}.png IS EMPTY."
    said, plain = mesh.fields["info"]["warnings"]
    assert said == "It reaches the border (left, top)."
    assert type(plain) is str
    assert said.translated(loud) == "IT REACHES THE BORDER (LEFT, top)."


@pytest.mark.parametrize(
    "patterns",
    [
        [],
        "t",
        {"t": "t"},
        {"t": None},
        {"t": {"pattern": "t"}},
        {"t": {"pattern": "t", "values": {}, "more": 1}},
        {"t": {"pattern": ["t"], "values": {}}},
        {"t": {"pattern": "{a}", "values": ["t"]}},
        {"t": {"pattern": "{a}", "values": {"a": 1}}},
        {"t": {"pattern": "{a}", "values": {"a": {"pattern": "t"}}}},
        {"t": {"pattern": "{a}", "values": {"a": "another text"}}},
        {"t": {"pattern": "{a}{a}", "values": {"a": "t"}}},
        {"t": {"pattern": "{a.__class__}", "values": {"a": "t"}}},
        {"t": {"pattern": "{a:>99999999999}", "values": {"a": "t"}}},
        {"t": {"pattern": "{a!r}", "values": {"a": "t"}}},
        {"t": {"pattern": "t", "values": {"b": "t"}}},
    ],
)
def test_patterns_that_do_not_make_the_text_leave_it_as_it_is(ends, patterns):
    header = {"type": "error", "code": "io", "text": "t", "hint": "h", "arrays": [], "patterns": patterns}
    ends[0].send_bytes(json.dumps(header).encode())
    received = protocol.receive(ends[1])
    assert received.fields == {"code": "io", "text": "t", "hint": "h"}
    assert type(received.fields["text"]) is str


def refused(ends, header, *frames):
    """The sentence with which a hand-made message is refused."""
    here, there = ends
    here.send_bytes(header if isinstance(header, bytes) else json.dumps(header).encode())
    for frame in frames:
        here.send_bytes(frame)
    with pytest.raises(EngineError) as caught:
        protocol.receive(there)
    assert caught.value.code == "protocol"
    return caught.value.text


def described(name, dtype, *shape):
    return {"name": name, "dtype": dtype, "shape": list(shape)}


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: message.type)
def test_a_message_arrives_as_it_was_sent(ends, message):
    here, there = ends
    protocol.send(here, message)
    arrived = protocol.receive(there)
    assert (arrived.type, arrived.fields) == (message.type, message.fields)
    assert arrived.arrays.keys() == message.arrays.keys()
    for name, array in message.arrays.items():
        np.testing.assert_array_equal(arrived.arrays[name], array)
        assert arrived.arrays[name].dtype == array.dtype
        assert arrived.arrays[name].flags.writeable


def test_every_message_has_an_example():
    assert {message.type for message in EXAMPLES} == protocol.FIELDS.keys()


def test_arrays_of_any_layout_arrive(ends):
    here, there = ends
    turned = np.arange(24, dtype=np.uint8).reshape(4, 2, 3).transpose(1, 0, 2)[:, ::-1]
    protocol.send(here, Message("reconstruct", PLAIN, {"pixels": turned}))
    np.testing.assert_array_equal(protocol.receive(there).arrays["pixels"], turned)


PHOTO = (described("encoded", "uint8", 8),)
PHOTO_TWICE = (*PHOTO, described("pixels", "uint8", 4, 4, 3))


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"\x80\x04N.",
        b"[1]",
        b"NaN",
        b"[" * 100_000,
        b"\xff\xfe",
        {"type": "eval", "arrays": []},
        {"type": ["hello"], "arrays": []},
        {"type": "cancel"},
        {"type": "cancel", "arrays": {}},
        {"type": "cancel", "arrays": [], "also": 1},
        {"type": "cancel", "arrays": [described("vertices", "float32", 1, 3)]},
        {"type": "hello", "protocol": "1"},
        {"type": "hello", "protocol": True, "program": "x"},
        {"type": "hello", "protocol": -1, "program": "x"},
        {"type": "hello", "protocol": 10**4000, "program": "x"},
        {"type": "hello", "protocol": 7, "program": "x" * 100_000},
        json.dumps({"type": "hello", **protocol.hello().fields, "arrays": []})
        .replace("{}", '{"a": 1e999}')
        .encode(),
        {"type": "hello", "protocol": protocol.PROTOCOL, "program": "x", "arrays": []},
        {"type": "progress", "stage": "surface", "done": 2, "total": 1, "unit": "p", "arrays": []},
        {"type": "progress", "stage": "surface", "done": -1, "total": 1, "unit": "p", "arrays": []},
        {"type": "progress", "stage": "surface", "done": True, "total": 1, "unit": "p", "arrays": []},
        {"type": "progress", "stage": "lunch", "done": 0, "total": 1, "unit": "p", "arrays": []},
        {"type": "error", "code": "odd", "text": "t", "hint": "h", "arrays": []},
        {"type": "queued", "place": 0, "arrays": []},
        {"type": "queued", "place": -(10**4000), "arrays": []},
        {"type": "reconstruct", "settings": {}, "arrays": [described("encoded", "uint8", 8)]},
        {"type": "state", **STATE, "waiting": -1, "arrays": []},
        {"type": "state", **STATE, "weights": [{"preset": "compact"}], "arrays": []},
        {"type": "state", **STATE, "weights": ["compact"], "arrays": []},
        {"type": "hello", **protocol.hello().fields, "capabilities": [1], "arrays": []},
        {"type": "preview", "info": {}, "arrays": [described("vertices", "float32", 1 << 20, 3)]},
        b'{"type": "cancel", "type": "shutdown", "arrays": []}',
        b'{"type": "cancel", "arrays": [], "a": ' + b"[" * 17 + b"]" * 17 + b"}",
        {"type": "reconstruct", **PLAIN, "arrays": []},
        {"type": "reconstruct", **PLAIN, "arrays": [described("pixels", "uint8", 4, 4, 5)]},
        {"type": "reconstruct", **PLAIN, "arrays": [described("pixels", "float64", 4, 4, 3)]},
        {"type": "reconstruct", **PLAIN, "arrays": [described("pixels", "uint8", 4, 4)]},
        {"type": "reconstruct", **PLAIN, "arrays": [described("pixels", "uint8", 4, 4.0, 3)]},
        {
            "type": "reconstruct",
            **PLAIN,
            "arrays": [described("pixels", "uint8", 1 << 15, 1 << 15, 4)],
        },
        {"type": "reconstruct", **PLAIN, "arrays": [described("encoded", "uint8", 0)]},
        {"type": "reconstruct", **PLAIN, "arrays": [described("encoded", "uint8", -8)]},
        {"type": "reconstruct", **PLAIN, "arrays": ["encoded"]},
        {"type": "reconstruct", **PLAIN, "arrays": [*PHOTO_TWICE]},
        {"type": "reconstruct", **PLAIN, "arrays": [*PHOTO, described("normals_back", "uint8", 8, 8, 3)]},
        {
            "type": "reconstruct",
            **PLAIN,
            "arrays": [described(name, "uint8", 8, 8, 3) for name in ("normals_front", "normals_back")],
        },
        {"type": "reconstruct", **PLAIN, "arrays": [{"name": "encoded"}]},
        {"type": "reconstruct", **PLAIN, "arrays": [described(["encoded"], "uint8", 8)]},
        {"type": "done", "info": {}, "arrays": [described("vertices", "float32", 1 << 50, 3)]},
        {"type": "done", "info": {}, "arrays": [described("vertices", "object", 1, 3)]},
        {"type": "done", "info": {}, "arrays": [described("vertices", "float32", 1, 3)] * 2},
        {"type": "done", "info": {}, "arrays": [described("colors", "uint8", 1, 4)] * 9},
    ],
    ids=lambda header: str(header)[:70],
)
def test_what_the_tables_forbid_is_refused(ends, header):
    assert "misunderstood" in refused(ends, header)


def test_a_header_over_the_limit_is_refused_unread(ends):
    assert f"{protocol.MAX_HEADER} bytes" in refused_while_sending(ends, protocol.MAX_HEADER + 1)


def refused_while_sending(ends, size):
    # Only the frame's announced size is sent: that alone must be enough to refuse it.
    here, there = ends
    here._send(size.to_bytes(4, "big"))
    with pytest.raises(EngineError) as caught:
        protocol.receive(there)
    return caught.value.text


@pytest.mark.parametrize("size, reason", [(3, "3 bytes instead of 4"), (5, "allowed 4 bytes")])
def test_an_array_of_another_size_than_announced_is_refused(ends, size, reason):
    header = {"type": "reconstruct", **PLAIN, "arrays": [described("encoded", "uint8", 4)]}
    assert reason in refused(ends, header, bytes(size))


@pytest.mark.parametrize(
    "message",
    [
        Message("progress", {"stage": "surface", "done": np.int64(1), "total": 2, "unit": "points"}),
        Message("done", {"info": {"x": float("nan")}}, MESH),
        Message("done", {"info": {"x": {1, 2}}}, MESH),
        Message("done", {"info": {"x": "y" * protocol.MAX_HEADER}}, MESH),
        Message("done", {"info": {}}, {**MESH, "faces": MESH["faces"].astype(np.int64)}),
        Message("done", {"info": {}}, {**MESH, "vertices": MESH["vertices"][:0]}),
        Message("done", {"info": {}}, {"vertices": MESH["vertices"]}),
        Message("unknown"),
    ],
)
def test_what_the_tables_forbid_is_not_even_begun(ends, message):
    here, there = ends
    with pytest.raises(EngineError):
        protocol.send(here, message)
    assert not there.poll(0)


def test_a_hello_of_any_later_shape_names_both_versions(ends):
    here, there = ends
    future = {"type": "hello", "protocol": 7, "program": "9.1.0", "cats": [1], "arrays": "none"}
    here.send_bytes(json.dumps(future).encode())
    with pytest.raises(EngineError) as caught:
        protocol.check_hello(protocol.receive(there), "The add-on", "its engine")
    assert caught.value.code == "protocol"
    for part in (
        "The add-on",
        protocol.VERSION,
        f"protocol {protocol.PROTOCOL}",
        "its engine",
        "9.1.0",
        "protocol 7",
    ):
        assert part in caught.value.text
    assert caught.value.text.count(". ") == 0


def test_anything_before_the_hello_is_refused():
    with pytest.raises(EngineError, match="before the hello"):
        protocol.check_hello(Message("cancel"), "The engine", "the add-on")


def test_a_peer_that_is_gone_is_told_from_one_that_errs(ends):
    here, there = ends
    there.close()
    with pytest.raises(Disconnected):
        protocol.receive(here)
    with pytest.raises(Disconnected):
        protocol.send(here, Message("cancel"))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
headers = st.fixed_dictionaries(
    {"type": st.sampled_from(sorted(protocol.FIELDS)), "arrays": json_values},
    optional={name: json_values for rules in protocol.FIELDS.values() for name in rules},
)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=64) | headers.map(lambda header: json.dumps(header).encode()))
def test_no_header_does_anything_but_arrive_or_be_refused(data):
    here, there = Pipe(duplex=True)
    with here, there:
        here.send_bytes(data)
        here.close()
        outcome = "arrived"
        try:
            protocol.receive(there)
        except EngineError as error:
            outcome = error.code
        except Disconnected:
            outcome = "announced an array that never came"
        assert outcome in ("arrived", "protocol", "announced an array that never came")


@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from(STAGES),
    st.integers(0, 2**62),
    st.integers(0, 2**62),
    st.text(max_size=20),
    st.sampled_from(sorted(CODES)),
)
def test_any_progress_and_error_survives_the_wire(stage, one, other, text, code):
    here, there = Pipe(duplex=True)
    with here, there:
        fields = {"stage": stage, "done": min(one, other), "total": max(one, other), "unit": text}
        for message in (Message("progress", fields), protocol.failure(EngineError(code, text, text))):
            protocol.send(here, message)
            assert protocol.receive(there) == message
