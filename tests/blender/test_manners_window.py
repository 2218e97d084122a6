# SPDX-License-Identifier: GPL-3.0-or-later
"""What users do while a job runs, in a real Blender in a window: undo under which the photograph goes away, a
second window with another scene, a scene deleted, the extension switched off and on. See also test_window.py.
"""

import json
from pathlib import Path

import pytest

from . import blenders, xvfb
from .test_window import photo

SCRIPT = Path(__file__).resolve().parent / "manners_script.py"


@pytest.fixture(scope="module", params=blenders.real_blenders(), ids=blenders.suite)
def played(request, tmp_path_factory):
    """What the script saw, what Blender printed, how it ended, and the installation."""
    folder = tmp_path_factory.mktemp("manners")
    package = blenders.zip_with_fake_engine(folder / "pifuhd_blender.zip", "held")
    installed = blenders.Installed(folder, package, request.param)
    (folder / "ada.png").write_bytes(photo())
    with xvfb.screen(folder, installed.program) as environment:
        environment["TMPDIR"] = str(folder)  # Blender leaves its quit.blend there
        with installed.start("--python", str(SCRIPT), "--", str(folder), **environment) as process:
            printed, _ = process.communicate(timeout=200)
    assert (folder / "seen.json").is_file(), printed
    seen = json.loads((folder / "seen.json").read_text(encoding="utf-8"))
    assert "failed" not in seen, seen["failed"] + printed
    return seen, printed, process.returncode, installed


def test_undo_while_a_job_runs_takes_nothing_from_it(played):
    seen = played[0]
    nothing = [{"Scene": []}, ""]
    assert seen["undone"] == [["Render Result", "Viewer Node"], True, nothing]
    assert seen["after undo"] == [{"Scene": ["ada"]}, ""]
    assert seen["after one undo more"] == nothing
    assert seen["after redo"] == [{"Scene": ["ada"]}, ""]


def test_a_job_of_a_window_that_was_closed_ends_in_that_windows_scene(played):
    seen = played[0]
    assert (seen["windows"], seen["windows left"]) == (2, 1)
    assert seen["after two windows"] == [{"Other": ["ada.001"], "Scene": ["ada"]}, ""]


def test_a_scene_deleted_while_it_is_shown_gives_way_to_the_one_shown_next(played):
    seen = played[0]
    assert seen["scene deleted"] == ["FINISHED"]
    assert seen["after scene"] == [{"Other": ["ada.001", "ada.002"], "Scene": ["ada"]}, ""]


def test_switched_off_in_the_middle_of_a_job_it_leaves_nothing_and_on_again_it_works(played):
    seen = played[0]
    assert seen["while off"] == [[], [], False]
    assert seen["after off and on"] == [True, True]
    assert seen["after the next job"] == [{"Other": ["ada.001", "ada.002", "ada.003"], "Scene": ["ada"]}, ""]


def test_nothing_crashed_nor_complained(played):
    _, printed, code, installed = played
    assert code == 0, printed
    assert "Traceback" not in printed
    assert "Error" not in printed, printed
    blenders.wait_for(lambda: installed.engines() == [], 60)
