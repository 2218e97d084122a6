# SPDX-License-Identifier: GPL-3.0-or-later
"""The batch command's function, against the fake engine."""

import bpy
import pytest
from conftest import TINY, png


@pytest.fixture
def photos(tmp_path):
    def make(name, text=b""):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(png(2, 2, TINY, text))
        return str(path)

    return make


def test_every_format_holds_the_coloured_person(ext, fake, photos, tmp_path):
    out = tmp_path / "deep" / "out"
    bpy.ops.mesh.primitive_cube_add()
    assert (
        ext.commands.main([photos("ada.png"), "-o", str(out), "--format", "glb,obj,blend", "--height", "1.5"])
        == 0
    )
    assert sorted(path.name for path in out.iterdir()) == ["ada.blend", "ada.glb", "ada.obj"]

    bpy.ops.wm.open_mainfile(filepath=str(out / "ada.blend"))
    assert [item.name for item in bpy.data.objects] == ["ada"]
    assert round(bpy.data.objects["ada"].dimensions.z, 4) == 1.5

    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.import_scene.gltf(filepath=str(out / "ada.glb"))
    person = next(item for item in bpy.data.objects if item.type == 'MESH')
    assert round(person.dimensions.z, 4) == 1.5
    assert len(person.data.color_attributes) == 1

    lines = (out / "ada.obj").read_text().splitlines()
    vertices = [line.split() for line in lines if line.startswith("v ")]
    assert all(len(vertex) == 7 for vertex in vertices)
    assert max(float(vertex[2]) for vertex in vertices) == pytest.approx(1.5)  # y up


def test_bad_pictures_are_listed_at_the_end_and_the_others_done(ext, fake, photos, tmp_path, capfd):
    (tmp_path / "notes.png").write_text("no picture")
    out = tmp_path / "out"
    code = ext.commands.main(
        [
            photos("a.png"),
            photos("empty.png", b"nobody"),
            str(tmp_path / "notes.png"),
            str(tmp_path / "gone.png"),
            photos("z.png"),
            "-o",
            str(out),
        ]
    )
    assert code == 1
    assert sorted(path.name for path in out.iterdir()) == ["a.glb", "z.glb"]
    printed = capfd.readouterr().out.splitlines()
    failed = [line for line in printed if line.startswith("PIFuHD: failed: ")]
    assert [line.split(": ")[2] for line in failed] == ["empty.png", "notes.png", "gone.png"]
    assert "Use a photo of one whole person." in failed[0]
    assert printed[-1] == "PIFuHD: 2 of 5 done."
    assert any(line.startswith("PIFuHD: [1/5] a.png: ") and line.endswith(" %") for line in printed)
    assert len(bpy.data.objects) == len(bpy.data.meshes) == len(bpy.data.materials) == 0


def test_two_photos_of_one_name_make_two_files(ext, fake, photos, tmp_path):
    out = tmp_path / "out"
    assert ext.commands.main([photos("x/p.png"), photos("y/p.png"), "-o", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["p.glb", "p_2.glb"]


def test_one_engine_for_all_and_none_left(ext, fake, photos, tmp_path):
    started = []
    real = ext.jobs.EngineProcess

    def count(*arguments, **keywords):
        started.append(real(*arguments, **keywords))
        return started[-1]

    ext.jobs.EngineProcess = count
    try:
        ext.commands.main([photos("a.png"), photos("b.png"), photos("c.png"), "-o", str(tmp_path / "out")])
    finally:
        ext.jobs.EngineProcess = real
    assert len(started) == 1
    assert not started[0].alive


def test_an_engine_that_cannot_start_ends_the_batch_at_once(ext, fake, photos, tmp_path, capfd):
    fake.mode = "refuse"
    assert ext.commands.main([photos("a.png"), photos("b.png"), "-o", str(tmp_path / "out")]) == 1
    printed = capfd.readouterr().out
    assert "failed: a.png: The engine does not start" in printed
    assert "failed: b.png: not tried." in printed


def test_a_crash_in_the_middle_does_not_end_the_batch(ext, fake, photos, tmp_path, capfd):
    fake.mode = "crash"
    assert ext.commands.main([photos("a.png"), photos("b.png"), "-o", str(tmp_path / "out")]) == 1
    printed = capfd.readouterr().out
    assert printed.count("PIFuHD: failed: ") == 2
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_that_cannot_be_made(ext, fake, photos, tmp_path, capfd):
    (tmp_path / "file").write_text("")
    assert ext.commands.main([photos("a.png"), "-o", str(tmp_path / "file")]) == 1
    assert "Choose another folder." in capfd.readouterr().out


def test_a_target_that_cannot_be_replaced_leaves_no_partial_file(ext, fake, photos, tmp_path, capfd):
    out = tmp_path / "out"
    (out / "a.glb" / "in the way").mkdir(parents=True)
    assert ext.commands.main([photos("a.png"), "-o", str(out)]) == 1
    assert [path.name for path in out.iterdir()] == ["a.glb"]
    assert "a.glb cannot be written" in capfd.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["p.png"],
        ["-o", "out"],
        ["p.png", "-o", "out", "--format", "stl"],
        ["p.png", "-o", "out", "--unknown"],
        ["p.png", "-o", "out", "--resolution", "100"],
        ["p.png", "-o", "out", "--resolution", "1056"],
        ["p.png", "-o", "out", "--height", "tall"],
        ["p.png", "-o", "out", "--height", "nan"],
    ],
)
def test_a_wrong_command_line_is_exit_code_2(ext, arguments, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert ext.commands.main(arguments) == 2
    assert "usage: blender -b --command pifuhd" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_help(ext, capfd):
    assert ext.commands.main(["-h"]) == 0
    printed = capfd.readouterr().out
    for word in ("PHOTO", "--output", "--format", "--resolution", "--height", "Exit code"):
        assert word in printed
