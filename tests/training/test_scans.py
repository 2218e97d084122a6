# SPDX-License-Identifier: GPL-3.0-or-later
"""Scans on disk become people, or are told apart with the reason."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.tiny import SMALL_POOL
from tests.training.shapes import Shape, box, sphere
from training.humans import Person
from training.occupancy import inside
from training.pool import build_pool, read_person, read_views
from training.scans import ScanFrame, UnusableScan, find_scans, read_scan
from training.scans.folder import TEST_FROM, scan_seed

AUTO = ScanFrame()


def body() -> Shape:
    """A head on two legs and a trunk, 1.75 m tall, feet at y = 0, a nose toward +z."""
    shapes = [
        box((-0.2, 0.8, -0.1), (0.2, 1.5, 0.1)),
        box((-0.18, 0.0, -0.08), (-0.05, 0.79, 0.08)),
        box((0.05, 0.0, -0.08), (0.18, 0.79, 0.08)),
        sphere(0.12, (0, 1.63, 0), rings=8),
        box((-0.02, 1.6, 0.13), (0.02, 1.64, 0.2)),
    ]
    offsets = np.cumsum([0] + [len(v) for v, _ in shapes[:-1]])
    faces = np.concatenate([f + o for (_, f), o in zip(shapes, offsets)])
    return np.concatenate([v for v, _ in shapes]).astype(np.float64), faces


def write_obj(path: Path, vertices: np.ndarray, faces: np.ndarray, head: str = "", uv: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [head, *(f"v {x:.9g} {y:.9g} {z:.9g}" for x, y, z in vertices), uv]
    mark = "/1" if uv else ""
    lines += ["f " + " ".join(f"{k + 1}{mark}" for k in face) for face in faces]
    path.write_text("\n".join(lines))
    return path


def assert_is_the_body(person: Person) -> None:
    assert person.vertices.dtype == torch.float32
    assert person.faces.dtype == torch.int64
    assert abs(float(person.vertices[:, 1].min())) < 1e-6
    assert person.stature == pytest.approx(1.75, abs=1e-4)
    assert int(person.part.max()) == 4
    # trunk, foot and nose are inside; between the legs, behind the head and beside the trunk is not
    points = torch.tensor(
        [[0.1, 1.2, 0.0], [0.1, 0.1, 0], [0.01, 1.621, 0.17], [0, 0.4, 0], [0.01, 1.621, -0.17], [0.5, 1, 0]]
    )
    depth = float(person.vertices[:, 2].min()) + 0.12
    points[:, 2] += depth
    found = inside(points, person.vertices, person.faces, person.part)
    assert found.tolist() == [True, True, True, False, False, False]


@pytest.mark.parametrize("factor, unit", [(1.0, "m"), (100.0, "cm"), (1000.0, "mm")])
@pytest.mark.parametrize("up", ["y", "z"])
def test_unit_and_up_axis_are_found_and_recorded(tmp_path: Path, factor: float, unit: str, up: str) -> None:
    vertices, faces = body()
    if up == "z":
        vertices = np.stack([vertices[:, 0], -vertices[:, 2], vertices[:, 1]], 1)
    person = read_scan(write_obj(tmp_path / "a.obj", vertices * factor + 7, faces), 5, AUTO)
    assert_is_the_body(person)
    assert person.seed == 5
    assert person.description["unit"].startswith(f"{unit}, from the height")
    assert person.description["up"].startswith(f"{up}, the longer")
    assert "grey" in person.description["notes"][0]


@pytest.mark.parametrize("up", ["y", "z"])
def test_symmetry_tells_the_up_axis_of_somebody_as_deep_as_tall(tmp_path: Path, up: str) -> None:
    vertices, faces = body()
    arm = box((0.1, 1.3, -0.85), (0.2, 1.4, 0.85))  # as deep as tall, the same before and behind
    faces = np.concatenate([faces, arm[1] + len(vertices)])
    vertices = np.concatenate([vertices, arm[0]])
    if up == "z":
        vertices = np.stack([vertices[:, 0], -vertices[:, 2], vertices[:, 1]], 1)
    person = read_scan(write_obj(tmp_path / "a.obj", vertices, faces), 0, AUTO)
    assert person.description["up"].startswith(f"{up}, the less symmetric")
    assert person.stature == pytest.approx(1.75, abs=1e-4)


def test_given_unit_axis_and_turn_are_obeyed(tmp_path: Path) -> None:
    vertices, faces = body()
    path = write_obj(tmp_path / "a.obj", vertices, faces)
    with pytest.raises(UnusableScan, match=r"height of 1\.75 is no person's in cm"):
        read_scan(path, 0, ScanFrame(unit="cm"))
    turned = read_scan(path, 0, ScanFrame("m", "y", 90))
    # the nose, foremost before, points to the viewer's right
    assert float(turned.vertices[turned.vertices[:, 0].argmax(), 1]) == pytest.approx(1.6, abs=0.05)
    assert turned.description["up"] == "y, given"


def test_a_small_hole_is_filled_and_a_large_one_is_not(tmp_path: Path) -> None:
    vertices, faces = body()
    head = np.flatnonzero(vertices[faces].min(1)[:, 1] > 1.55)
    small = read_scan(write_obj(tmp_path / "a.obj", vertices, np.delete(faces, head[:3], 0)), 0, AUTO)
    assert any("filled" in note for note in small.description["notes"])
    assert int(small.part.max()) == 4
    top = np.flatnonzero((vertices[faces][..., 1] == 1.5).all(1) | (vertices[faces][..., 1] == 0.8).all(1))
    with pytest.raises(UnusableScan, match="not closed"):
        read_scan(write_obj(tmp_path / "b.obj", vertices, np.delete(faces, top, 0)), 0, AUTO)


def test_inside_out_scans_are_turned(tmp_path: Path) -> None:
    vertices, faces = body()
    assert_is_the_body(read_scan(write_obj(tmp_path / "a.obj", vertices, faces[:, ::-1]), 0, AUTO))


def test_texture_reaches_the_vertices_and_faces_are_refined(tmp_path: Path) -> None:
    vertices, faces = body()
    picture = np.zeros((256, 256, 3), np.uint8)
    picture[:128], picture[128:] = (0, 0, 255), (255, 0, 0)  # BGR: red above, blue below
    cv2.imwrite(str(tmp_path / "skin tex.png"), picture)
    (tmp_path / "m.mtl").write_text("newmtl skin\nKd 1 1 1\nmap_Kd skin tex.png\n")
    path = write_obj(tmp_path / "a.obj", vertices, faces, "mtllib m.mtl\nusemtl skin", "vt 0.5 0.9")
    person = read_scan(path, 0, AUTO)
    assert len(person.faces) > 4 * len(faces)
    assert_is_the_body(person)
    assert (person.albedo == torch.tensor([1.0, 0.0, 0.0])).all()


def test_vertex_colours_polygons_and_indices_from_the_end(tmp_path: Path) -> None:
    corners, _ = box((-0.2, 0, -0.1), (0.2, 1.6, 0.1))
    quads = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    lines = [f"v {x} {y} {z} 0.2 0.4 0.6" for x, y, z in corners]
    lines += ["f " + " ".join(f"{k - 8}//" for k in quad) for quad in quads]
    path = tmp_path / "a.obj"
    path.write_text("\n".join(lines))
    person = read_scan(path, 0, AUTO)
    assert person.faces.shape == (12, 3)
    assert person.albedo.numpy() == pytest.approx(np.tile([0.2, 0.4, 0.6], (8, 1)), abs=1e-6)


def write_glb(path: Path, vertices: np.ndarray, faces: np.ndarray, colour: tuple[int, int, int]) -> Path:
    """Every corner a vertex of its own, as seams split them, under a node that scales and lifts."""
    corners = ((vertices - [0, 1, 0]) / 2)[faces].reshape(-1, 3).astype("<f4")
    uv = np.tile(np.array([0.5, 0.25], "<f4"), (len(corners), 1))
    picture = np.zeros((4, 4, 3), np.uint8)
    picture[:2] = colour[::-1]
    image = cv2.imencode(".png", picture)[1].tobytes()
    blocks = [corners.tobytes(), uv.tobytes(), np.arange(len(corners), dtype="<u4").tobytes(), image]
    starts = np.cumsum([0] + [len(block) for block in blocks]).tolist()
    document = {
        "asset": {"version": "2.0"},
        "scenes": [{"nodes": [0]}],
        "nodes": [{"children": [1], "translation": [0, 1, 0]}, {"mesh": 0, "scale": [2, 2, 2]}],
        "meshes": [
            {"primitives": [{"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "indices": 2, "material": 0}]}
        ],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
        "textures": [{"source": 0}],
        "images": [{"bufferView": 3, "mimeType": "image/png"}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": len(corners), "type": "VEC3"},
            {"bufferView": 1, "componentType": 5126, "count": len(corners), "type": "VEC2"},
            {"bufferView": 2, "componentType": 5125, "count": len(corners), "type": "SCALAR"},
        ],
        "bufferViews": [
            {"buffer": 0, "byteOffset": start, "byteLength": len(block)}
            for start, block in zip(starts, blocks)
        ],
    }
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    binary = b"".join(blocks)
    binary += b"\0" * (-len(binary) % 4)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(binary))
        + struct.pack("<I4s", len(text), b"JSON")
        + text
        + struct.pack("<I4s", len(binary), b"BIN\0")
        + binary
    )
    return path


def test_glb_with_seams_nodes_and_texture(tmp_path: Path) -> None:
    vertices, faces = body()
    path = write_glb(tmp_path / "a.glb", vertices, faces, (204, 102, 51))
    person = read_scan(path, 0, AUTO)
    assert_is_the_body(person)
    assert person.albedo.numpy() == pytest.approx(np.tile([0.8, 0.4, 0.2], (len(person.albedo), 1)), abs=1e-6)


def test_broken_files_say_why(tmp_path: Path) -> None:
    vertices, faces = body()
    bad = vertices.copy()
    bad[0, 0] = np.nan
    cases = {
        "no faces": write_obj(tmp_path / "a.obj", vertices, faces[:0]),
        "not numbers": write_obj(tmp_path / "b.obj", bad, faces),
        "no person's in m, cm or mm": write_obj(tmp_path / "c.obj", vertices * 5, faces),
        "names a vertex": write_obj(tmp_path / "d.obj", vertices[:-1], faces),
        "line 3": tmp_path / "e.obj",
    }
    cases["line 3"].write_text("v 0 0 0\nv 1 0 0\nf 1 two 3\n")
    cases["no readable GLB"] = tmp_path / "f.glb"
    cases["no readable GLB"].write_bytes(b"glTF\x02\0\0\0")
    for reason, path in cases.items():
        with pytest.raises(UnusableScan, match=re.escape(reason)):
            read_scan(path, 0, AUTO)


def test_folders_become_subjects_with_lasting_seeds(tmp_path: Path) -> None:
    vertices, faces = body()
    write_obj(tmp_path / "one" / "mesh.obj", vertices, faces)
    write_obj(tmp_path / "one" / "low.obj", vertices[:8], faces[:12])
    write_obj(tmp_path / "set" / "two" / "mesh.obj", vertices, faces)
    write_obj(tmp_path / "three.obj", vertices[:8], faces[:4])
    (tmp_path / "empty").mkdir()
    scans = find_scans(tmp_path, AUTO)
    assert sorted(scans.names.values()) == ["one", "set/two", "three.obj"]
    assert scans.unusable == {"empty": "no OBJ or GLB file in it"}
    assert sorted(scans.train_seeds() + scans.test_seeds()) == sorted(scans.files)
    seeds = {name: seed for seed, name in scans.names.items()}
    person = scans.person(seeds["one"])
    assert person.seed == seeds["one"] == scan_seed("one")
    assert person.description["scan"] == "one"
    assert person.description["file"] == "mesh.obj"
    with pytest.raises(UnusableScan, match=r"^three\.obj: "):
        scans.person(seeds["three.obj"])
    assert scan_seed("rp_alvin_posed_004") == 698195
    kept = sum(scan_seed(f"subject {k}") >= TEST_FROM for k in range(1000))
    assert 70 < kept < 130


def test_an_empty_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="No scans in"):
        find_scans(tmp_path, AUTO)


def test_a_pool_is_made_of_scans_and_skips_the_unusable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vertices, faces = body()
    write_obj(tmp_path / "scans" / "good" / "mesh.obj", vertices, faces)
    write_obj(tmp_path / "scans" / "bad" / "mesh.obj", vertices * 5, faces)
    scans = find_scans(tmp_path / "scans", AUTO)
    made = build_pool(tmp_path / "pool", scans.files, SMALL_POOL, 1, make=scans.person)
    assert made == 1
    assert "skipped bad: a height of 8.75 is no person's" in capsys.readouterr().out
    file = tmp_path / "pool" / f"{scan_seed('good'):07d}.npz"
    person = read_person(file)
    assert person.hands is None
    assert person.description["scan"] == "good"
    view = read_views(tmp_path / "pool" / "views" / file.name)
    assert view["mask"].max() == 255
    assert 0 < view["labels"].mean() < 1
    assert np.isnan(view["hands"]).all()
    assert json.loads(file.with_suffix(".json").read_text())["scan"] == "good"
