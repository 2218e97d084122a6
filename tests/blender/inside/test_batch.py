# SPDX-License-Identifier: GPL-3.0-or-later
"""Many pictures in one run, against the fake engine: what is taken, told, left out and left behind."""

import json
import os
import re
import signal

import bpy
import pytest
from conftest import TINY, png


@pytest.fixture
def photos(tmp_path):
    """A folder of pictures and other files."""
    folder = tmp_path / "photos"
    (folder / "deeper").mkdir(parents=True)
    for name in ("b.png", "a.png", "C.PNG", "deeper/d.png"):
        (folder / name).write_bytes(png(2, 2, TINY))
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.png").write_bytes(png(2, 2, TINY))
    return folder


@pytest.fixture
def starts(ext, monkeypatch):
    """The engines that are started."""
    started = []
    real = ext.jobs.EngineProcess

    def count(*arguments, **keywords):
        started.append(real(*arguments, **keywords))
        return started[-1]

    monkeypatch.setattr(ext.jobs, "EngineProcess", count)
    return started


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def events(text):
    """Every line of it as JSON, which fails where anything else was printed."""
    return [json.loads(line) for line in text.splitlines()]


def test_a_folder_stands_for_its_pictures_in_order(ext, photos):
    items = ext.batch_inputs.photos([str(photos)])
    assert [item.label for item in items] == ["C.PNG", "a.png", "b.png"]


@pytest.mark.parametrize(
    "pattern, found",
    [("*.png", ["a.png", "b.png"]), ("*", ["C.PNG", "a.png", "b.png"]), ("**/d.*", ["d.png"])],
)
def test_a_pattern_that_no_shell_has_resolved(ext, photos, pattern, found):
    assert [item.label for item in ext.batch_inputs.photos([str(photos / pattern)])] == found


def test_a_name_with_brackets_is_a_name_first(ext, photos):
    (photos / "me [1].png").write_bytes(png(2, 2, TINY))
    assert [item.label for item in ext.batch_inputs.photos([str(photos / "me [1].png")])] == ["me [1].png"]


def test_a_picture_named_twice_is_done_once(ext, photos, monkeypatch):
    monkeypatch.chdir(photos)
    items = ext.batch_inputs.photos(["a.png", str(photos / "*.png"), "deeper/../a.png"])
    assert [item.label for item in items] == ["a.png", "b.png"]


def test_names_that_differ_in_capitals_or_endings_alone_do_not_meet(ext, tmp_path):
    paths = ["x/p.png", "y/P.jpg", "p_2.png", "p.webp"]
    items = ext.batch_inputs.photos(str(tmp_path / path) for path in paths)
    assert [item.name for item in items] == ["p", "P_2", "p_2_2", "p_3"]


def test_what_matches_nothing_is_a_failure_and_the_rest_is_done(ext, fake, photos, tmp_path, capfd):
    out = tmp_path / "out"
    empty = tmp_path / "empty*.png"
    assert ext.commands.main([str(empty), str(photos / "a.png"), "-o", str(out)]) == 1
    assert names(out) == ["a.glb"]
    assert "failed: empty*.png: There is no file" in capfd.readouterr().out


