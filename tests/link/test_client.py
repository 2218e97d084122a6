# SPDX-License-Identifier: GPL-3.0-or-later
"""A client against the real server with fake work: jobs, progress, cancelling, errors, a second client."""

import json
import os
import signal
import threading
import time

import numpy as np
import pytest

from engine import protocol
from engine.errors import STAGES, Cancelled, EngineError
from tests.link.processes import PATIENCE, is_running, process_of, wait_until

PHOTO = b"the bytes of a photo"


def silent(stage, done, total, unit):
    pass


def never():
    return False


def run(client, image=PHOTO, settings=None, on_progress=silent, cancelled=never):
    return client.reconstruct(image, settings or {}, on_progress, cancelled)


def test_a_job_brings_a_mesh_and_progress_in_the_order_of_the_stages(make_engine):
    heard = []
    result = run(
        make_engine().ensure(),
        settings={"height": 1.8, "box": [1, 2, 3, 4]},
        on_progress=lambda *p: heard.append(p),
    )
    assert result.vertices.shape == (4, 3)
    assert result.vertices.dtype == np.float32
    assert result.faces.dtype == np.int32
    assert result.colors.shape == (4, 4)
    assert result.normals_front is None
    assert result.info["settings"] == {"height": 1.8, "box": [1, 2, 3, 4]}
    assert result.info["image"] == len(PHOTO)
    stages = [stage for stage, *_ in heard]
    assert stages == sorted(stages, key=STAGES.index)
    assert set(stages) == set(STAGES)
    assert ("surface", 3, 3, "steps") in heard


def test_pixels_and_normal_maps_travel_too(make_engine):
    result = run(make_engine("normals").ensure(), np.zeros((6, 9, 3), np.uint8))
    assert result.info["image"] == [6, 9, 3]
    assert result.normals_front.max() == 0
    assert result.normals_back.min() == 1


def test_edited_normal_maps_go_along_with_the_photo(make_engine):
    client = make_engine().ensure()
    maps = np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3)
    job = (PHOTO, {}, silent, never)
    assert client.reconstruct(*job, normals=(maps[0], maps[1])).info["normals"] == maps.tolist()
    assert client.reconstruct(*job).info["normals"] is None
    for wrong in (maps[1].astype(np.float32), maps[1, ..., :2], maps[1, 0], maps[1, :0]):
        with pytest.raises(EngineError, match="A normal map is empty, too large, or of the wrong kind"):
            client.reconstruct(*job, normals=(maps[0], wrong))
    assert client.usable


def test_one_client_runs_job_after_job(make_engine):
    client = make_engine().ensure()
    assert [run(client).info["jobs"] for _ in range(3)] == [1, 2, 3]


def test_hello_tells_the_versions_and_what_the_engine_is(make_engine):
    about = make_engine().ensure().hello()
    assert about["protocol"] == protocol.PROTOCOL
    assert about["program"] == protocol.VERSION
    assert about["device"] == "cpu"


def test_hello_hands_on_why_the_engine_cannot_work(make_engine):
    client = make_engine("broken torch").ensure()
    with pytest.raises(EngineError, match="cannot load torch") as caught:
        client.hello()
    assert caught.value.code == "engine_start"


@pytest.mark.parametrize(
    "behaviour, code, text",
    [
        ("error", "no_person", "Nobody is in this photo."),
        ("defect", "internal", "ZeroDivisionError: a bug"),
        ("no memory", "out_of_memory", "memory"),
        ("unsendable", "internal", "JSON"),
    ],
)
def test_a_failed_job_says_why_and_the_engine_lives_on(make_engine, behaviour, code, text):
    engine = make_engine(behaviour)
    client = engine.ensure()
    pid = process_of(engine)
    for _ in range(2):
        with pytest.raises(EngineError) as caught:
            run(client)
        assert caught.value.code == code
        assert text in caught.value.text
        assert caught.value.hint
    assert engine.ensure() is client
    assert process_of(engine) == pid


def test_a_cancelled_job_ends_soon_and_frees_the_engine(make_engine):
    engine = make_engine()
    client = engine.ensure()
    pid = process_of(engine)
    heard = threading.Event()
    with pytest.raises(Cancelled):
        run(client, settings={"slow": True}, on_progress=lambda *p: heard.set(), cancelled=heard.is_set)
    assert run(client).info["jobs"] == 2
    assert process_of(engine) == pid


def test_what_the_progress_callback_raises_cancels_the_job_and_comes_back(make_engine):
    client = make_engine().ensure()
    for mistake in (Cancelled(), KeyError("in the callback"), KeyboardInterrupt()):

        def fail(*progress, mistake=mistake):
            raise mistake

        with pytest.raises(type(mistake)):
            run(client, settings={"slow": True}, on_progress=fail)
    assert run(client).info["jobs"] == 4


def test_a_cancel_at_once_does_not_overtake_the_request(make_engine):
    engine = make_engine()
    client = engine.ensure()
    pid = process_of(engine)
    for image in (PHOTO, np.zeros((2000, 2000, 3), np.uint8)):
        with pytest.raises(Cancelled):
            run(client, image, settings={"slow": True}, cancelled=lambda: True)
    assert run(client).info["jobs"] <= 3  # one that is cancelled before it begins never does
    assert process_of(engine) == pid


