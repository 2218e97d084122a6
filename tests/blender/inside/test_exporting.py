# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes back when an exported person is imported again: size, which way is up and forward, colours."""

import signal
import sys
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from conftest import TINY, jpeg_turned, png

FRONT, REST = (200, 30, 40), (30, 60, 200)  # of the fake engine's box: its front is at -y


@pytest.fixture
def written(ext, fake, tmp_path):
    """Writes a person 1.5 m tall in each format; the folder."""

    def write(*options):
        path = tmp_path / "ada.png"
        path.write_bytes(png(2, 2, TINY))
        out = tmp_path / "out"
        formats = ",".join(ext.exporting.FORMATS)
        arguments = [str(path), "-o", str(out), "--height", "1.5", "--format", formats]
        assert ext.commands.main([*arguments, *options]) == 0
        return out

    return write


def read(path):
    """Import a file into an empty scene; its mesh objects."""
    if path.suffix == ".blend":
        bpy.ops.wm.open_mainfile(filepath=str(path))
    else:
        bpy.ops.wm.read_homefile(use_empty=True)
        if path.suffix == ".glb":
            bpy.ops.import_scene.gltf(filepath=str(path))
        elif path.suffix == ".fbx":
            bpy.ops.import_scene.fbx(filepath=str(path))
        else:
            bpy.ops.wm.obj_import(filepath=str(path))
    bpy.context.view_layer.update()
    return sorted((item for item in bpy.data.objects if item.type == 'MESH'), key=lambda item: item.name)


def corners(person):
    """World positions (N, 3) of all vertices."""
    return np.array([person.matrix_world @ vertex.co for vertex in person.data.vertices])


def colours(person):
    """sRGB (N, 3), 0 to 255, one of each vertex."""
    [layer] = person.data.color_attributes
    values = np.array([item.color_srgb[:3] for item in layer.data])
    if layer.domain == 'CORNER':
        each = np.zeros((len(person.data.vertices), 3))
        each[[loop.vertex_index for loop in person.data.loops]] = values
        values = each
    return np.rint(values * 255)


def check(person, front=FRONT):
    """The fake engine's box, 0.6 x 0.4 x 1.5, feet on the ground, red toward -y and blue elsewhere."""
    places = corners(person)
    np.testing.assert_allclose(places.min(axis=0), [-0.3, -0.2, 0.0], atol=1e-5)
    np.testing.assert_allclose(places.max(axis=0), [0.3, 0.2, 1.5], atol=1e-5)
    found = colours(person)
    red = np.abs(found - front).max(axis=1) <= 1  # some formats keep linear floats, some bytes
    blue = np.abs(found - REST).max(axis=1) <= 1
    assert (red ^ blue).all(), found
    assert red.any()
    assert (places[red][:, 1] < 0).all()


@pytest.mark.parametrize("suffix", ["blend", "glb", "fbx", "obj"])
def test_every_format_keeps_size_direction_and_colours(written, suffix):
    [person] = read(written() / f"ada.{suffix}")
    check(person)


def test_the_startup_scene_of_a_user_who_works_in_centimetres_changes_nothing(written):
    bpy.context.scene.unit_settings.scale_length = 0.01
    out = written()
    for suffix in ("blend", "glb", "fbx", "obj"):
        [person] = read(out / f"ada.{suffix}")
        check(person)


def test_a_texture_leaves_the_colours_in_the_other_formats(written):
    out = written("--texture")
    for suffix in ("glb", "fbx", "obj"):
        [person] = read(out / f"ada.{suffix}")
        # glTF multiplies them with the photograph, which is what shows the front there
        check(person, front=(255, 255, 255) if suffix == "glb" else FRONT)
    [person] = read(out / "ada.blend")
    assert person["pifuhd_image"].packed_file is not None, "the photograph is lost when the file moves"
    assert "Photograph" in person.data.uv_layers