def test_thirty_pictures_leave_nothing_in_memory_and_share_one_engine(ext, fake, starts, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(30):
        (folder / f"{number:02}.png").write_bytes(png(2, 2, TINY))
    before = set(bpy.data.user_map())
    out = tmp_path / "out"
    options = ["--format", "obj,blend", "--texture", "--keep-normals", "--people", "separate"]
    assert ext.commands.main([str(folder), "-o", str(out), *options]) == 0
    assert len(names(out)) == 60
    assert set(bpy.data.user_map()) == before
    assert len(starts) == 1
    assert not starts[0].alive
    assert fake.processes() == []


def test_resume_leaves_out_what_has_all_its_files(ext, fake, photos, tmp_path, capfd):
    out = tmp_path / "out"
    out.mkdir()
    for name in ("a.glb", "a.obj", "b.glb"):
        (out / name).write_text("older")
    assert ext.commands.main([str(photos), "-o", str(out), "--format", "glb,obj", "--resume"]) == 0
    assert names(out) == ["C.glb", "C.obj", "a.glb", "a.obj", "b.glb", "b.obj"]
    assert (out / "a.glb").read_text() == "older"
    assert (out / "b.glb").read_bytes()[:4] == b"glTF"
    printed = capfd.readouterr().out
    assert "[2/3] a.png: skipped" in printed
    assert "3 of 3 done." in printed


def test_a_resumed_run_that_has_nothing_to_do_starts_no_engine(ext, fake, starts, photos, tmp_path):
    arguments = [str(photos), "-o", str(tmp_path / "out"), "--resume"]
    assert ext.commands.main(arguments) == 0
    assert ext.commands.main(arguments) == 0
    assert len(starts) == 1


def test_json_lines_and_nothing_else(ext, fake, photos, tmp_path, capfd):
    (photos / "b.png").write_bytes(png(2, 2, TINY, b"nobody"))
    out = tmp_path / "out"
    (out / "C.glb").parent.mkdir()
    (out / "C.glb").write_text("older")
    assert ext.commands.main([str(photos), "-o", str(out), "--jsonl", "--resume"]) == 1
    told = events(capfd.readouterr().out)
    kinds = [one["event"] for one in told if one["event"] != "progress"]
    assert kinds == ["start", "skipped", "start", "done", "start", "failed", "end"]
    a = [one for one in told if one.get("file") == str(photos / "a.png")]
    assert a[0] == {"event": "start", "file": str(photos / "a.png"), "number": 2, "count": 3}
    progress = [one for one in a if one["event"] == "progress"]
    assert {"file", "stage", "fraction", "remaining"} < set(progress[0])
    assert [one["fraction"] for one in progress] == sorted(one["fraction"] for one in progress)
    assert a[-1]["outputs"] == [str(out / "a.glb")]
    assert a[-1]["seconds"] > 0
    failed = told[-2]
    assert failed["code"] == "no_person"
    assert failed["text"]
    assert failed["hint"]
    assert told[-1] | {"seconds": 0} == {
        "event": "end", "outputs": [], "done": 1, "failed": 1, "skipped": 1, "seconds": 0,
    }  # fmt: skip


def test_json_lines_when_the_folder_cannot_be_made(ext, fake, photos, tmp_path, capfd):
    (tmp_path / "file").write_text("")
    assert ext.commands.main([str(photos), "-o", str(tmp_path / "file"), "--jsonl"]) == 1
    failed, end = events(capfd.readouterr().out)
    assert (failed["code"], end["event"]) == ("io", "end")


def test_a_terminal_gets_a_bar_and_whole_lines(ext, fake, photos, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(ext.batch_report.sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "60")
    fake.mode = "two"
    assert ext.commands.main([str(photos / "a.png"), "-o", str(tmp_path / "out")]) == 0
    printed = capfd.readouterr().out
    assert re.search(r"\r\[1/1\] a\.png: #+-* +\d+ %", printed)
    drawn = [part for part in re.split(r"[\r\n]", printed) if part.startswith("[1/1]")]
    assert drawn
    assert all(len(part) <= 59 for part in drawn)
    assert printed.endswith("PIFuHD: 1 of 1 done.\n")


def test_the_engine_gets_the_options(ext, fake, photos, tmp_path):
    out = tmp_path / "out"
    options = (
        "--preset fine --no-texture --height 1.6 --smooth 3 --faces 500 --topology triangles --device cpu "
        "--colour normals --box 1,2,30,40 --flat --keep-normals"
    )
    assert (
        ext.commands.main([str(photos / "a.png"), "-o", str(out), "--format", "blend", *options.split()]) == 0
    )
    bpy.ops.wm.open_mainfile(filepath=str(out / "a.blend"))
    person = bpy.data.objects["a"]
    assert json.loads(person["pifuhd_settings"]) == {
        "resolution": 512, "height": 1.6, "smooth": 3, "faces": 500, "topology": "triangles",
        "device": "cpu", "colour": "normals", "box": [1, 2, 30, 40],
    }  # fmt: skip
    assert len(person.data.uv_layers) == 0
    assert not any(polygon.use_smooth for polygon in person.data.polygons)
    assert person["pifuhd_normals_front"].packed_file is not None


def test_weights_are_a_name_or_a_file(ext, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def chosen(*more):
        return ext.commands._settings(ext.commands._parser().parse_args(["p.png", "-o", "out", *more]))

    assert "weights" not in chosen()
    assert "weights" not in chosen("--weights", "compact")
    assert chosen("--weights", "pifuhd")["weights"] == "pifuhd"
    assert chosen("--weights", "mine.safetensors")["weights"] == str(tmp_path / "mine.safetensors")


@pytest.mark.parametrize(
    "arguments",
    [
        ["p.png", "--scene", "s.blend"],
        ["--scene", "s.blend", "--resume"],
        ["--scene", "out/s.blend"],
        ["p.png", "--faces", "500", "--topology", "quads"],
        ["p.png", "--person", "2", "--people", "joined"],
        ["p.png", "--person", "0"],
        ["p.png", "--box", "1,2,3"],
        ["p.png", "--box", "9,2,3,4"],
        ["p.png", "--smooth", "51"],
        ["p.png", "--preset", "best"],
    ],
)
def test_options_that_do_not_go_together_are_exit_code_2(ext, arguments, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert ext.commands.main([*arguments, "-o", "out"]) == 2
    assert "error: " in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_ends_the_batch_and_the_engine(ext, fake, photos, tmp_path, capfd, monkeypatch):
    def interrupt(_item, _job):
        raise KeyboardInterrupt

    fake.mode = "slow"
    monkeypatch.setattr(ext.batch_report.Lines, "progress", lambda _self, *told: interrupt(*told))
    out = tmp_path / "out"
    assert ext.commands.main([str(photos), "-o", str(out)]) == 1
    assert capfd.readouterr().out.count(": cancelled.") == 6  # each when its turn comes, and at the end
    assert names(out) == []
    assert fake.processes() == []


def test_ctrl_c_in_an_exporter_waits_until_the_file_is_whole(ext, fake, photos, tmp_path, monkeypatch):
    real = ext.exporting._WRITERS["glb"]

    def interrupted(path, people):
        os.kill(os.getpid(), signal.SIGINT)
        real(path, people)

    monkeypatch.setitem(ext.exporting._WRITERS, "glb", interrupted)
    out = tmp_path / "out"
    assert ext.commands.main([str(photos), "-o", str(out), "--format", "glb,obj"]) == 1
    assert names(out) == ["C.glb"]
    assert (out / "C.glb").read_bytes()[:4] == b"glTF"


def test_weights_that_are_not_there_are_told_once(ext, fake, photos, tmp_path, capfd, monkeypatch):
    def refuse(*_arguments, **_settings):
        raise ext.errors.EngineError("bad_weights", "There are no weights.", "Download them.")

    monkeypatch.setattr(ext.api, "reconstruct", refuse)
    assert ext.commands.main([str(photos), "-o", str(tmp_path / "out"), "--jsonl"]) == 1
    codes = [one["code"] for one in events(capfd.readouterr().out) if one["event"] == "failed"]
    assert codes == ["bad_weights", "not_tried", "not_tried"]


def test_a_picture_of_which_not_everybody_came_has_no_files(ext, fake, photos, tmp_path, monkeypatch):
    real = ext.api.reconstruct

    def partly(*arguments, **settings):
        person = real(*arguments, **settings)
        ext.jobs.set_notice(ext.errors.EngineError("out_of_memory", "The memory ran out.", "Use less."))
        return person

    monkeypatch.setattr(ext.api, "reconstruct", partly)
    assert ext.commands.main([str(photos / "a.png"), "-o", str(tmp_path / "out")]) == 1
    assert names(tmp_path / "out") == []
    assert len(bpy.data.objects) == 0


def test_help_names_every_key_of_the_json_lines(ext, fake, photos, tmp_path, capfd):
    (photos / "b.png").write_bytes(png(2, 2, TINY, b"nobody"))
    out = tmp_path / "out"
    out.mkdir()
    (out / "C.glb").write_text("older")
    assert ext.commands.main([str(photos), "-o", str(out), "--jsonl", "--resume"]) == 1
    told = events(capfd.readouterr().out)
    assert ext.commands.main(["-h"]) == 0
    printed = capfd.readouterr().out
    described = dict(re.findall(r"^  (start|progress|done|skipped|failed|end) +(.*)$", printed, re.MULTILINE))
    for one in told:
        named = set(re.findall(r"\w+", re.sub(r"\(.*?\)", "", described[one["event"]])))
        assert set(one) - {"event"} == named
