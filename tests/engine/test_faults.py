# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that only the real engine can meet: damaged weights, full disks, paths and numbers from a client."""

import os
import resource
import subprocess
import sys

import pytest
from PIL import Image

from engine.cli import main
from engine.errors import EngineError
from engine.process import EngineProcess
from tests.engine.seeing_weights import cut_out
from tests.engine.staged import ROOT, stage_engine
from tests.link.disks import fill, small_disk
from tests.link.processes import PATIENCE, process_of

QUICK = {"resolution": 64, "device": "cpu"}


@pytest.fixture(scope="module")
def staged(tmp_path_factory):
    """The default weights of a staged engine."""
    return stage_engine(tmp_path_factory.mktemp("extension"))


@pytest.fixture(scope="module")
def engine(staged):
    folder = staged.parents[2]
    process = EngineProcess(sys.executable, folder, log=folder / "engine.log")
    yield process
    process.stop()


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(cut_out()).save(path)
    return path


def run(client, **settings):
    return client.reconstruct(cut_out(), {**QUICK, **settings}, lambda *progress: None, lambda: False)


def refusal(engine, **settings):
    """The error of a job that must leave the engine as it is."""
    client = engine.ensure()
    pid = process_of(engine)
    with pytest.raises(EngineError) as caught:
        run(client, **settings)
    assert engine.ensure() is client
    assert process_of(engine) == pid
    assert caught.value.hint
    assert len(str(caught.value)) < 2000
    return caught.value


def flipped(content, place):
    damaged = bytearray(content)
    damaged[place] ^= 0x40
    return bytes(damaged)


DAMAGE = {
    "cut short": lambda content: content[: len(content) // 2],
    "a bit of a value": lambda content: flipped(content, len(content) - 1000),
    "a bit of the header": lambda content: flipped(content, content.index(b'"dtype"') + 2),
    "a bit of the preset": lambda content: content.replace(b'depth_scale\\": 8', b'depth_scale\\": 9'),
    "a bit of the header's length": lambda content: flipped(content, 6),
    "a lost block": lambda content: content[:-5000] + bytes(4096) + content[-904:],
    "a page of a web server": lambda content: b"<!DOCTYPE html><title>404</title>",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damaged_weights_are_named_and_the_engine_lives_on(engine, staged, tmp_path, damage):
    path = tmp_path / "mine.safetensors"
    path.write_bytes(damage(staged.read_bytes()))
    assert path.read_bytes() != staged.read_bytes()
    error = refusal(engine, weights=str(path))
    assert error.code == "bad_weights"
    assert str(path) in error.text
    assert len(run(engine.ensure()).vertices) > 4


def test_a_path_of_a_client_is_only_ever_read_as_weights(engine, tmp_path):
    """A pipe would stall it, a device fill its memory; and a file of somebody else's is not shown."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "secret").write_text("the password is swordfish " * 400)
    (tmp_path / "secret.pt").write_text("the password is swordfish " * 400)
    before = files_of(engine)
    for name in ("pipe", "secret", "secret.pt", ".", "nothing"):
        error = refusal(engine, weights=str(tmp_path / name))
        assert error.code == "bad_weights"
        assert "swordfish" not in str(error)
    for name in ("/dev/zero", "/dev/stdin", "/proc/self/mem"):
        assert refusal(engine, weights=name).code == "bad_weights"
    for name in ("output", "log", "path", "__class__"):
        assert refusal(engine, **{name: str(tmp_path / "made")}).code == "bad_settings"
    assert len(run(engine.ensure()).vertices) > 4
    assert files_of(engine) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pipe", "secret", "secret.pt"]


def files_of(engine):
    found = engine.package_folder.rglob("*")
    return sorted(path for path in found if "__pycache__" not in path.parts)


@pytest.mark.parametrize(
    "settings",
    [
        {"height": 10**400},
        {"span": -(10**400)},
        {"box": [0, 0, 10**400, 10**401]},
        {"resolution": 10**4000},
        {"faces": 10**4000},
        {"resolution": 2**40},
        {"smooth": 1e300},
        {"box": [[0], [0], [1], [1]]},
        {"topology": ["quads"]},
        {"device": {"cpu": 1}},
        {"weights": "a\0b"},
        {"weights": "x" * 5000},
        {"weights": "\ud800"},
        {"\ud800": 1},
        {"a" * 5000: 1},
    ],
    ids=lambda settings: str(settings)[:30],
)
def test_a_setting_that_no_machine_could_serve_is_refused(engine, settings):
    assert refusal(engine, **settings).code == "bad_settings"


def arguments(photo, staged, out):
    where = ["--box", "15,10,45,70", "--weights", str(staged), "--device", "cpu"]
    return ["reconstruct", str(photo), "-o", str(out), "--resolution", "64", *where]


def test_a_disk_that_fills_while_a_result_is_written_is_named_and_keeps_the_old_file(
    photo, staged, tmp_path, capsys
):
    (tmp_path / "disk").mkdir()
    with small_disk(tmp_path / "disk", 64 << 10) as disk:
        (disk / "mesh.obj").write_text("the last one")
        fill(disk)
        left = sorted(disk.iterdir())
        assert main(arguments(photo, staged, disk / "mesh.obj")) == 1
        assert sorted(disk.iterdir()) == left
        assert (disk / "mesh.obj").read_text() == "the last one"
    said = capsys.readouterr().err
    assert "cannot be written" in said
    assert "No space left on device" in said


def test_a_file_that_may_not_grow_is_named_and_not_left_half_written(photo, staged, tmp_path):
    (tmp_path / "out").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "engine", *arguments(photo, staged, tmp_path / "out" / "mesh.ply")],
        cwd=ROOT,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
        capture_output=True,
        text=True,
        timeout=PATIENCE * 4,
        check=False,
    )
    assert done.returncode == 1
    assert "cannot be written (File too large)" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "out").iterdir())
