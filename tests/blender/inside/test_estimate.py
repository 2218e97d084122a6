# SPDX-License-Identifier: GPL-3.0-or-later
"""Time and memory in advance, learnt from jobs; and what is left of a running one."""

import bpy
import pytest
from conftest import wait_for


def test_more_resolution_costs_more(ext):
    estimate = ext.estimate
    sides = range(128, 1025, 32)
    for values in (
        [estimate.seconds(side, "compact", "auto") for side in sides],
        [estimate.megabytes(side, "compact") for side in sides],
        [estimate.vertices(side) for side in sides],
    ):
        assert values == sorted(values)
        assert values[0] < values[-1]
    assert estimate.megabytes(512, "pifuhd") == pytest.approx(3360)
    assert estimate.vertices(256) == 46_000
    assert estimate.seconds(256, "file", "auto") == estimate.seconds(256, "pifuhd", "auto")


def test_it_learns_from_a_job_of_the_same_kind(ext):
    estimate = ext.estimate
    before = estimate.seconds(512, "compact", "cpu"), estimate.seconds(256, "compact", "cuda")
    estimate.measured(256, "compact", "cpu", 10 * estimate.seconds(256, "compact", "cpu"))
    assert estimate.seconds(512, "compact", "cpu") == pytest.approx(10 * before[0])
    assert estimate.seconds(256, "compact", "cuda") == before[1]


@pytest.mark.parametrize(
    "seconds, words",
    [
        (0.2, "less than 1 s"),
        (4.4, "4 s"),
        (47, "47 s"),
        (89, "89 s"),
        (150, "2 min"),
        (4800, "1 h 20 min"),
    ],
)
def test_durations_in_words(ext, seconds, words):
    assert ext.estimate.duration(seconds) == words


def test_a_running_job_tells_what_is_left(ext, fake):
    fake.mode = "slow"
    scene, layer = bpy.context.scene, bpy.context.view_layer
    ext.jobs.start("ada", b"a photo", {"height": 1.75, "resolution": 256}, scene, layer)
    job = ext.jobs.current()
    assert job.remaining == ext.estimate.seconds(256, "compact", "auto")
    wait_for(lambda: ext.jobs._tick() and job.fraction > 0.3)
    assert job.remaining == pytest.approx(job.seconds * (1 - job.fraction) / job.fraction, rel=0.1)
    job.cancel()
    wait_for(lambda: ext.jobs._tick() is None)
    assert ext.estimate._factors == {}, "a cancelled job teaches nothing"
