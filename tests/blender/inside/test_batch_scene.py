# SPDX-License-Identifier: GPL-3.0-or-later
"""The batch command on a .blend whose image empties show people, against the fake engine."""

import json
import math
from pathlib import Path

import bpy
import numpy as np
import pytest
from conftest import TINY, png
from test_exporting import check, corners, read


@pytest.fixture
def scene(tmp_path):
    """A file in centimetres with references: ada shown twice, bob lying on his side, a hidden one; a cube in
    Edit Mode."""
    bpy.context.scene.unit_settings.scale_length = 0.01
    pictures = {}
    for name in ("ada", "bob", "eve"):
        path = tmp_path / f"{name}.png"
        path.write_bytes(png(2, 2, TINY))
        pictures[name] = bpy.data.images.load(str(path))
    for name, picture in (("front", "ada"), ("again", "ada"), ("side", "bob"), ("hidden", "eve")):
        empty = bpy.data.objects.new(name, None)
        empty.empty_display_type = 'IMAGE'
        empty.data = pictures[picture]
        empty.empty_display_size = 150.0
        empty.rotation_euler = (math.pi / 2, 0.0, math.pi / 2 if name == "side" else 0.0)
        empty.location = (0.0, 300.0, 0.0)
        bpy.context.scene.collection.objects.link(empty)
        empty.hide_viewport = name == "hidden"
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.object.mode_set(mode='EDIT')
    path = tmp_path / "sheet.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.read_homefile(use_empty=True)
    return path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_each_visible_reference_once_in_files_of_their_own_and_in_a_copy(ext, fake, scene, tmp_path):
    before = scene.read_bytes()
    out = tmp_path / "out"
    arguments = ["--scene", str(scene), "-o", str(out), "--height", "1.5"]
    assert ext.commands.main([*arguments, "--format", "glb,fbx,obj,blend"]) == 0
    assert names(out) == sorted([*(f"{who}.{end}" for who in ("ada", "bob") for end in ("glb", "fbx", "obj")),
                                 "sheet.blend"])  # fmt: skip
    assert scene.read_bytes() == before
    for who in ("ada", "bob"):
        for suffix in ("glb", "fbx", "obj"):
            [person] = read(out / f"{who}.{suffix}")
            check(person)

    people = {person.name: person for person in read(out / "sheet.blend")}
    assert set(people) == {"Cube", "ada", "bob"}
    # The picture is square and 150 units a side; whom it shows fills it from its lower side to its upper.
    for name, across in (("ada", 0), ("bob", 1)):
        places = corners(people[name])
        assert np.ptp(places[:, 2]) == pytest.approx(150.0, abs=1e-3)
        assert np.ptp(places[:, across]) == pytest.approx(60.0, abs=1e-3)
        assert people[name]["pifuhd_image"] == bpy.data.images[f"{name}.png"]
    assert bpy.data.objects["again"].data == bpy.data.images["ada.png"]
    assert Path(bpy.path.abspath(bpy.data.images["ada.png"].filepath)).samefile(tmp_path / "ada.png")


def test_without_a_copy_nobody_stays_in_memory(ext, fake, scene, tmp_path):
    assert ext.commands.main(["--scene", str(scene), "-o", str(tmp_path / "out"), "--format", "obj"]) == 0
    assert names(tmp_path / "out") == ["ada.obj", "bob.obj"]
    assert not any(ext.results.is_reconstruction(item) for item in bpy.data.objects)
    assert {image.name for image in bpy.data.images} == {"ada.png", "bob.png", "eve.png"}


def test_a_bad_reference_is_told_and_the_copy_has_the_others(ext, fake, scene, tmp_path, capfd):
    (tmp_path / "ada.png").write_bytes(png(2, 2, TINY, b"nobody"))
    out = tmp_path / "out"
    assert ext.commands.main(["--scene", str(scene), "-o", str(out), "--format", "blend", "--jsonl"]) == 1
    told = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    [failed] = [one for one in told if one["event"] == "failed"]
    assert (failed["file"], failed["code"]) == ("again", "no_person")
    assert told[-1]["outputs"] == [str(out / "sheet.blend")]
    assert {person.name for person in read(out / "sheet.blend")} == {"Cube", "bob"}


@pytest.mark.parametrize("content, words", [(None, "cannot be opened"), (b"no blend", "cannot be opened")])
def test_a_scene_that_cannot_be_opened(ext, fake, tmp_path, capfd, content, words):
    path = tmp_path / "bad.blend"
    if content is not None:
        path.write_bytes(content)
    assert ext.commands.main(["--scene", str(path), "-o", str(tmp_path / "out")]) == 1
    assert words in capfd.readouterr().out


def test_a_scene_without_references(ext, fake, tmp_path, capfd):
    path = tmp_path / "empty.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    assert ext.commands.main(["--scene", str(path), "-o", str(tmp_path / "out")]) == 1
    assert "Add the photo with Add > Image > Reference" in capfd.readouterr().out
