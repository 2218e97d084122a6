# SPDX-License-Identifier: GPL-3.0-or-later
"""A job on its timer's function, called by the tests because timers never fire in background; fake engine."""

import os
import signal
import sys
import time

import addon_utils
import bpy
import pytest
from conftest import wait_for

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")


def start(ext, name="ada"):
    context = bpy.context
    settings = {"height": 1.75, "resolution": 64}
    ext.jobs.start(name, b"a photo", settings, context.scene, context.view_layer)
    return ext.jobs.current()


def finish(ext, seconds=90.0):
    """Tick until the job is over; return the fractions seen."""
    seen = []

    def over():
        job = ext.jobs.current()
        if job is None:
            return True
        seen.append((job.fraction, job.label))
        return ext.jobs._tick() is None

    wait_for(over, seconds)
    assert ext.jobs.current() is None
    return seen


def running(job):
    return job.fraction > 0.02


def test_a_job_ends_in_an_object(ext, fake):
    start(ext)
    assert bpy.app.timers.is_registered(ext.jobs._tick)
    finish(ext)
    person = bpy.context.object
    assert person.name == "ada"
    assert round(person.dimensions.z, 4) == 1.75
    assert ext.jobs.notice() is None


def test_progress_rises_through_the_stages(ext, fake):
    fake.mode = "slow"
    job = start(ext)
    wait_for(lambda: ext.jobs._tick() and job.fraction > 0.2)
    job.cancel()
    fractions = [fraction for fraction, _ in finish(ext)]
    assert fractions == sorted(fractions)


def test_fractions_cover_the_whole_bar(ext):
    stages = ext.errors.STAGES
    assert set(ext.job.LABELS) == set(ext.job.SHARES) == set(stages)
    assert ext.job.fraction(stages[0], 0, 10) == 0.0
    assert ext.job.fraction(stages[-1], 10, 10) == pytest.approx(1.0)
    assert ext.job.fraction("photo", 0, 0) == pytest.approx(ext.job.fraction("weights", 5, 5))
    assert ext.job.fraction("surface", 5, 10) == pytest.approx(0.40 + 0.45 / 2)


@pytest.mark.parametrize(
    "mode, code, words",
    [
        ("no_person", "no_person", "Nobody was found in the photo."),
        ("out_of_memory", "out_of_memory", "The memory ran out."),
        ("bad_mesh", "protocol", "do not fit"),
        ("crash", "engine_died", "the fake engine falls over"),
        ("refuse", "engine_start", "No module named 'torch'"),
    ],
)
def test_a_failure_is_one_sentence_and_a_next_step_and_the_next_job_works(
    ext, fake, capfd, mode, code, words
):
    fake.mode = mode
    start(ext)
    finish(ext)
    notice = ext.jobs.notice()
    assert notice.code == code
    assert words in notice.text
    assert len(notice.hint) > 10
    printed = "".join(capfd.readouterr())
    assert f"PIFuHD: {notice.text} {notice.hint}" in printed
    assert "Traceback" not in printed
    assert len(bpy.data.objects) == len(bpy.data.meshes) == 0
    fake.mode = "ok"
    start(ext)
    assert ext.jobs.notice() is None
    finish(ext)
    assert bpy.context.object.name == "ada"


@linux
def test_an_engine_killed_in_the_middle_is_noticed(ext, fake):
    fake.mode = "slow"
    job = start(ext)
    wait_for(lambda: ext.jobs._tick() and running(job))
    for process in fake.processes():
        os.kill(process, signal.SIGKILL)
    finish(ext)
    assert ext.jobs.notice().code == "engine_died"
    assert "SIGKILL" in ext.jobs.notice().text


@linux
def test_one_engine_serves_many_jobs(ext, fake):
    pids = set()
    for _ in range(3):
        start(ext)
        finish(ext)
        pids |= set(fake.processes())
    assert len(pids) == 1
    assert len(bpy.data.objects) == 3


def test_cancel_in_the_middle(ext, fake):
    fake.mode = "slow"
    job = start(ext)
    wait_for(lambda: ext.jobs._tick() and running(job))
    assert bpy.ops.pifuhd.cancel() == {'FINISHED'}
    assert job.cancelling
    assert not bpy.ops.pifuhd.cancel.poll()
    finish(ext)
    assert ext.jobs._engine.alive  # it stopped by itself and serves the next job
    assert ext.jobs.notice().code == ""
    assert ext.jobs.notice().text == "The reconstruction was cancelled."
    assert len(bpy.data.objects) == 0


@linux
def test_cancel_kills_an_engine_that_does_not_listen(ext, fake):
    fake.mode = "deaf"
    job = start(ext)
    wait_for(lambda: ext.jobs._tick() and job.fraction > 0.39)  # the end of "features", where it falls silent
    job.cancel()
    finish(ext, 50.0)  # it would be silent for a minute
    assert ext.jobs.notice().code == ""
    wait_for(lambda: fake.processes() == [])


def test_cancel_while_the_engine_starts_is_immediate_and_the_next_job_uses_it(ext, fake):
    fake.mode = "late"
    job = start(ext)
    job.cancel()
    finish(ext)
    assert not job._connected.is_set()
    assert ext.jobs.notice().text == "The reconstruction was cancelled."
    start(ext, "next")
    finish(ext)
    assert [item.name for item in bpy.data.objects] == ["next"]