def test_the_photograph_is_in_a_glb_and_on_the_side_that_it_shows(written, tmp_path):
    path = written("--texture") / "ada.glb"
    (tmp_path / "ada.png").unlink()
    [person] = read(path)
    photographs = [
        {node.image for node in slot.material.node_tree.nodes if node.bl_idname == "ShaderNodeTexImage"}
        for slot in person.material_slots
    ]
    [number] = [number for number, found in enumerate(photographs) if found]
    [image] = photographs[number]
    expected = np.frombuffer(TINY, np.uint8).reshape(2, 2, 3)[::-1]  # Blender's first row is the lowest
    np.testing.assert_allclose(np.reshape(image.pixels, (2, 2, 4))[..., :3], expected / 255, atol=1e-6)
    turn = person.matrix_world.to_3x3()
    for polygon in person.data.polygons:
        assert ((turn @ polygon.normal).y < -0.9) == (polygon.material_index == number)
    # as the photograph fills the box's height, its lower edge is at the feet
    [uv] = person.data.uv_layers
    for corner in person.data.loops:
        height = corners(person)[corner.vertex_index][2]
        assert uv.uv[corner.index].vector.y == pytest.approx(height / 1.5, abs=1e-5)


def test_nothing_of_the_plain_material_is_left(ext, fake, photo):
    person = ext.api.reconstruct(str(photo), texture=True)

    def everything():
        return person.data, [list(kind) for kind in (bpy.data.meshes, bpy.data.materials, bpy.data.images)]

    before = everything()
    with ext.plain_textures.given([person]):
        assert person.data != before[0]
    assert everything() == before


def test_a_photograph_that_is_stored_turned_says_so_no_more(ext, photo, tmp_path):
    (tmp_path / "phone.jpg").write_bytes(jpeg_turned())
    assert ext.orientation.of_file((tmp_path / "phone.jpg").read_bytes()) == 6
    phone = bpy.data.images.load(str(tmp_path / "phone.jpg"))
    shown = ext.plain_textures.as_shown(phone)
    assert tuple(shown.size) == tuple(phone.size)
    assert ext.orientation.of_file(bytes(shown.packed_file.data)) == 1
    upright = bpy.data.images.load(str(photo))
    assert ext.plain_textures.as_shown(upright) == upright


def test_everybody_stands_beside_each_other_in_each_format(written, fake):
    fake.mode = "two"
    out = written("--people", "separate")
    for suffix in ("blend", "glb", "fbx", "obj"):
        first, second = read(out / f"ada.{suffix}")
        check(first)
        np.testing.assert_allclose(corners(second) - corners(first), [[1.5, 0.0, 0.0]] * 24, atol=1e-5)


def test_no_colours_are_no_error(written):
    out = written("--colour", "none")
    for suffix in ("blend", "glb", "fbx", "obj"):
        [person] = read(out / f"ada.{suffix}")
        assert len(person.data.color_attributes) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files, which Windows cannot")
@pytest.mark.parametrize("suffix", ["blend", "glb", "fbx"])
def test_a_disk_that_takes_only_a_part_is_one_sentence_and_leaves_nothing(
    ext, fake, tmp_path, capfd, monkeypatch, suffix
):
    import resource

    real = ext.exporting._WRITERS[suffix]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limited(path, people):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # else it kills a real Blender
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        try:
            real(path, people)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    monkeypatch.setitem(ext.exporting._WRITERS, suffix, limited)
    path = tmp_path / "ada.png"
    path.write_bytes(png(2, 2, TINY))
    out = tmp_path / "out"
    assert ext.commands.main([str(path), "-o", str(out), "--format", suffix]) == 1
    [failed] = [line for line in capfd.readouterr().out.splitlines() if "failed: " in line]
    assert f"ada.{suffix} cannot be written: " in failed
    assert "Traceback" not in failed
    assert failed.endswith("Check the folder's permissions and the free disk space.")
    assert list(out.iterdir()) == []


def test_an_obj_is_not_begun_on_a_disk_without_room(ext, fake, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(ext.exporting.shutil, "disk_usage", lambda _folder: SimpleNamespace(free=1000))
    path = tmp_path / "ada.png"
    path.write_bytes(png(2, 2, TINY))
    out = tmp_path / "out"
    assert ext.commands.main([str(path), "-o", str(out), "--format", "obj"]) == 1
    assert "ada.obj cannot be written: the disk is full." in capfd.readouterr().out
    assert list(out.iterdir()) == []


def test_half_an_obj_is_noticed(ext, written):
    path = written() / "ada.obj"
    people = read(path)
    ext.exporting._check_obj(str(path), people)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(OSError, match="only a part"):
        ext.exporting._check_obj(str(path), people)
