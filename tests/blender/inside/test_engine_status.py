# SPDX-License-Identifier: GPL-3.0-or-later
"""The status line: off, starting, working, ready; freeing memory, stopping, examining."""

import sys

import bpy
import pytest
from conftest import wait_for

READY = "Ready on the graphics card: 2.0 GB there, 900 MB here"


def look(ext):
    """One round of the timer that asks the engine, which does not tick in background."""
    ext.engine_status._ask("", ext.engine_status.EngineClient.status)
    wait_for(ext.engine_status.settle)
    return ext.engine_status.line()[0]


@pytest.fixture
def running(ext, fake, photo):
    """An engine that has done a job."""
    ext.api.reconstruct(photo, height=1.7)
    yield fake
    ext.jobs.stop_engine()
    wait_for(ext.engine_status.settle)


def test_it_is_off_before_the_first_job(ext, fake):
    assert ext.engine_status.line()[0] == "Off until the next job"
    ext.engine_status.watch()
    assert not bpy.app.timers.is_registered(ext.engine_status._tick)  # there is nothing to ask
    assert not bpy.ops.pifuhd.free_memory.poll()
    assert not bpy.ops.pifuhd.stop_engine.poll()
    assert fake.processes() == []


def test_a_job_is_told_from_its_start(ext, fake, photo):
    lines = []
    ext.api.reconstruct(photo, height=1.7, on_progress=lambda _job: lines.append(ext.engine_status.line()[0]))
    assert lines[0] == "Starting the engine"
    assert lines[-1] == "The engine is working"


def test_a_running_engine_tells_device_and_memory_and_gives_them_back(ext, running):
    assert look(ext) == READY
    assert bpy.ops.pifuhd.free_memory() == {'FINISHED'}
    assert ext.engine_status.line()[0] == "Freeing memory"
    wait_for(ext.engine_status.settle)
    assert ext.engine_status.line()[0] == "Ready on the graphics card: 100 MB of memory"


def test_the_line_is_asked_for_only_while_it_is_drawn(ext, running, monkeypatch):
    ext.engine_status.watch()
    assert bpy.app.timers.is_registered(ext.engine_status._tick)
    assert ext.engine_status._tick() == ext.engine_status.POLL
    wait_for(ext.engine_status.settle)
    assert ext.engine_status.line()[0] == READY
    monkeypatch.setattr(ext.engine_status, "WANTED", -1.0)
    assert ext.engine_status._tick() is None


def test_stop_ends_the_process_without_waiting(ext, running):
    look(ext)
    assert bpy.ops.pifuhd.stop_engine() == {'FINISHED'}
    wait_for(ext.engine_status.settle)
    wait_for(lambda: running.processes() == [])
    assert ext.engine_status.line()[0] == "Off until the next job"


def test_an_engine_that_does_not_answer_can_be_stopped_and_a_job_cancelled(ext, running, photo, capfd):
    running.mode = "mute"
    ext.engine_status._ask("", ext.engine_status.EngineClient.status)
    question = ext.engine_status._question
    bpy.context.scene.pifuhd.image = bpy.data.images.load(str(photo))

    def cancel(_job):  # the job waits for the one who talks with the engine
        ext.jobs.current().cancel()

    with pytest.raises(ext.errors.Cancelled):
        ext.api.reconstruct(photo, height=1.7, on_progress=cancel)
    assert not question.answered
    assert bpy.ops.pifuhd.stop_engine() == {'FINISHED'}
    wait_for(lambda: question.answered and running.processes() == [])
    assert "Traceback" not in "".join(capfd.readouterr())


def test_a_job_waits_for_an_answer_that_is_under_way(ext, running, photo):
    lines = []

    def answered(job):
        lines.append(job.label)
        if len(lines) == 1:
            ext.job.talking.release()

    ext.job.talking.acquire()
    person = ext.api.reconstruct(photo, height=1.7, on_progress=answered)
    assert lines[0] == "Starting the engine"
    assert person.type == 'MESH'


DOCTOR = """
import json, sys
assert sys.argv[1:] == ["doctor", "--json"], sys.argv
print(json.dumps([
    {"name": "python", "state": "ok", "text": "Python is there.", "hint": ""},
    {"name": "torch", "state": "problem", "text": "PyTorch is missing.", "hint": "Set up the engine again."},
    {"name": "disk", "state": "warning", "text": "1 GB is free.", "hint": "Make room."},
]))
sys.exit(1)
"""


def test_the_examination_tells_what_is_out_of_order_with_the_button_that_mends_it(
    ext, tmp_path, monkeypatch
):
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "__main__.py").write_text(DOCTOR)
    (tmp_path / "user").mkdir()
    monkeypatch.setattr(ext.engine_setup, "user_folder", lambda: tmp_path / "user")
    monkeypatch.setattr(ext.jobs, "engine_folder", lambda: tmp_path)
    monkeypatch.setenv(ext.engine_setup.PYTHON_VARIABLE, sys.executable)
    ext.engine_setup.refresh()
    assert not ext.engine_status.examined()
    assert bpy.ops.pifuhd.examine_engine() == {'FINISHED'}
    wait_for(ext.engine_setup.settle)
    found = {finding.name: finding.text for finding in ext.engine_status.findings()}
    assert found == {"torch": "PyTorch is missing.", "disk": "1 GB is free."}
    for operator, _ in ext.setup_panel.FIXES.values():
        assert operator.removeprefix("pifuhd.") in dir(bpy.ops.pifuhd)
    assert ext.setup_panel.FIXES["torch"][0] == "pifuhd.set_up_engine"
    ext.engine_status.forget()
    assert not ext.engine_status.examined()
    monkeypatch.undo()
    ext.engine_setup.refresh()


def test_every_fix_is_for_a_finding_that_doctor_knows(ext):
    checks = (ext.jobs.engine_folder() / "engine" / "health" / "checks.py").read_text(encoding="utf-8")
    for name in ext.setup_panel.FIXES:
        assert f'    "{name}": ' in checks
