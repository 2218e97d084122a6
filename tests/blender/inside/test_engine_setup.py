# SPDX-License-Identifier: GPL-3.0-or-later
"""Making the engine's environment: real venv and pip, with packages of our own instead of the network."""

import os
import shutil
import subprocess
import sys
import time

import addon_utils
import bpy
import pytest
import wheel_index
from conftest import wait_for


@pytest.fixture
def home(ext, tmp_path, monkeypatch):
    """No engine anywhere: an empty user folder, no variable, no preference, and no index of pip's own."""
    monkeypatch.delenv(ext.engine_setup.PYTHON_VARIABLE, raising=False)
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)  # this machine's own packages are none of the tests'
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr(ext.engine_setup, "user_folder", lambda: tmp_path / "user")
    (tmp_path / "user").mkdir()
    ext.engine_setup.refresh()
    yield tmp_path / "user"
    monkeypatch.undo()
    preferences = choices(ext)
    for name in ("device", "base_python", "wheel_folder", "engine_python"):
        preferences.property_unset(name)
    ext.engine_setup._notice = None
    ext.engine_setup.refresh()


def choices(ext):
    return bpy.context.preferences.addons[ext.package].preferences


@pytest.fixture
def wheels(tmp_path):
    return wheel_index.make_wheel(tmp_path / "wheels", "tinyengine", "1.0").parent


@pytest.fixture
def requirements(ext, tmp_path, monkeypatch, wheels):
    """Requirements that pip meets from a wheel in a folder."""
    path = tmp_path / "requirements.txt"
    path.write_text(f"--no-index\n--find-links {wheels.as_uri()}\ntinyengine==1.0\n")
    monkeypatch.setattr(ext.engine_setup, "requirements_path", lambda: path)
    return path


@pytest.fixture
def index(ext, monkeypatch, requirements, wheels):
    """An index that pip asks; the requirements name none."""
    requirements.write_text("tinyengine==1.0\n")
    with wheel_index.serve(wheels) as index:
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.setenv("PIP_INDEX_URL", index.url)
        monkeypatch.setenv("PIP_TRUSTED_HOST", "127.0.0.1")  # pip keeps nothing from a host it does not trust
        yield index


def wait(ext, seconds=300.0):
    wait_for(ext.engine_setup.settle, seconds)


def set_up(ext):
    task = ext.engine_setup.start()
    wait(ext)
    return task


def version_in(python, package):
    done = subprocess.run(
        [python, "-c", f"import {package}; print({package}.VERSION)"], capture_output=True, text=True
    )
    return done.stdout.strip()


def test_set_up_makes_an_environment_that_works_then_updates_and_removes_it(ext, home, requirements, wheels):
    assert ext.engine_setup.status().python == ""
    setup = ext.engine_setup.start()
    assert not bpy.ops.pifuhd.reconstruct.poll()
    wait(ext)
    assert ext.engine_setup.notice() is None
    python = ext.engine_setup.status().python
    assert python
    assert ext.engine_setup.status().text == "The engine is ready."
    assert version_in(python, "tinyengine") == "1.0"
    assert any("tinyengine" in line for line in setup.last_lines(50))
    assert "tinyengine" in ext.engine_setup.setup_log_path().read_text(encoding="utf-8")
    assert ext.engine_setup.status().stamp.mb > 5  # pip alone has more
    assert not ext.engine_setup.downloads_folder().exists()

    # A later version of the extension wants more. First it is not to be had, then it is.
    requirements.write_text(requirements.read_text().replace("==1.0", "==1.1"))
    ext.engine_setup.refresh()
    assert ext.engine_setup.status().python == ""
    assert ext.engine_setup.status().outdated
    assert "newer engine" in ext.engine_setup.status().text
    set_up(ext)
    assert "tinyengine==1.1" in ext.engine_setup.notice().text
    assert ext.engine_setup.status().outdated
    assert version_in(python, "tinyengine") == "1.0"
    wheel_index.make_wheel(wheels, "tinyengine", "1.1")
    set_up(ext)
    assert ext.engine_setup.status().python == python
    assert version_in(python, "tinyengine") == "1.1"

    assert bpy.ops.pifuhd.remove_engine() == {'FINISHED'}
    assert ext.engine_setup.status().python == ""  # at once, while the files still go
    wait(ext)
    assert sorted(path.name for path in home.iterdir()) == ["setup.log"]
    assert not bpy.ops.pifuhd.remove_engine.poll()


