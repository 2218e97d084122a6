# SPDX-License-Identifier: GPL-3.0-or-later
"""The measurement of batches, with real processes and the embedded weights."""

import os
import signal
from itertools import count
from multiprocessing import active_children
from types import SimpleNamespace

import pytest

from benchmarks import throughput
from benchmarks.child import ChildEnded
from benchmarks.throughput import PHOTOS


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    monkeypatch.setattr(throughput, "RESOLUTION", 64)


class FakeMember:
    """Does each job as soon as it is told of it; `log` is of all."""

    def __init__(self, name, log):
        self.link, self.log = name, log

    def tell(self, number):
        self.log.append((self.link, number))

    def hear(self):
        self.log.append((self.link, "done"))


def test_two_processes_share_three_jobs_and_are_gone_after_them(monkeypatch):
    # a clock that counts its readings: one before the jobs, one behind them
    monkeypatch.setattr(throughput, "time", SimpleNamespace(perf_counter=count().__next__))
    found = throughput.measure(PHOTOS, "cpu", 2, 3)
    assert found == {"device": "cpu", "resolution": 64, "processes": 2, "jobs": 3,
                     "seconds": 1, "people_per_second": 3}  # fmt: skip
    assert active_children() == []


def test_whoever_is_done_gets_the_next_job_and_all_are_waited_for(monkeypatch):
    ready = iter(["b", "b", "a", "b"])
    monkeypatch.setattr(throughput, "wait", lambda links: [next(ready)])
    log = []
    throughput._share([FakeMember("a", log), FakeMember("b", log)], 4)
    assert log == [("a", 0), ("b", 1), ("b", "done"), ("b", 2), ("b", "done"), ("b", 3), ("a", "done"),
                   ("b", "done")]  # fmt: skip


def test_fewer_jobs_than_processes_leave_some_without(monkeypatch):
    monkeypatch.setattr(throughput, "wait", lambda links: links)
    log = []
    throughput._share([FakeMember("a", log), FakeMember("b", log)], 1)
    assert log == [("a", 0), ("a", "done")]


def test_a_job_that_fails_is_told_and_leaves_no_process(tmp_path, capfd):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    with pytest.raises(ChildEnded, match=r"ended with code 1\."):
        throughput.measure([PHOTOS[0], broken], "cpu", 1, 2)
    assert "not in a known picture format" in capfd.readouterr().err
    assert active_children() == []


def test_a_process_that_fails_before_the_clock_starts_is_told(tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    with pytest.raises(ChildEnded, match=r"ended with code 1\."):
        throughput.measure([broken], "cpu", 2, 2)
    assert active_children() == []


def test_a_process_that_is_killed_is_told(monkeypatch):
    share = throughput._share

    def killed(members, jobs):
        os.kill(active_children()[0].pid, signal.SIGKILL)
        share(members, jobs)

    monkeypatch.setattr(throughput, "_share", killed)
    with pytest.raises(ChildEnded, match=r"ended with code -9\..*memory"):
        throughput.measure(PHOTOS, "cpu", 2, 4)
    assert active_children() == []


@pytest.mark.parametrize(
    "cores, counts", [(1, [1]), (2, [1, 2]), (6, [1, 2, 4]), (8, [1, 2, 4, 8]), (64, [1, 2, 4, 8])]
)
def test_processes_double_up_to_one_a_core_and_to_eight(cores, counts):
    assert throughput.process_counts(cores) == counts
