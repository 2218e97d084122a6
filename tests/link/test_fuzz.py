# SPDX-License-Identifier: GPL-3.0-or-later
"""A bounded run of the fuzz harness, and that it would notice what it looks for."""

from random import Random

import pytest

from engine import protocol
from tests.link import fuzz
from tests.link.mutations import MOST_BYTES, mutated_stream

CASES = 20_000
"""About ten seconds; 200,000 are run by hand: see docs/security.md."""


def test_mutated_frames_and_handshakes_break_nothing(package_folder):
    outcomes = fuzz.run(package_folder, CASES, seed=20).outcomes
    assert outcomes.total() == CASES
    # Both doors were tried, and most of what was tried is not what the tables allow.
    assert outcomes["handshake: without the key"] > CASES / 20
    assert outcomes["frame to the engine: refused"] > CASES / 20
    assert outcomes["frame here: refused"] > outcomes["frame here: arrived"] > CASES / 50


def test_the_same_seed_gives_the_same_cases():
    one, again, other = ([mutated_stream(Random(seed)) for _ in range(3)] for seed in (1, 1, 2))
    assert one == again != other
    assert all(len(stream) <= MOST_BYTES for stream in one)


def test_an_error_that_is_not_of_the_protocol_is_found(monkeypatch, package_folder):
    check = protocol._check_depth

    def defect(header):
        check(header)
        if header.get("type") == "state":  # which the client beside the cases never gets
            raise KeyError("a defect")

    monkeypatch.setattr(protocol, "_check_depth", defect)
    with pytest.raises(fuzz.Broken, match="a defect"):
        fuzz.run(package_folder, 200, seed=1)


def test_an_error_that_ends_a_thread_of_the_engine_is_found(tmp_path):
    folder = fuzz.stage_link(tmp_path)
    module = folder / "engine" / "protocol.py"
    text = module.read_text()
    refusal = 'raise EngineError(\n        "protocol",\n        Sentence("Blender and its engine'
    assert refusal in text
    module.write_text(text.replace(refusal, refusal.replace("EngineError", "LookupError")))
    with pytest.raises(fuzz.Broken, match=r"not handled|was not turned away"):
        fuzz.run(folder, 100, seed=1)
