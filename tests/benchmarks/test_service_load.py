# SPDX-License-Identifier: GPL-3.0-or-later
"""A short run of benchmarks/service_load.py with a tiny network, and that it notices what it looks for."""

import pytest

from benchmarks import service_load
from engine.client import EngineClient
from tests.engine.seeing_weights import cut_out
from tests.engine.staged import stage_engine

JOBS = 40
WARM = 15


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return stage_engine(tmp_path_factory.mktemp("extension")).parents[2]


def test_forty_jobs_leave_the_engine_as_large_as_fifteen_and_each_gets_its_own_reply(folder):
    load = service_load.run(folder, cut_out(), JOBS)
    assert len(load.resident) == JOBS
    assert load.growth(WARM) < 0.05


def test_a_reply_that_belongs_to_another_request_is_noticed(folder, monkeypatch):
    ask, earlier = EngineClient.reconstruct, []

    def late(*arguments):
        earlier.append(ask(*arguments))
        return earlier[max(len(earlier) - 2, 0)]

    monkeypatch.setattr(EngineClient, "reconstruct", late)
    with pytest.raises(AssertionError, match="job 2 got the reply to another one"):
        service_load.run(folder, cut_out(), 2)


def test_a_leak_is_noticed():
    load = service_load.Load([100] * 5 + [200] * 10 + [206] * 10 + [212] * 10, 1.0)
    assert load.growth(15) == pytest.approx(0.06)
