# SPDX-License-Identifier: GPL-3.0-or-later
"""The measurement of the engine's start, with a real engine of tiny networks."""

from benchmarks import engine_start
from tests.benchmarks.subjects import write_picture
from tests.engine.staged import stage_engine


def test_an_engine_is_started_and_asked_twice(tmp_path):
    package = stage_engine(tmp_path / "extension").parents[2]
    found = engine_start.measure(package, write_picture(tmp_path), "cpu", 1)
    cold, warm = found["cold"], found["warm"]
    assert 0 < cold["ready"] < cold["preview"] < cold["total"]
    assert 0 < warm["preview"] < warm["total"] < cold["total"]
