# SPDX-License-Identifier: GPL-3.0-or-later
"""Both procedures in turns, each in its own process, and what is made of their records."""

import numpy as np
import pytest
import torch

from benchmarks import child, sweep
from benchmarks.child import ROUNDED, Case, Child, ChildEnded
from benchmarks.growth import growth, square_law

SECONDS = {"ours": [3.0, 1.0, 2.0], ROUNDED: [1.0, 0.0, 1.0], "published": [30.0, 20.0, 10.0]}
ORDER: list[str] = []
CASE = Case("compact", 256, "cpu", "person.jpg")


class FakeChild:
    """Answers as a Child does; the times are those of `seconds`, one after the other."""

    def __init__(self, procedure, case):
        self.procedure, self.left = procedure, list(SECONDS[procedure])
        self.ready = {"imports": 1.0, "weights": 0.5}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        ORDER.append("end")

    def run(self, target):
        ORDER.append(self.procedure)
        np.save(target.with_suffix(".npy"), np.eye(3, dtype=np.float32))
        times = {"points": self.left.pop(0), "colour": 1.0}
        grown = None if self.procedure == "published" else 2**20
        return {"seconds": times, "peak_bytes": 100 + len(ORDER), "gpu_bytes": None,
                "surface_bytes": grown, "vertices": 3, "asked": 7}  # fmt: skip


@pytest.fixture
def compared(monkeypatch):
    ORDER.clear()
    monkeypatch.setattr(sweep, "Child", FakeChild)
    choose(monkeypatch, torch.float32)
    return lambda case: sweep.compare(case, 3, lambda text: None)


def choose(monkeypatch, precision):
    monkeypatch.setattr(sweep, "choose_precision", lambda name, device: precision)


def test_the_procedures_run_by_turns_and_medians_are_taken(compared):
    found = compared(CASE)
    assert ORDER == ["ours", "published"] * 3 + ["end", "end"]
    assert found["preset"] == "compact"
    assert found["loading"] == {"imports": 1.0, "weights": 0.5}
    assert found["ours"]["total"] == 3.0
    assert found["ours"]["totals"] == [4.0, 2.0, 3.0]
    assert found["ours"]["seconds"] == {"points": 2.0, "colour": 1.0}
    assert found["ours"]["peak_bytes"] == 105
    assert found["ours"]["surface_bytes"] == 2**20
    assert found["published"]["surface_bytes"] is None
    # of 31 / 4, 21 / 2 and 11 / 3: the turns' own ratios, not the ratio of medians
    assert found["ratio_to_published"] == 7.75
    assert found["apart"] == {"median": 0.0, "mean": 0.0, "p99": 0.0,
                              "theirs_median": 0.0, "theirs_mean": 0.0, "theirs_p99": 0.0}  # fmt: skip
    assert found["bfloat16"] is None


def test_bfloat16_takes_its_turns_where_the_engine_would_choose_it(compared, monkeypatch):
    choose(monkeypatch, torch.bfloat16)
    found = compared(CASE)
    assert ORDER == ["ours", ROUNDED, "published"] * 3 + ["end"] * 3
    rounded = found["bfloat16"]
    assert rounded["totals"] == [2.0, 1.0, 2.0]
    assert rounded["ratio_to_float32"] == 2.0  # of 4 / 2, 2 / 1 and 3 / 2
    assert rounded["ratio_to_published"] == 15.5  # of 31 / 2, 21 / 1 and 11 / 2
    assert rounded["apart"]["mean"] == 0.0
    assert (found["ratio_to_published"], found["ours"]["total"]) == (7.75, 3.0)
    found = compared(Case("compact", 1024, "cpu", "person.jpg"))
    assert (found["bfloat16"]["ratio_to_float32"], found["bfloat16"]["ratio_to_published"]) == (2.0, None)


def test_the_published_procedure_stops_where_its_memory_would_not_do(compared):
    found = compared(Case("compact", 1024, "cpu", "person.jpg"))
    assert ORDER == ["ours"] * 3 + ["end"]
    assert found["published"] is found["ratio_to_published"] is found["apart"] is None


def test_distances_are_in_voxels_and_told_both_ways():
    ours = np.array([[0, 0, 0], [1, 0, 0]], dtype=np.float32)
    theirs = np.array([[0, 0.5, 0], [1, 0.5, 0], [1, 4, 0]], dtype=np.float32)
    apart = sweep.distances(ours, theirs, 0.25)
    assert apart["median"] == apart["p99"] == apart["theirs_median"] == 2.0
    assert apart["theirs_mean"] == pytest.approx((2 + 2 + 16) / 3)
    assert apart["theirs_p99"] == pytest.approx(16.0, rel=0.05)


def test_a_square_law_is_found_and_what_strays_from_it():
    fit = square_law([256, 512, 1024], [2.0, 8.0, 32.0])
    assert fit["c"] == pytest.approx(2.0 / 256**2)
    assert fit["off"] == pytest.approx(0.0, abs=1e-12)
    fit = square_law([1, 2], [0.8, 4.8])
    assert fit == {"c": pytest.approx(1.0), "off": pytest.approx(0.2)}


def test_growth_is_told_for_each_preset_and_device_with_several_resolutions():
    def case(preset, resolution):
        seconds = {"surface": resolution**2 / 4, "points": resolution**2 / 4, "colour": 9.0}
        return {"preset": preset, "device": "cpu", "resolution": resolution,
                "ours": {"seconds": seconds, "surface_bytes": resolution**3}}  # fmt: skip

    (found,) = growth([case("compact", 64), case("compact", 128), case("pifuhd", 64)])
    assert (found["preset"], found["resolutions"], found["seconds"]) == ("compact", [64, 128], [2048, 8192])
    assert found["seconds_fit"]["off"] == pytest.approx(0.0)
    assert found["memory_fit"]["off"] == pytest.approx(1 / 3)


def test_three_real_processes_answer_and_their_meshes_agree(monkeypatch):
    choose(monkeypatch, torch.bfloat16)
    photo = str(sweep.Path(__file__).resolve().parents[2] / "samples" / "person_1.jpg")
    told = []
    found = sweep.compare(Case("compact-pifu", 64, "cpu", photo), 1, told.append)
    assert len(told) == 3
    assert found["photo"] == "person_1.jpg"
    assert found["apart"]["median"] < 0.01
    assert found["apart"]["theirs_median"] < 0.01
    assert found["published"]["asked"] == 63**3
    assert 0 < found["ours"]["asked"] < 63**3
    assert found["ours"]["surface_bytes"] > 2**20
    assert 0 < found["bfloat16"]["apart"]["mean"] < 0.1
    assert found["bfloat16"]["apart"]["p99"] < 0.5
    assert set(found["loading"]) == {"imports", "weights"}


def test_a_process_that_ends_is_told(capfd):
    with pytest.raises(ChildEnded, match=r"ended with code 1\."):
        Child("ours", Case("no such preset", 64, "cpu", "nowhere.jpg"))
    assert "nowhere.jpg" in capfd.readouterr().err


def test_a_process_that_was_killed_between_two_runs_is_told(tmp_path, monkeypatch):
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho '{}'\nkill -9 $$\n", encoding="ascii")
    script.chmod(0o755)
    monkeypatch.setattr(child.sys, "executable", str(script))
    with Child("ours", CASE) as killed:
        killed._process.wait()
        with pytest.raises(ChildEnded, match=r"ended with code -9.*memory"):
            killed.run(tmp_path / "ours.obj")
