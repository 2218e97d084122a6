# SPDX-License-Identifier: GPL-3.0-or-later
"""Making the engine's environment: real venv and pip, with a package of our own instead of the network."""

import subprocess
import sys
import time
import zipfile

import addon_utils
import bpy
import pytest
from conftest import wait_for


@pytest.fixture
def home(ext, tmp_path, monkeypatch):
    """No engine anywhere: an empty user folder, no variable, no preference."""
    monkeypatch.delenv(ext.engine_setup.PYTHON_VARIABLE, raising=False)
    monkeypatch.setattr(ext.engine_setup, "user_folder", lambda: tmp_path)
    ext.engine_setup.refresh()
    yield tmp_path
    monkeypatch.undo()
    bpy.context.preferences.addons[ext.package].preferences.engine_python = ""
    ext.engine_setup.refresh()


@pytest.fixture
def requirements(ext, tmp_path, monkeypatch):
    """Requirements that pip meets from a wheel in a folder."""
    wheel = tmp_path / "wheels" / "tinyengine-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tinyengine.py", "ANSWER = 42\n")
        archive.writestr(
            "tinyengine-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tinyengine\nVersion: 1.0\n"
        )
        archive.writestr(
            "tinyengine-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr("tinyengine-1.0.dist-info/RECORD", "")
    path = tmp_path / "requirements.txt"
    path.write_text(f"--no-index\n--find-links {wheel.parent.as_uri()}\ntinyengine==1.0\n")
    monkeypatch.setattr(ext.engine_setup, "requirements_path", lambda: path)
    return path


def wait(ext, seconds=300.0):
    wait_for(ext.engine_setup.settle, seconds)


def test_set_up_makes_an_environment_that_works(ext, home, requirements):
    assert ext.engine_setup.status().python == ""
    setup = ext.engine_setup.start()
    assert not bpy.ops.pifuhd.reconstruct.poll()
    wait(ext)
    assert ext.engine_setup.last_failure() is None
    python = ext.engine_setup.status().python
    assert python
    assert ext.engine_setup.status().text == "The engine is ready."
    answer = subprocess.run(
        [python, "-c", "import tinyengine; print(tinyengine.ANSWER)"], capture_output=True, text=True
    )
    assert answer.stdout.strip() == "42"
    assert any("tinyengine" in line for line in setup.last_lines(50))

    requirements.write_text(requirements.read_text() + "# a later version\n")
    ext.engine_setup.refresh()
    assert ext.engine_setup.status().python == ""
    assert "newer engine" in ext.engine_setup.status().text


def test_a_package_that_is_not_found_is_one_sentence_and_leaves_nothing(ext, home, requirements, capfd):
    requirements.write_text("--no-index\nno-such-package-of-ours==1.0\n")
    ext.engine_setup.start()
    wait(ext)
    failure = ext.engine_setup.last_failure()
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
    wait(ext)
    assert child.poll() is not None
    assert not ext.engine_setup.environment_folder().exists()
    assert ext.engine_setup.last_failure().text == "Setting up the engine was cancelled."


def test_a_second_setup_is_refused(ext, home, requirements):
    ext.engine_setup.start()
    with pytest.raises(ext.errors.EngineError, match="already being set up"):
        ext.engine_setup.start()
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
    preferences = bpy.context.preferences.addons[ext.package].preferences
    preferences.engine_python = str(tmp_path / "nowhere")
    assert ext.engine_setup.status().text == f"{tmp_path / 'nowhere'} does not exist."
    assert "preferences" in ext.engine_setup.status().hint
    preferences.engine_python = sys.executable
    assert ext.engine_setup.status().python == sys.executable
    monkeypatch.setenv(ext.engine_setup.PYTHON_VARIABLE, "/no/such/python")
    ext.engine_setup.refresh()
    assert ext.engine_setup.status().python == ""
    assert ext.engine_setup.PYTHON_VARIABLE in ext.engine_setup.status().hint


def test_set_up_asks_for_online_access(ext, home):
    assert bpy.app.online_access is False  # Blender's factory setting
    assert not bpy.ops.pifuhd.set_up_engine.poll()
    with pytest.raises(RuntimeError, match="Allow Online Access"):
        bpy.ops.pifuhd.set_up_engine()


def test_the_requirements_are_in_the_zip(ext):
    assert "torch" in ext.engine_setup.requirements_path().read_text(encoding="utf-8")
