# SPDX-License-Identifier: GPL-3.0-or-later
"""Cancelling in the real engine: answered at once at any stage, the engine free, memory as before."""

import sys
import time

import pytest

from benchmarks.cancelling import ending, state
from engine import protocol
from engine.errors import STAGES
from engine.process import EngineProcess
from engine.protocol import Message
from tests.engine.seeing_weights import cut_out
from tests.engine.staged import stage_engine
from tests.link.processes import wait_until

PROMISE = 0.5  # seconds in which a cancel is answered, on CPU with `compact`
SMALL = {"resolution": 64, "device": "cpu"}
BEGUN = STAGES[:-1]  # with the last one, `transfer`, the job is done


@pytest.fixture(scope="module")
def link(tmp_path_factory: pytest.TempPathFactory):
    """The bare connection of an engine that has loaded nothing yet."""
    folder = tmp_path_factory.mktemp("extension")
    stage_engine(folder)
    engine = EngineProcess(sys.executable, folder, log=folder / "engine.log")
    yield engine.ensure()._connection
    engine.stop()


def begin(link):
    protocol.send(link, Message("reconstruct", {"settings": SMALL, "preview": False}, {"pixels": cut_out()}))


def cancel_when(link, stage):
    """Cancel a job when a stage of it begins; return how it ended and how long the answer took."""
    begin(link)
    while protocol.receive(link).fields.get("stage") != stage:
        pass
    began = time.monotonic()
    protocol.send(link, Message("cancel"))
    return ending(link), time.monotonic() - began


def heeded(link):
    """Whether the engine gets free."""
    return wait_until(lambda: not state(link)["running"])


@pytest.mark.parametrize("stage", BEGUN)  # the first one cancels while PyTorch is being loaded
def test_a_cancel_is_answered_at_once_at_any_stage_and_frees_the_engine(link, stage):
    end, seconds = cancel_when(link, stage)
    assert end == "cancelled"
    assert seconds < 3 * PROMISE
    assert heeded(link)


def test_twenty_cancels_in_a_row_leave_memory_where_it_was(link):
    for stage in BEGUN:  # what each stage loads and keeps for good
        cancel_when(link, stage)
    assert heeded(link)
    before = state(link)["resident"]
    for number in range(20):
        assert cancel_when(link, BEGUN[number % len(BEGUN)])[0] == "cancelled"
    assert heeded(link)
    # Free memory goes back to the system just after the engine is free.
    assert wait_until(lambda: state(link)["resident"] - before < 50 << 20)


def test_the_job_after_many_cancelled_ones_is_done(link):
    begin(link)
    assert ending(link) == "done"
