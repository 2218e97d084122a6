# SPDX-License-Identifier: GPL-3.0-or-later
"""The real engine behind the real link, on the CPU with a tiny random network as its default weights."""

import io
import os
import signal
import sys
import venv
from itertools import islice

import numpy as np
import pytest
from PIL import Image

from engine import parts
from engine.client import EngineClient, Result
from engine.errors import STAGES, Cancelled, EngineError
from engine.process import EngineProcess
from engine.version import VERSION
from engine.weights import save_weights
from engine.worker import Worker
from tests.engine.seeing_weights import cut_out, seeing_weights
from tests.engine.staged import stage_engine
from tests.link.processes import is_running, process_of, wait_until

QUICK = {"resolution": 64, "device": "cpu"}
LONG = {"resolution": 512, "device": "cpu"}


def encoded(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory):
    """An engine as an installed extension has it, with tiny weights in the place of the embedded ones."""
    folder = tmp_path_factory.mktemp("extension")
    stage_engine(folder)
    process = EngineProcess(sys.executable, folder, log=folder / "engine.log")
    yield process
    process.stop()
    assert not process.alive


def run(
    client: EngineClient, image, settings=QUICK, on_progress=lambda *progress: None, cancelled=lambda: False
) -> Result:
    return client.reconstruct(image, settings, on_progress, cancelled)


def test_hello_tells_the_device_and_the_card_of_the_embedded_weights(engine):
    about = engine.ensure().hello()
    assert about["program"] == VERSION
    assert about["device"] in ("cpu", "cuda", "mps")
    assert about["torch"][0].isdigit()
    assert about["weights"]["preset"] == "tiny"
    assert about["weights"]["card"] == {"training": "none", "licence": "GPL"}
    assert len(about["weights"]["sha256"]) == 64


def test_a_photo_becomes_a_mesh_with_progress_through_every_stage(engine):
    heard = []
    result = run(engine.ensure(), encoded(cut_out()), on_progress=lambda *progress: heard.append(progress))
    stages = [stage for stage, *_ in heard]
    assert stages == sorted(stages, key=STAGES.index)
    assert set(stages) == set(STAGES)
    assert result.info["preset"] == "tiny"
    assert len(result.vertices) == len(result.colors) > 4
    assert result.vertices[:, 2].min() == pytest.approx(0, abs=1e-6)
    assert result.normals_front.shape == result.normals_back.shape == (64, 64, 3)


def test_the_link_changes_nothing_of_the_result(engine, tmp_path):
    here = Worker().reconstruct(
        cut_out(),
        {**QUICK, "weights": str(engine.package_folder / "engine/weights/compact.safetensors")},
        lambda *progress: None,
    )
    for image in (cut_out(), encoded(cut_out())):
        there = run(engine.ensure(), image)
        np.testing.assert_array_equal(there.faces, here.faces)
        np.testing.assert_allclose(there.vertices, here.vertices, atol=1e-6)
        np.testing.assert_array_equal(there.colors, here.colors)
        np.testing.assert_array_equal(there.normals_back, here.normals_back)


def test_edited_normal_maps_reach_the_networks(engine):
    client = engine.ensure()
    own = run(client, cut_out())
    turned = (own.normals_back, own.normals_front)
    job = (cut_out(), QUICK, lambda *progress: None, lambda: False)
    there = client.reconstruct(*job, normals=turned)
    assert there.info["normals_given"]
    assert (abs(there.normals_front.astype(int) - own.normals_back) <= 1).all()
    with pytest.raises(EngineError, match="A normal map has 2 x 2 pixels"):
        client.reconstruct(*job, normals=(np.zeros((2, 2, 3), np.uint8),) * 2)


def test_other_weights_are_loaded_for_the_job_that_names_them(engine, tmp_path):
    path = tmp_path / "mine.safetensors"
    _, one, other = islice(seeing_weights(), 3)  # the first is the default
    save_weights(path, one.network, {})
    client = engine.ensure()
    default = run(client, cut_out()).info["weights"]
    assert run(client, cut_out(), {**QUICK, "weights": str(path)}).info["weights"] != default
    save_weights(path, other.network, {})
    again = run(client, cut_out(), {**QUICK, "weights": str(path)}).info["weights"]
    assert run(client, cut_out()).info["weights"] == default
    assert again != default


