# SPDX-License-Identifier: GPL-3.0-or-later
"""First use in a real Blender's window: the tab explains itself, the bar moves, then it is the job's tab."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from . import blenders, xvfb
from .inside import wheel_index

SCRIPT = Path(__file__).resolve().parent / "setup_window_script.py"


def zip_with_tiny_requirements(folder):
    """The built zip with the fake engine, whose requirements are one package of a few megabytes."""
    whole = blenders.zip_with_fake_engine(folder / "whole.zip", "ok")
    target = folder / "pifuhd_blender.zip"
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(target, "w") as copy:
        for entry in source.infolist():
            if entry.filename != "engine/requirements.txt":
                copy.writestr(entry, source.read(entry))
        copy.writestr("engine/requirements.txt", "tinyengine==1.0\n")
    return target


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """What the script saw, the pictures of the screen it took, and what Blender printed."""
    folder = tmp_path_factory.mktemp("setup")
    wheel_index.make_wheel(folder / "wheels", "tinyengine", "1.0", filling=4_000_000)
    installed = blenders.Installed(folder, zip_with_tiny_requirements(folder))
    with (
        wheel_index.serve(folder / "wheels") as index,
        xvfb.screen(folder, installed.program) as environment,
    ):
        index.pause = 0.05
        environment |= {"TMPDIR": str(folder), "PIFUHD_ENGINE_PYTHON": ""}
        environment |= {"PIP_CONFIG_FILE": "/dev/null", "PIP_INDEX_URL": index.url, "PIP_FIND_LINKS": ""}
        environment |= {"PIP_TRUSTED_HOST": "127.0.0.1"}
        with installed.start("--python", str(SCRIPT), "--", str(folder), **environment) as process:
            printed, _ = process.communicate(timeout=300)
    assert (folder / "seen.json").is_file(), printed
    seen = json.loads((folder / "seen.json").read_text(encoding="utf-8"))
    assert "failed" not in seen, seen["failed"] + printed
    pictures = {}
    for path in folder.glob("*.xwd"):
        pictures[path.stem] = screenshot = xvfb.read_xwd(path)
        xvfb.write_png(path.with_suffix(".png"), screenshot)
    return seen, pictures, printed


def changed(played, one, other):
    """How many pixels of the sidebar differ clearly between two pictures."""
    seen, pictures, _ = played
    x, y, width, height = seen["sidebar"]
    top = pictures[one].shape[0] - y - height
    parts = [
        pictures[name][top : top + height, x : x + width].astype(int) for name in (one, other)
    ]
    return int((np.abs(parts[0] - parts[1]).max(axis=2) > 24).sum())


def test_setup_from_the_tab_ends_with_an_engine(played):
    seen, _, printed = played
    assert seen["started"] == ["FINISHED"]
    assert seen["seconds to start"] < 3.0  # the window is not held up
    assert seen["half"][0] == "Downloading tinyengine"
    assert 1.0 < seen["half"][1] < 4.1
    assert seen["after"] == "The engine is ready."
    assert "Traceback" not in printed


def test_every_step_is_shown(played):
    for one, other in (("offline", "before"), ("before", "half"), ("half", "after")):
        assert changed(played, one, other) > 1000, (one, other)


def test_the_licence_is_shown_before_the_weights_are_downloaded(played):
    seen, pictures, _ = played
    assert seen["licence"] == ["RUNNING_MODAL"]
    dialog = np.abs(pictures["licence"].astype(int) - pictures["after"]).max(axis=2) > 24
    assert dialog.sum() > 20_000
