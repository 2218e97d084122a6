# SPDX-License-Identifier: GPL-3.0-or-later
"""A short run of benchmarks/cancelling.py with a tiny network."""

from benchmarks import cancelling
from tests.engine.seeing_weights import cut_out
from tests.engine.staged import stage_engine
from tests.engine.test_cancel import PROMISE


def test_cancels_at_any_moment_of_a_job_are_answered_at_once(tmp_path):
    stage_engine(tmp_path)
    settings = {"resolution": 128}  # a large grid, for a job that lasts
    whole, seen = cancelling.run(tmp_path, {"pixels": cut_out()}, settings, 6)
    assert len(seen) >= 3
    assert all(0 < one.at < whole and one.answered <= one.free for one in seen)
    assert max(one.answered for one in seen) < 3 * PROMISE
