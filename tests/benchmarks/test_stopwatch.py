# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmarks' watch: whose the seconds and the bytes are."""

import numpy as np
import pytest
import torch

from benchmarks import stopwatch
from benchmarks.stopwatch import Resident, Stopwatch, Trimmed

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
    with watch.within("three"):
        clock[0] += 16
    clock[0] += 4
    watch.begin("one")
    clock[0] += 8
    watch.end()
    clock[0] += 100
    watch.end()
    assert watch.seconds == {"one": 9.0, "two": 6.0, "three": 16.0}
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


@pytest.mark.skipif(not Resident.known, reason="only Linux tells a process's peak")
def test_trimmed_memory_counts_arrays_and_tensors_and_not_what_is_kept_of_them():
    watch = Stopwatch(torch.device("cpu"), Trimmed())
    torch.ones(1)  # what the first one leaves for good
    many = [np.ones(MIB // 16, dtype=np.uint8) for _ in range(512)]  # too small to be given back at once
    del many
    watch.begin("stage")
    kept = np.ones(4 * MIB, dtype=np.uint8), torch.ones(4 * MIB, dtype=torch.uint8)
    np.ones(3 * MIB, dtype=np.uint8)
    torch.ones(3 * MIB, dtype=torch.uint8)
    watch.begin("next")
    watch.end()
    assert watch.before["next"] - watch.before["stage"] >= sum(len(one) for one in kept)
    assert watch.peak["stage"] - watch.before["stage"] == pytest.approx(11 * MIB, abs=MIB / 2)