def test_a_result_that_comes_after_cancel_is_dropped(ext, fake):
    job = start(ext)
    job._thread.join(90)
    job.cancel()
    finish(ext)
    assert len(bpy.data.objects) == 0


def test_a_second_job_is_refused(ext, fake):
    fake.mode = "slow"
    start(ext)
    with pytest.raises(ext.errors.EngineError) as raised:
        start(ext)
    assert raised.value.code == "busy"
    assert not bpy.ops.pifuhd.reconstruct.poll()
    ext.jobs.current().cancel()
    finish(ext)


def test_opening_another_file_cancels_the_job_and_says_so(ext, fake):
    fake.mode = "slow"
    job = start(ext)
    wait_for(lambda: ext.jobs._tick() and running(job))
    bpy.ops.wm.read_homefile(use_empty=True)
    assert job.cancelling
    finish(ext)
    assert "another file was opened" in ext.jobs.notice().text
    assert len(bpy.data.objects) == 0


def test_a_scene_deleted_meanwhile_gives_way_to_the_present_one(ext, fake):
    scene = bpy.data.scenes.new("gone")
    ext.jobs.start("ada", b"a photo", {"height": 1.75}, scene, scene.view_layers[0])
    bpy.data.scenes.remove(scene)
    finish(ext)
    assert "ada" in bpy.context.scene.objects


@linux
def test_disabling_the_extension_ends_job_thread_and_engine(ext, fake):
    fake.mode = "deaf"
    job = start(ext)
    wait_for(lambda: ext.jobs._tick() and job.fraction > 0.39)  # the end of "features", where it falls silent
    began = time.monotonic()
    addon_utils.disable(ext.package)
    try:
        assert time.monotonic() - began < 50
        assert fake.processes() == []
        assert not job._thread.is_alive()
        assert not bpy.app.timers.is_registered(ext.jobs._tick)
    finally:
        addon_utils.enable(ext.package)
    assert ext.jobs.current() is None


def test_a_defect_of_ours_goes_to_the_log_and_not_to_the_console(ext, fake, monkeypatch, capfd):
    def broken(*_):
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(ext.results, "place", broken)
    start(ext)
    finish(ext)
    assert ext.jobs.notice().code == "internal"
    printed = "".join(capfd.readouterr())
    assert "Traceback" not in printed
    assert "ZeroDivisionError: a defect" in ext.engine_setup.log_path().read_text(encoding="utf-8")


def test_another_interpreter_gets_another_engine(ext, fake, tmp_path, monkeypatch):
    start(ext)
    finish(ext)
    first = ext.jobs._engine
    second_python = tmp_path / "python"
    second_python.symlink_to(sys.executable)
    monkeypatch.setenv(ext.engine_setup.PYTHON_VARIABLE, str(second_python))
    ext.engine_setup.refresh()
    start(ext)
    assert not first.alive
    finish(ext)
    assert ext.jobs._engine is not first


def test_a_preview_is_drawn_while_the_job_runs_and_is_no_object(ext, fake):
    fake.mode = "slow"
    job = start(ext)
    wait_for(lambda: ext.jobs._tick() and ext.preview.shown())
    assert len(bpy.data.objects) == len(bpy.data.meshes) == 0
    positions, colours, triangles = ext.preview._mesh
    assert positions.shape == (24, 3)
    assert positions[:, 2].max() == pytest.approx(1.75)
    assert triangles.shape == (12, 3)
    front, back = colours[positions[:, 1] < 0], colours[positions[:, 1] > 0]
    assert front[:, :3].max() > back[:, :3].max()  # the light comes from the viewer
    job.cancel()
    finish(ext)
    assert not ext.preview.shown()


@linux
def test_the_preview_goes_when_the_engine_dies(ext, fake):
    fake.mode = "slow"
    start(ext)
    wait_for(lambda: ext.jobs._tick() and ext.preview.shown())
    for process in fake.processes():
        os.kill(process, signal.SIGKILL)
    finish(ext)
    assert not ext.preview.shown()
    assert len(bpy.data.objects) == 0


def test_where_the_place_depends_on_the_camera_the_preview_stands_where_the_mesh_will(ext, fake):
    fake.mode = "slow"
    settings, layer = {"height": 1.75, "resolution": 64}, bpy.context.view_layer
    middle = ext.finish.Finish(floor=False)
    ext.jobs.start("ada", b"a photo", settings, bpy.context.scene, layer, middle)
    wait_for(lambda: ext.jobs._tick() and ext.preview.shown())
    assert tuple(ext.preview._matrix.translation) == pytest.approx((0, 0, -0.875))
    ext.jobs.current().cancel()
    finish(ext)


def test_who_was_found_is_listed_while_the_job_still_runs(ext, fake, photo):
    fake.mode = "slow"
    image = bpy.data.images.load(str(photo))
    plan = ext.finish.Finish(image=image.name)
    scene = bpy.context.scene
    ext.jobs.start("ada", photo.read_bytes(), {"height": 1.75}, scene, scene.view_layers[0], plan)
    assert not ext.people.boxes(image)
    wait_for(lambda: ext.jobs._tick() and ext.preview.shown())
    assert list(ext.people.boxes(image)) == [1]
    ext.jobs.current().cancel()
    finish(ext)
