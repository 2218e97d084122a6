# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmarks' watch: whose the seconds and the bytes are."""

import tracemalloc

import numpy as np
import pytest
import torch

from benchmarks import stopwatch
from benchmarks.stopwatch import Resident, Stopwatch, Traced

MIB = 2**20


@pytest.fixture
def clock(monkeypatch):
    """A clock that its user turns: a list of one number."""
    now = [100.0]
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: now[0])
    return now


def test_each_stage_has_its_own_seconds_and_what_is_done_aside_is_nobodys(clock):
    watch = Stopwatch(torch.device("cpu"), Resident())
    watch.begin("one")
    clock[0] += 1
    watch.begin("two")
    clock[0] += 2
    with watch.aside():
        clock[0] += 10
    clock[0] += 4
    watch.begin("one")
    clock[0] += 8
    watch.end()
    clock[0] += 100
    watch.end()
    assert watch.seconds == {"one": 9.0, "two": 6.0}
    assert watch.stage is None


@pytest.mark.skipif(not Resident.known, reason="only Linux tells a process's peak")
def test_resident_memory_counts_what_was_held_and_forgets_it():
    watch = Stopwatch(torch.device("cpu"), Resident())
    watch.begin("large")
    np.ones(64 * MIB, dtype=np.uint8)
    watch.begin("small")
    watch.end()
    assert watch.peak["large"] - watch.before["large"] > 60 * MIB
    assert watch.peak["small"] - watch.before["large"] < 30 * MIB


def test_traced_memory_counts_arrays():
    tracemalloc.start()
    try:
        kept = np.ones(4 * MIB, dtype=np.uint8)
        watch = Stopwatch(torch.device("cpu"), Traced())
        watch.begin("stage")
        np.ones(3 * MIB, dtype=np.uint8)
        watch.end()
    finally:
        tracemalloc.stop()
    assert watch.before["stage"] >= kept.nbytes
    assert watch.peak["stage"] - watch.before["stage"] == pytest.approx(3 * MIB, rel=0.02)
