# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written is what an independent reader reads, and it appears whole or not at all."""

import json
import os
import struct
from dataclasses import dataclass

import numpy as np
import pytest
import trimesh

from engine.errors import EngineError
from engine.mesh_io import FORMATS, write_mesh
from tests.engine.fields import volume_of


@dataclass(frozen=True)
class Mesh:
    vertices: np.ndarray
    faces: np.ndarray
    colors: np.ndarray


@pytest.fixture
def mesh():
    """A box 0.5 x 0.3 x 1.8 m on the floor, a nose toward -Y, every vertex of its own colour."""
    box = trimesh.creation.box((0.5, 0.3, 1.8))
    vertices = (box.vertices + [0, 0, 0.9]).astype(np.float32)
    vertices[np.argmax(vertices @ [-1, -2, 4])] += np.array([0, -0.2, 0], dtype=np.float32)
    colors = np.full((8, 4), 255, dtype=np.uint8)
    colors[:, :3] = np.random.default_rng(3).integers(0, 256, (8, 3))
    return Mesh(vertices, box.faces.astype(np.int32), colors)


def y_up(vertices):
    return vertices[:, [0, 2, 1]] * np.array([1, 1, -1])


def test_obj(mesh, tmp_path):
    write_mesh(mesh, tmp_path / "a.obj")
    read = trimesh.load(tmp_path / "a.obj", process=False)
    np.testing.assert_allclose(read.vertices, y_up(mesh.vertices), atol=1e-6)
    np.testing.assert_array_equal(read.faces, mesh.faces)
    line = (tmp_path / "a.obj").read_text().splitlines()[1].split()
    np.testing.assert_allclose([float(word) * 255 for word in line[4:]], mesh.colors[0, :3], atol=0.05)


@pytest.mark.parametrize("corners", [3, 4])
def test_obj_has_the_digits_of_printf(tmp_path, corners):
    random = np.random.default_rng(4)
    count = 9000
    sizes = 10.0 ** random.integers(-7, 4, (count, 1))
    vertices = (random.normal(size=(count, 3)) * sizes).astype(np.float32)
    vertices[:3] = [[0.0, -0.0, -1e-9], [0.9999997, -9.9999996, 0.5**7], [2.5**-9, 1234.5, -3 * 0.5**7]]
    faces = random.integers(0, count, (2 * count, corners)).astype(np.int32)
    colors = random.integers(0, 256, (count, 4)).astype(np.uint8)
    write_mesh(Mesh(vertices, faces, colors), tmp_path / "a.obj", "camera")
    lines = (tmp_path / "a.obj").read_text().splitlines()
    places = zip(vertices.tolist(), (colors[:, :3] / 255.0).tolist())
    rows = ([f"{x:.6f}" for x in at] + [f"{c:.4f}" for c in shade] for at, shade in places)
    assert lines[1 : 1 + count] == [" ".join(["v", *row]) for row in rows]
    assert lines[2 + count :] == [" ".join(["f", *map(str, face)]) for face in (faces + 1).tolist()]


def test_ply(mesh, tmp_path):
    write_mesh(mesh, tmp_path / "a.ply")
    read = trimesh.load(tmp_path / "a.ply", process=False)
    np.testing.assert_array_equal(read.vertices, mesh.vertices)
    np.testing.assert_array_equal(read.faces, mesh.faces)
    np.testing.assert_array_equal(read.visual.vertex_colors, mesh.colors)


def test_stl(mesh, tmp_path):
    write_mesh(mesh, tmp_path / "a.stl")
    read = trimesh.load(tmp_path / "a.stl", process=False)
    np.testing.assert_array_equal(read.triangles, mesh.vertices[mesh.faces])
    assert volume_of(mesh.vertices, mesh.faces) > 0
    assert (np.einsum("ij,ij->i", read.face_normals, read.triangles_center - read.centroid) > 0).all()


def read_glb(path):
    data = path.read_bytes()
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    size, kind = struct.unpack_from("<I4s", data, 12)
    assert kind == b"JSON"
    assert size % 4 == 0
    document = json.loads(data[20 : 20 + size])
    size_binary, kind = struct.unpack_from("<I4s", data, 20 + size)
    assert kind == b"BIN\0"
    assert size_binary % 4 == 0
    assert size_binary == document["buffers"][0]["byteLength"]
    binary = data[28 + size :]
    arrays = []
    for accessor in document["accessors"]:
        view = document["bufferViews"][accessor["bufferView"]]
        kind = {5126: "<f4", 5123: "<u2", 5125: "<u4"}[accessor["componentType"]]
        raw = np.frombuffer(binary[view["byteOffset"] :][: view["byteLength"]], kind)
        arrays.append(raw.reshape(accessor["count"], -1))
    return document, arrays


