# SPDX-License-Identifier: GPL-3.0-or-later
"""Materials and textures of OBJ files, in the layouts that scans are sold and shared in."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.training.test_scans import AUTO, assert_is_the_body, body, write_obj
from training.humans import Person
from training.scans import find_scans, read_scan


def picture(path: Path, rgb: tuple[int, int, int], size: int = 64) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((size, size, 3), rgb[::-1], np.uint8))
    return path


def read(root: Path, name: str) -> Person:
    scans = find_scans(root, AUTO)
    seeds = {known: seed for seed, known in scans.names.items()}
    return scans.person(seeds[name])


RED, BLUE = (204, 0, 0), (0, 0, 204)


def assert_is_red(person: Person) -> None:
    assert_is_the_body(person)
    assert person.albedo.numpy() == pytest.approx(np.tile([0.8, 0, 0], (len(person.albedo), 1)), abs=0.02)


@pytest.mark.parametrize(
    "line",
    [
        "map_Kd tex\\rp_eve posed_dif_2k.png",
        "\tmap_Kd\tC:\\Users\\Scan Lab\\eve\\rp_eve posed_dif_2k.png  ",
        "MAP_KD -s 1 1 1 -bm 0.5 -clamp on Tex/RP_Eve Posed_DIF_2k.PNG",
        'map_Kd "tex/rp_eve posed_dif_2k.png"',
        "map_Kd ./tex/rp_eve posed_dif_2k.png",
    ],
)
def test_renderpeople_folders_in_centimetres_with_windows_paths(tmp_path: Path, line: str) -> None:
    vertices, faces = body()
    folder = tmp_path / "rp_eve posed_012_OBJ"
    picture(folder / "tex" / "rp_eve posed_dif_2k.png", RED)
    picture(folder / "tex" / "rp_eve posed_norm_2k.png", BLUE)
    head = "mtllib rp_eve posed_012.mtl\r\nusemtl rp_eve_mat\r"
    write_obj(folder / "rp_eve posed_012_30k.obj", vertices[:8] * 100, faces[:12], head, "vt 0.5 0.9")
    write_obj(folder / "rp_eve posed_012_100k.obj", vertices * 100, faces, head, "vt 0.5 0.9")
    (folder / "rp_eve posed_012.mtl").write_text(f"newmtl rp_eve_mat\r\n  Kd 0 0 0\r\n{line}\r\n")
    (folder / "._rp_eve posed_012_100k.obj").write_bytes(b"x" * 100_000)
    (tmp_path / "__MACOSX").mkdir()
    assert find_scans(tmp_path, AUTO).unusable == {}
    person = read(tmp_path, folder.name)
    assert_is_red(person)
    assert person.description["file"] == "rp_eve posed_012_100k.obj"
    assert person.description["unit"].startswith("cm")
    assert person.description["notes"] == []


@pytest.mark.parametrize("head", ["mtllib ./material.mtl\nusemtl material_0", "mtllib material.mtl", ""])
def test_thuman_folders_with_one_jpeg_each(tmp_path: Path, head: str) -> None:
    """With a material, with faces that name none, and without any material file at all."""
    vertices, faces = body()
    for name, colour in (("0000", RED), ("0001", BLUE)):
        write_obj(tmp_path / name / f"{name}.obj", vertices, faces, head, "vt 0.5 0.9")
        picture(tmp_path / name / "material0.jpeg", colour)
        if head:
            (tmp_path / name / "material.mtl").write_text("newmtl material_0\nmap_Kd material0.jpeg\n")
    person = read(tmp_path, "0000")
    assert_is_red(person)
    guessed = ["texture taken from material0.jpeg, which no material names"]
    assert person.description["notes"] == ([] if head else guessed)


def test_missing_textures_are_told_and_the_scan_is_used(tmp_path: Path) -> None:
    vertices, faces = body()
    head = "mtllib a.mtl\nusemtl skin"
    path = write_obj(tmp_path / "s" / "a.obj", vertices, faces, head, "vt 0.5 0.9")
    library = path.with_suffix(".mtl")
    library.write_text("newmtl skin\nKd 0 0 0\nmap_Kd tex/gone.jpg\n")
    person = read(tmp_path, "s")
    assert_is_the_body(person)
    assert person.description["notes"] == [
        "texture tex/gone.jpg is missing", "no texture and no colours: grey"
    ]  # fmt: skip
    assert (person.albedo == 0.6).all()
    (path.parent / "gone.jpg").write_bytes(b"no picture")
    assert read(tmp_path, "s").description["notes"][0] == "texture tex/gone.jpg is unreadable"
    library.unlink()
    (path.parent / "gone.jpg").unlink()
    assert read(tmp_path, "s").description["notes"][0] == "material file a.mtl is missing"
    # another subject's picture is not this one's
    write_obj(tmp_path / "t" / "t.obj", vertices, faces)
    picture(tmp_path / "t" / "gone.jpg", BLUE)
    write_obj(tmp_path / "loose.obj", vertices, faces, "mtllib loose.mtl\nusemtl skin", "vt 0.5 0.9")
    (tmp_path / "loose.mtl").write_text("newmtl skin\nmap_Kd gone.jpg\n")
    assert "texture gone.jpg is missing" in read(tmp_path, "loose.obj").description["notes"]


def test_a_missing_texture_does_not_take_another_material_s(tmp_path: Path) -> None:
    vertices, faces = body()
    path = write_obj(tmp_path / "a.obj", vertices, faces, "mtllib a.mtl\nusemtl skin", "vt 0.5 0.9")
    text = path.read_text().splitlines()
    cut = next(k for k, line in enumerate(text) if line.startswith("f")) + 12
    path.write_text("\n".join([*text[:cut], "usemtl hair", *text[cut:]]))
    picture(tmp_path / "red.png", RED)
    path.with_suffix(".mtl").write_text("newmtl skin\nmap_Kd red.png\nnewmtl hair\nKd 1 1 1\nmap_Kd no.png\n")
    person = read_scan(path, 0, AUTO)
    trunk = (person.vertices[:, 1] > 0.795) & (person.vertices[:, 1] < 1.505)
    red = np.tile([0.8, 0, 0], (int(trunk.sum()), 1))
    assert person.albedo[trunk].numpy() == pytest.approx(red, abs=0.02)
    assert person.albedo[~trunk].numpy() == pytest.approx(0.6, abs=1e-6)


def test_a_texture_goes_before_vertex_colours(tmp_path: Path) -> None:
    """Programs write white or stale vertex colours beside a texture."""
    vertices, faces = body()
    coloured = np.concatenate([vertices, np.full_like(vertices, 0.25)], 1)
    lines = ["mtllib a.mtl", "usemtl skin", "vt 0.5 0.9"]
    lines += [f"v {' '.join(map(str, row))}" for row in coloured]
    lines += ["f " + " ".join(f"{k + 1}/1" for k in face) for face in faces]
    path = tmp_path / "a.obj"
    path.write_text("\ufeff" + "\n".join(lines), encoding="utf-8")
    assert (read_scan(path, 0, AUTO).albedo == 0.25).all()
    (tmp_path / "a.mtl").write_text("newmtl skin\nmap_Kd red.png\n")
    picture(tmp_path / "red.png", RED)
    assert_is_red(read_scan(path, 0, AUTO))
