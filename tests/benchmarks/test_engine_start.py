"""The measurement of the engine's start, with a real engine of tiny networks."""

from itertools import count
from types import SimpleNamespace

from benchmarks import engine_start
from tests.benchmarks.subjects import write_picture
from tests.engine.staged import stage_engine


def test_an_engine_is_started_and_asked_twice(tmp_path, monkeypatch):
    # a clock that counts its readings: the first job is timed from the start on, the second from itself
    monkeypatch.setattr(engine_start, "time", SimpleNamespace(perf_counter=count().__next__))
    package = stage_engine(tmp_path / "extension").parents[2]
    found = engine_start.measure(package, write_picture(tmp_path), "cpu", 1)
    assert found["cold"] == {"ready": 1, "preview": 2, "total": 3}
    assert found["warm"] == {"preview": 1, "total": 2}