def test_a_package_that_is_not_found_is_one_sentence_and_leaves_nothing(ext, home, requirements, capfd):
    requirements.write_text("--no-index\nno-such-package-of-ours==1.0\n")
    set_up(ext)
    failure = ext.engine_setup.notice()
    assert failure.failed
    assert "no-such-package-of-ours" in failure.text
    assert "Set Up Engine" in failure.hint
    assert not ext.engine_setup.environment_folder().exists()
    assert ext.engine_setup.status().python == ""
    assert "Traceback" not in "".join(capfd.readouterr())


def test_cancel_ends_it_and_removes_what_was_made(ext, home, requirements):
    setup = ext.engine_setup.start()
    wait_for(lambda: setup._child is not None)
    child = setup._child
    assert bpy.ops.pifuhd.cancel_engine_setup() == {'FINISHED'}
    assert not bpy.ops.pifuhd.cancel_engine_setup.poll()
    wait(ext)
    assert child.poll() is not None
    assert not ext.engine_setup.environment_folder().exists()
    assert ext.engine_setup.notice().text == "Setting up the engine was cancelled."
    assert not ext.engine_setup.notice().failed


def test_what_was_downloaded_survives_a_cancel_and_a_failure(ext, home, requirements, wheels, index):
    large = wheel_index.make_wheel(wheels, "large", "1.0", filling=3_000_000).name
    first = wheel_index.make_wheel(wheels, "first", "1.0", filling=600_000).name
    requirements.write_text("first==1.0\nlarge==1.0\n")

    # Cancelled in the middle of the second download: 3 MB in 60 steps of 50 kB and 0.1 s.
    index.pause = 0.1
    setup = ext.engine_setup.start()
    wait_for(lambda: setup.done_mb > 1.0)
    assert setup.label == "Downloading large"
    assert setup.total_mb == ext.engine_setup.device().download_mb
    setup.cancel()
    wait(ext)
    assert index.fetched == {first: 1, large: 1}
    assert not ext.engine_setup.environment_folder().exists()

    assert ext.engine_setup.kept_mb() == 1  # the first package, of 0.6 MB
    assert bpy.ops.pifuhd.remove_engine.poll()

    # Then the index loses the file, then all is well.
    index.pause = 0.0
    index.lost = {large}
    set_up(ext)
    assert "404" in ext.engine_setup.notice().text
    assert "kept" in ext.engine_setup.notice().hint
    index.lost = set()
    set_up(ext)
    assert ext.engine_setup.notice() is None
    assert version_in(ext.engine_setup.status().python, "large") == "1.0"
    assert index.fetched == {first: 1, large: 3}
    assert not ext.engine_setup.downloads_folder().exists()


def test_the_wheels_of_pytorch_are_those_of_the_device(ext, home, requirements, wheels, index, monkeypatch):
    for version in ("2.13.0", "2.13.0+cpu", "2.13.0+cu130"):
        wheel_index.make_wheel(wheels, "torch", version)
    requirements.write_text("torch==2.13.0\n")
    monkeypatch.setattr(ext.devices, "PYTORCH_INDEX", index.url + "?")
    assert ext.installation.pytorch_arguments("cpu", requirements) == [
        "torch==2.13.0+cpu",
        "--extra-index-url",
        f"{index.url}?cpu",
    ]
    assert ext.installation.pytorch_arguments("", requirements) == []
    choices(ext).device = 'CPU'
    set_up(ext)
    assert ext.engine_setup.notice() is None
    assert version_in(ext.engine_setup.status().python, "torch") == "2.13.0+cpu"
    assert ext.engine_setup.status().stamp.device == "CPU"


def test_offline_a_folder_of_wheels_is_enough(ext, home, requirements, wheels):
    requirements.write_text("tinyengine==1.0\n")
    assert bpy.app.online_access is False  # Blender's factory setting
    assert not bpy.ops.pifuhd.set_up_engine.poll()
    with pytest.raises(RuntimeError, match=r"Blender is offline\. Turn on Allow Online Access"):
        bpy.ops.pifuhd.set_up_engine()
    choices(ext).wheel_folder = str(wheels)
    choices(ext).engine_python = str(wheels / "gone")  # it would come first
    assert bpy.ops.pifuhd.set_up_engine() == {'FINISHED'}  # in background it blocks
    assert version_in(ext.engine_setup.status().python, "tinyengine") == "1.0"


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_a_named_interpreter_makes_the_environment(ext, home, requirements, tmp_path):
    choices(ext).base_python = script(
        tmp_path / "mine", f'echo "$@" >> {tmp_path / "calls"}\nexec {sys.executable} "$@"'
    )
    set_up(ext)
    assert ext.engine_setup.status().python
    assert "-m venv" in (tmp_path / "calls").read_text()