def test_glb(mesh, tmp_path):
    write_mesh(mesh, tmp_path / "a.glb")
    document, (positions, normals, colours, faces) = read_glb(tmp_path / "a.glb")
    np.testing.assert_array_equal(positions, y_up(mesh.vertices))
    np.testing.assert_array_equal(faces.reshape(-1, 3), mesh.faces)
    assert document["accessors"][0]["max"] == positions.max(axis=0).tolist()
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-6)
    value = mesh.colors[:, :3] / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    np.testing.assert_allclose(colours[:, :3] / 65535, linear, atol=1e-5)
    assert (colours[:, 3] == 65535).all()
    read = trimesh.load(tmp_path / "a.glb", process=False, force="mesh")
    np.testing.assert_allclose(read.vertices, y_up(mesh.vertices), atol=1e-6)
    assert read.volume > 0


def quads():
    """A cube off the origin, of six faces with four corners."""
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], np.float32) * 0.5 + 0.2
    faces = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    return Mesh(corners, np.array(faces, np.int32), np.full((8, 4), 200, np.uint8))


def test_quads_stay_quads_where_the_format_has_them(tmp_path):
    write_mesh(quads(), tmp_path / "a.obj")
    lines = [line.split()[1:] for line in (tmp_path / "a.obj").read_text().splitlines() if line[0] == "f"]
    assert [[int(word) - 1 for word in line] for line in lines] == quads().faces.tolist()
    write_mesh(quads(), tmp_path / "a.ply")
    data = (tmp_path / "a.ply").read_bytes()
    rows = np.frombuffer(data[-6 * 17 :], [("count", "u1"), ("corner", "<i4", 4)])
    assert (rows["count"] == 4).all()
    np.testing.assert_array_equal(rows["corner"], quads().faces)


@pytest.mark.parametrize("suffix", [".obj", ".ply", ".glb", ".stl"])
def test_quads_are_read_as_a_closed_cube_from_every_format(suffix, tmp_path):
    write_mesh(quads(), tmp_path / f"a{suffix}")
    read = trimesh.load(tmp_path / f"a{suffix}", process=True, force="mesh")
    assert read.is_watertight
    assert read.volume == pytest.approx(0.125, rel=1e-5)


@pytest.mark.parametrize("axes", ["blender", "camera"])
def test_normals_turn_with_the_mesh(axes, tmp_path):
    write_mesh(quads(), tmp_path / "a.glb", axes=axes)
    _, (positions, normals, *_) = read_glb(tmp_path / "a.glb")
    outward = positions - positions.mean(axis=0)
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    np.testing.assert_allclose(normals, outward, atol=1e-6)


@pytest.mark.parametrize("suffix", [".obj", ".ply", ".glb", ".stl"])
def test_camera_space_is_written_as_it_is(suffix, tmp_path):
    write_mesh(quads(), tmp_path / f"a{suffix}", axes="camera")
    read = trimesh.load(tmp_path / f"a{suffix}", process=False, force="mesh")
    np.testing.assert_allclose(read.bounds, [[0.2] * 3, [0.7] * 3], atol=1e-6)


@pytest.mark.parametrize("suffix", [".obj", ".glb"])
def test_the_person_faces_plus_z_where_y_is_up(mesh, tmp_path, suffix):
    write_mesh(mesh, tmp_path / f"a{suffix}")
    read = trimesh.load(tmp_path / f"a{suffix}", process=False, force="mesh")
    low, high = read.bounds
    assert high[2] == pytest.approx(0.35)  # the nose
    assert low[2] == pytest.approx(-0.15)
    assert (low[1], high[1]) == (pytest.approx(0), pytest.approx(1.8))


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_same_mesh_gives_the_same_bytes(mesh, tmp_path, suffix):
    write_mesh(mesh, tmp_path / f"a{suffix}")
    write_mesh(mesh, tmp_path / f"b{suffix.upper()}")
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix.upper()}").read_bytes()


def test_unknown_suffixes_are_named(mesh, tmp_path):
    for name in ("a.fbx", "a"):
        with pytest.raises(EngineError) as caught:
            write_mesh(mesh, tmp_path / name)
        assert caught.value.code == "bad_settings"
        assert ".glb" in caught.value.hint
    assert os.listdir(tmp_path) == []


def test_a_failed_write_leaves_the_old_file_and_no_scraps(mesh, tmp_path, monkeypatch):
    target = tmp_path / "a.ply"
    target.write_bytes(b"old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(EngineError) as caught:
        write_mesh(mesh, target)
    assert caught.value.code == "io"
    assert "No space" in caught.value.text
    assert os.listdir(tmp_path) == ["a.ply"]
    assert target.read_bytes() == b"old"


def test_a_missing_folder_is_named(mesh, tmp_path):
    with pytest.raises(EngineError) as caught:
        write_mesh(mesh, tmp_path / "none" / "a.ply")
    assert caught.value.code == "io"