def test_an_engine_that_talks_on_but_does_not_heed_the_cancel_is_killed(make_engine):
    engine = make_engine("deaf chatter")
    client = engine.ensure()
    heard = []
    with pytest.raises(Cancelled):
        run(client, on_progress=lambda *p: heard.append(p), cancelled=lambda: bool(heard))
    assert wait_until(lambda: not engine.alive)


def test_a_stalled_job_is_killed_when_it_does_not_heed_the_cancel(make_engine):
    engine = make_engine("stall")
    client = engine.ensure()
    pid, heard = process_of(engine), []
    began = time.monotonic()
    with pytest.raises(Cancelled):
        run(client, on_progress=lambda *p: heard.append(p), cancelled=lambda: bool(heard))
    assert time.monotonic() - began < PATIENCE
    assert wait_until(lambda: not is_running(pid))
    with pytest.raises(EngineError) as caught:
        run(client)
    assert caught.value.code == "engine_died"
    assert process_of_next(engine) != pid


def process_of_next(engine):
    engine.ensure()
    return process_of(engine)


def test_a_job_that_says_nothing_for_long_is_given_up(make_engine):
    engine = make_engine("stall")
    client = engine.ensure()
    client._silence_seconds = 1.0
    with pytest.raises(EngineError, match="said nothing") as caught:
        run(client)
    assert caught.value.code == "engine_died"
    assert wait_until(lambda: not engine.alive)


def test_ctrl_c_in_a_job_leaves_no_half_used_connection(make_engine):
    engine = make_engine("slow")
    client = engine.ensure()

    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(client, cancelled=interrupt)
    assert wait_until(lambda: not engine.alive)
    with pytest.raises(EngineError, match="not connected"):
        run(client)
    assert engine.ensure() is not client


def test_a_client_does_one_thing_at_a_time(make_engine):
    client = make_engine("slow").ensure()
    heard, stop = threading.Event(), threading.Event()
    outcome = []

    def work():
        try:
            run(client, on_progress=lambda *p: heard.set(), cancelled=stop.is_set)
        except Cancelled:
            outcome.append("cancelled")

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert heard.wait(PATIENCE)
        with pytest.raises(EngineError) as caught:
            run(client)
        assert caught.value.code == "busy"
    finally:
        stop.set()
        thread.join(PATIENCE)
    assert outcome == ["cancelled"]


@pytest.mark.parametrize(
    "image",
    [b"", np.zeros((4, 4, 3), np.float32), np.zeros((4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8)],
    ids=["empty", "float", "flat", "no rows"],
)
def test_an_impossible_photo_is_refused_before_it_is_sent(make_engine, image):
    client = make_engine().ensure()
    with pytest.raises(EngineError) as caught:
        run(client, image)
    assert caught.value.code == "bad_image"
    assert run(client).info["jobs"] == 1


@pytest.mark.parametrize(
    "behaviour, reason",
    [
        ("oversized header", "more than the allowed"),
        ("oversized array", "array vertices"),
        ("longer array", "more than the allowed"),
        ("pickle", "not JSON"),
    ],
)
def test_an_engine_that_breaks_the_protocol_is_ended(make_engine, behaviour, reason):
    engine = make_engine(behaviour)
    client = engine.ensure()
    pid = process_of(engine)
    with pytest.raises(EngineError) as caught:
        run(client)
    assert caught.value.code == "protocol"
    assert reason in caught.value.text
    assert wait_until(lambda: not is_running(pid))


def test_a_face_that_points_past_the_vertices_never_reaches_blender(make_engine):
    client = make_engine("wild faces").ensure()
    with pytest.raises(EngineError, match="do not fit"):
        run(client)
    assert not client.usable


def test_an_engine_that_stops_in_the_middle_of_a_frame_can_be_cancelled(make_engine):
    engine = make_engine("half a frame")
    began = time.monotonic()
    with pytest.raises(Cancelled):
        run(engine.ensure(), cancelled=lambda: time.monotonic() - began > 0.5)
    assert wait_until(lambda: not engine.alive)


def test_a_second_ending_is_not_taken_for_the_next_jobs(make_engine):
    engine = make_engine("two endings")
    client = engine.ensure()
    with pytest.raises(Cancelled):
        run(client)
    assert wait_until(lambda: client._connection.poll(0))
    with pytest.raises(EngineError, match="not connected"):
        run(client)
    assert wait_until(lambda: not engine.alive)


def test_a_large_photo_that_the_engine_does_not_read_can_be_cancelled(make_engine):
    engine = make_engine()
    client = engine.ensure()
    os.kill(process_of(engine), signal.SIGSTOP)
    with pytest.raises(Cancelled):
        run(client, np.zeros((3000, 3000, 3), np.uint8), cancelled=lambda: True)
    assert wait_until(lambda: not engine.alive)


def test_settings_that_json_cannot_say_are_an_error_and_not_a_hang(make_engine):
    with pytest.raises(EngineError, match="JSON") as caught:
        run(make_engine().ensure(), settings={"height": object()})
    assert caught.value.code == "protocol"


def test_the_errors_hold_nothing_outside_the_closed_set():
    with pytest.raises(ValueError, match="unknown error code"):
        EngineError("oops", "", "")
    error = EngineError("io", "It is full.", "Free some space.")
    assert str(error) == "It is full. Free some space."
    assert json.loads(json.dumps(protocol.failure(error).fields)) == {
        "code": "io",
        "text": "It is full.",
        "hint": "Free some space.",
    }