@pytest.mark.parametrize(
    "told",
    [
        "https://host/whl/torch-2.13.0%2Bcpu-cp311-cp311-linux_x86_64.whl (190.1 MB)",
        "./My Wheels/torch-2.13.0-cp311-cp311-linux_x86_64.whl (from -r /folder/requirements.txt (line 3))",
        r"c:\wheels\torch-2.13.0-cp311-cp311-win_amd64.whl (from -r c:\folder\requirements.txt (line 3))",
        "torch-2.13.0-cp311-cp311-linux_x86_64.whl",
    ],
)
def test_the_package_that_pip_works_on_is_named(ext, told):
    assert ext.installation.package_of(told) == "torch"


@pytest.mark.parametrize(
    "text, message",
    [
        ("echo '{\"python\": [3, 9], \"packages\": {}}'", "is Python 3.9, and PyTorch needs 3.11 to 3.14"),
        ("echo nonsense", "does not run as a Python"),
        ("exit 3", "does not run as a Python"),
    ],
)
def test_an_interpreter_that_does_not_fit_is_named(ext, home, requirements, tmp_path, text, message):
    choices(ext).base_python = script(tmp_path / "other", text)
    set_up(ext)
    assert message in ext.engine_setup.notice().text
    assert str(tmp_path / "other") in ext.engine_setup.notice().text
    assert not ext.engine_setup.environment_folder().exists()


def test_an_existing_environment_is_checked_before_it_is_used(ext, home, requirements):
    requirements.write_text("tinyengine==1.0\nnumpy==0.1\n")
    assert bpy.ops.pifuhd.use_environment(filepath=sys.executable) == {'FINISHED'}
    wait(ext)
    assert ext.engine_setup.notice().text == f"{sys.executable} lacks tinyengine."
    assert str(requirements) in ext.engine_setup.notice().hint
    assert choices(ext).engine_python == ""

    requirements.write_text("numpy==0.1\n")
    bpy.ops.pifuhd.use_environment(filepath=sys.executable)
    wait(ext)
    assert ext.engine_setup.status().python == choices(ext).engine_python == sys.executable
    assert "instead of 0.1" in ext.engine_setup.notice().text
    assert not ext.engine_setup.notice().failed


def test_a_full_disk_is_told_before_anything_is_made(ext, home, requirements, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(10**12, 10**12, 10**8))
    choices(ext).device = 'CPU'
    set_up(ext)
    assert "has 100 MB free; setup needs 2.0 GB" in ext.engine_setup.notice().text
    assert not ext.engine_setup.environment_folder().exists()


def test_a_second_setup_is_refused(ext, home, requirements):
    ext.engine_setup.start()
    with pytest.raises(ext.errors.EngineError, match="Setting up the engine"):
        ext.engine_setup.start()
    assert not bpy.ops.pifuhd.set_up_engine.poll()
    ext.engine_setup.current().cancel()
    wait(ext)


def test_disabling_the_extension_ends_a_setup(ext, home, requirements):
    setup = ext.engine_setup.start()
    wait_for(lambda: setup._child is not None)
    began = time.monotonic()
    addon_utils.disable(ext.package)
    addon_utils.enable(ext.package)
    assert time.monotonic() - began < 50
    assert setup.finished
    assert ext.engine_setup.current() is None


def test_the_variable_comes_before_the_preference(ext, home, monkeypatch, tmp_path):
    preferences = choices(ext)
    preferences.engine_python = str(tmp_path / "nowhere")
    assert ext.engine_setup.status().text == f"{tmp_path / 'nowhere'} does not exist."
    assert "preferences" in ext.engine_setup.status().hint
    preferences.engine_python = sys.executable
    assert ext.engine_setup.status().python == sys.executable
    monkeypatch.setenv(ext.engine_setup.PYTHON_VARIABLE, "/no/such/python")
    ext.engine_setup.refresh()
    assert ext.engine_setup.status().python == ""
    assert ext.engine_setup.PYTHON_VARIABLE in ext.engine_setup.status().hint


def test_the_requirements_are_in_the_zip_and_pinned(ext):
    pins = ext.environment.pins(ext.engine_setup.requirements_path())
    assert {"torch", "numpy", "opencv-python-headless"} <= set(pins)
