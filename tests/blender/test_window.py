# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Blender in a window on a screen in memory: the tab is drawn, a job ticks, cancel and quit work."""

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from . import blenders, xvfb

SCRIPT = Path(__file__).resolve().parent / "window_script.py"


def photo() -> bytes:
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes([200, 120, 40]) * 64 for _ in range(64))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.fixture(scope="module", params=blenders.real_blenders(), ids=blenders.suite)
def played(request, tmp_path_factory):
    """What the script saw, the pictures of the sidebar it took, and what Blender printed."""
    folder = tmp_path_factory.mktemp("window")
    package = blenders.zip_with_fake_engine(folder / "pifuhd_blender.zip", "ok")
    installed = blenders.Installed(folder, package, request.param)
    (folder / "ada.png").write_bytes(photo())
    with xvfb.screen(folder, installed.program) as environment:
        environment["TMPDIR"] = str(folder)  # Blender leaves its quit.blend there
        with installed.start(
            "--enable-event-simulate", "--python", str(SCRIPT), "--", str(folder), **environment
        ) as process:
            printed, _ = process.communicate(timeout=300)
    assert (folder / "seen.json").is_file(), printed
    seen = json.loads((folder / "seen.json").read_text(encoding="utf-8"))
    assert "failed" not in seen, seen["failed"] + printed
    pictures = {}
    for path in folder.glob("*.xwd"):
        pictures[path.stem] = screenshot = xvfb.read_xwd(path)
        xvfb.write_png(path.with_suffix(".png"), screenshot)
    return seen, pictures, printed, process.returncode, installed


def sidebar(seen, picture):
    x, y, width, height = seen["sidebar"]
    top = picture.shape[0] - y - height  # Blender counts from the bottom
    return picture[top : top + height, x : x + width].astype(int)


def changed(seen, one, other):
    """(H, W) bool: which pixels of the sidebar differ clearly."""
    return np.abs(sidebar(seen, one) - sidebar(seen, other)).max(axis=2) > 24


def test_the_tab_is_drawn(played):
    seen, pictures, printed, _, _ = played
    assert seen["tab"] == "PIFuHD"
    panel = sidebar(seen, pictures["idle"])
    # Widgets and letters, from dark to light; an undrawn or black region has one shade.
    assert np.unique(panel.reshape(-1, 3), axis=0).shape[0] > 50
    assert panel.max() - panel.min() > 100
    assert "Traceback" not in printed


def test_starting_does_not_freeze_the_window(played):
    seen = played[0]
    assert seen["started"] == ["FINISHED"]
    assert seen["seconds to start"] < 3.0


def test_the_bar_moves_while_the_job_ticks_on_timers(played):
    seen, pictures, *_ = played
    assert 0.15 < seen["early"] < 0.5 < seen["late"] < 1.0
    assert changed(seen, pictures["idle"], pictures["early"]).sum() > 500
    # Between the two pictures the bar's end moved: a block of changed pixels as wide as that part of the bar.
    moved = changed(seen, pictures["early"], pictures["late"])
    longest = max(np.diff(np.flatnonzero(np.concatenate([[True], ~row, [True]]))).max() - 1 for row in moved)
    expected = (seen["late"] - seen["early"]) * seen["sidebar"][2]
    assert 0.5 * expected < longest < 1.2 * expected


def test_the_person_box_is_dragged_in_the_image_editor(played):
    seen, pictures, *_ = played
    assert seen["box before LEFTMOUSE RELEASE"] == seen["box after LEFTMOUSE RELEASE"]
    left, top, right, bottom = seen["box after LEFTMOUSE RELEASE"]
    assert (left, top, bottom) == (8, 8, 56)
    assert abs(right - 40) <= 1
    assert seen["box before ESC PRESS"][2] == right
    assert seen["box after ESC PRESS"] == [8, 8, 56, 56]
    picture = pictures["box"].astype(int)
    frame = (picture[..., 0] > 220) & (abs(picture[..., 1] - 140) < 30) & (picture[..., 2] < 60)
    assert frame.sum() > 300  # the box's colour, which Blender's own widgets do not have


def test_the_preview_is_drawn_in_the_view_and_gone_after_cancel(played):
    seen, pictures, *_ = played
    assert seen["objects while the preview is drawn"] == 0
    redness = {
        name: (picture[..., 0].astype(int) - picture[..., 1:].max(axis=2) > 110).sum()
        for name, picture in pictures.items()
    }
    # The fake engine's person is red in front, redder than the orange photo in the panel.
    assert redness["late"] > redness["idle"] + 1000
    assert redness["late"] > redness["cancelled"] + 1000  # in the same view, whose axes are red too


def test_cancel_ends_the_job_soon_and_leaves_nothing(played):
    seen = played[0]
    assert seen["cancel"] == ["FINISHED"]
    assert seen["seconds to cancel"] < 15.0
    assert seen["after cancel"] == ["The reconstruction was cancelled.", 0]


def test_the_result_is_one_undo_step(played):
    seen = played[0]
    assert seen["objects"] == ["ada"]
    assert seen["active"] == "ada"
    assert seen["after undo"] == []
    assert seen["after redo"] == ["ada"]


def test_solid_view_shows_the_colours_after_the_button(played):
    seen, pictures, *_ = played
    assert seen["color type"] == "VERTEX"
    assert seen["highlights"] is False
    picture = pictures["done"].astype(int)
    # the fake engine's person is red in front and blue elsewhere; nothing else in Blender's view is so blue
    assert (picture[..., 2] - picture[..., :2].max(axis=2) > 60).sum() > 1000


def test_a_failure_is_shown_in_the_panel(played):
    seen, pictures, *_ = played
    assert seen["failure"] == ["The memory ran out.", "Lower the resolution."]
    assert changed(seen, pictures["done"], pictures["failed"]).sum() > 300


def test_the_preferences_are_drawn(played):
    seen, pictures, printed, *_ = played
    assert seen["preferences"] == ["FINISHED"]  # the script went on only after they were drawn to their end
    assert (
        np.abs(pictures["preferences"].astype(int) - pictures["failed"]).max(axis=2).astype(bool).mean() > 0.1
    )
    assert "Traceback" not in printed


def test_another_file_cancels_the_job(played):
    assert "another file was opened" in played[0]["after load"]


def test_quitting_in_the_middle_of_a_job_leaves_no_engine(played):
    seen, _, printed, code, installed = played
    assert seen["started again"] == ["FINISHED"]
    assert 0.03 < seen["quit at"] < 1.0
    assert code == 0, printed
    blenders.wait_for(lambda: installed.engines() == [], 60)