@pytest.mark.parametrize(
    "image, settings, code",
    [
        (b"not a picture", {}, "bad_image"),
        (encoded(cut_out())[:100], {}, "bad_image"),
        (cut_out(), {"box": [0, 0, 9, 9]}, "no_person"),
        (cut_out(), {"resolution": 7}, "bad_settings"),
        (cut_out(), {"height": "tall"}, "bad_settings"),
        (cut_out(), {"colour": None}, "bad_settings"),
        (cut_out(), {"lighting": 1}, "bad_settings"),
        (cut_out(), {"device": "abacus"}, "bad_settings"),
        (cut_out(), {"box": [30, 30, 10, 10]}, "bad_settings"),
        (cut_out(), {"weights": "/nonexistent.safetensors"}, "bad_weights"),
        (cut_out(), {"weights": __file__}, "bad_weights"),
    ],
)
def test_a_bad_request_is_named_and_the_engine_goes_on(engine, image, settings, code):
    client = engine.ensure()
    with pytest.raises(EngineError) as caught:
        run(client, image, {**QUICK, **settings})
    assert caught.value.code == code
    assert caught.value.hint
    assert client.usable


def test_a_bad_setting_is_answered_before_anything_is_loaded(engine, tmp_path):
    fresh = EngineProcess(sys.executable, engine.package_folder, log=tmp_path / "log")
    try:
        client = fresh.ensure()
        for settings in ({"resolution": 7}, {"weights": "//server/share/a"}, {"lighting": 1}):
            with pytest.raises(EngineError) as caught:
                run(client, cut_out(), settings)
            assert caught.value.code == "bad_settings"
        assert client.status()["device"] == ""
        assert client.status()["weights"] == []
    finally:
        fresh.stop()


def test_unloading_frees_the_weights_until_the_next_job(engine):
    client = engine.ensure()
    sha256 = run(client, cut_out()).info["weights"]
    loaded = [{"preset": "tiny", "sha256": sha256, "device": "cpu"}]
    assert client.status()["weights"] == loaded
    assert client.unload()["weights"] == []
    assert client.status()["weights"] == []
    assert run(client, cut_out()).info["weights"] == sha256
    assert client.status()["weights"] == loaded


def test_a_cancelled_job_ends_between_two_batches_and_the_engine_goes_on(engine):
    client = engine.ensure()
    pid = process_of(engine)
    begun = []

    def watch(stage, done, total, unit):
        if stage == "surface":
            begun.append(done)

    with pytest.raises(Cancelled):
        run(client, cut_out(), LONG, watch, lambda: bool(begun))
    assert begun[-1] < 100
    assert len(run(client, cut_out()).vertices) > 4
    assert process_of(engine) == pid


def test_kill_9_in_the_middle_of_a_job_is_reported_and_the_next_job_works(engine):
    client = engine.ensure()
    pid = process_of(engine)

    def kill(stage, done, total, unit):
        if stage == "surface":
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(EngineError) as caught:
        run(client, cut_out(), LONG, kill)
    assert caught.value.code == "engine_died"
    assert wait_until(lambda: not is_running(pid))
    assert len(run(engine.ensure(), cut_out()).vertices) > 4


def test_a_python_without_pytorch_is_explained(engine, tmp_path):
    # A fresh environment of the same interpreter: it lacks NumPy as well, which is what it says first.
    venv.create(tmp_path / "bare", with_pip=False)
    python = tmp_path / "bare" / "bin" / "python"
    bare = EngineProcess(str(python), engine.package_folder, log=tmp_path / "log")
    with pytest.raises(EngineError) as caught:
        bare.ensure()
    assert caught.value.code == "engine_start"
    assert "NumPy is missing" in caught.value.text
    assert not bare.alive


def test_missing_pytorch_alone_is_explained(monkeypatch):
    monkeypatch.setattr(parts.importlib.util, "find_spec", lambda name: None if name == "torch" else name)
    with pytest.raises(EngineError, match="PyTorch is missing") as caught:
        parts.check_installed()
    assert caught.value.code == "engine_start"


def test_a_damaged_pytorch_is_explained(monkeypatch):
    # None in sys.modules makes an import fail as a damaged installation does.
    monkeypatch.setitem(sys.modules, "engine.pipeline", None)
    with pytest.raises(EngineError, match="cannot load pipeline") as caught:
        Worker().reconstruct(cut_out(), QUICK, lambda *progress: None)
    assert caught.value.code == "engine_start"
