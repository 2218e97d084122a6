# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine without work leaves, and nobody who has work for it notices."""

import time

import pytest

from engine import process
from engine.errors import Cancelled
from tests.link.processes import process_of, run, wait_until


def test_an_idle_engine_exits_by_itself_and_is_started_again(make_engine):
    engine = make_engine(idle_seconds=1)
    engine.ensure()
    pid = process_of(engine)
    assert wait_until(lambda: not engine.alive)
    assert run(engine.ensure()).info["jobs"] == 1
    assert process_of(engine) != pid


def test_leaving_for_idleness_is_no_failure_however_often(make_engine):
    engine = make_engine(idle_seconds=1)
    for _ in range(process.RESTARTS + 1):
        assert run(engine.ensure()).info["jobs"] == 1
        assert wait_until(lambda: not engine.alive)


def test_an_engine_that_may_leave_before_it_gets_the_job_is_replaced_and_has_not_failed(make_engine):
    engine = make_engine(idle_seconds=1)
    for _ in range(process.RESTARTS + 1):
        engine.ensure()
        pid = process_of(engine)
        time.sleep(process.STALE)
        assert run(engine.ensure()).info["jobs"] == 1
        assert process_of(engine) != pid
    assert not engine._failures


def test_an_engine_that_works_for_another_client_is_not_replaced(make_engine, monkeypatch):
    engine = make_engine(idle_seconds=600)
    client = engine.ensure()
    monkeypatch.setattr(process, "STALE", 0.0)
    for state in ({"running": True, "waiting": 0}, {"running": False, "waiting": 1}):
        monkeypatch.setattr(client, "status", lambda state=state: state)
        assert engine.ensure() is client


def test_a_long_job_is_not_idleness(make_engine):
    engine = make_engine("slow", idle_seconds=1)
    began = time.monotonic()
    with pytest.raises(Cancelled):
        run(engine.ensure(), cancelled=lambda: time.monotonic() - began > 3.0)
    assert engine.alive
