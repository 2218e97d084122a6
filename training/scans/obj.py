# SPDX-License-Identifier: GPL-3.0-or-later
"""Wavefront OBJ with its materials: positions, vertex colours, texture coordinates, polygons, map_Kd."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .materials import read_materials
from .surface import GREY, Array, Picture, Surface, UnusableScan


def read_obj(path: Path) -> Surface:
    """The surface in `path`, polygons cut into fans. Raises UnusableScan where a line cannot be read."""
    positions: list[list[str]] = []
    uvs: list[list[str]] = []
    corners: list[tuple[int, int]] = []
    face_material: list[int] = []
    names: dict[str, int] = {}
    libraries: list[str] = []
    material = ""
    with path.open(encoding="utf-8-sig", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            key, rest = (*line.split(None, 1), "", "")[:2]
            try:
                if key == "v":
                    positions.append(rest.split())
                elif key == "vt":
                    uvs.append(rest.split()[:2])
                elif key == "f":
                    polygon = [_corner(word, len(positions), len(uvs)) for word in rest.split()]
                    for k in range(1, len(polygon) - 1):
                        corners += (polygon[0], polygon[k], polygon[k + 1])
                        face_material.append(names.setdefault(material, len(names)))
                elif key == "usemtl":
                    material = rest.strip()
                elif key == "mtllib":
                    libraries.append(rest.strip())
            except ValueError as error:
                raise UnusableScan(f"{path.name}: line {number} cannot be read ({error})") from error
    try:
        vertices, colours = _positions(positions)
        uv = np.array(uvs, np.float64).reshape(-1, 2)
    except ValueError as error:
        raise UnusableScan(f"{path.name}: vertices cannot be read ({error})") from error
    index = np.array(corners, np.int64).reshape(-1, 3, 2)
    faces = index[..., 0]
    if len(faces) and (faces.min() < 0 or faces.max() >= len(vertices) or index[..., 1].max() >= len(uv)):
        raise UnusableScan(f"{path.name}: a face names a vertex that is not there")
    mapped = (index[..., 1] >= 0).all(1)
    placed = np.zeros((len(faces), 3, 2))
    placed[mapped] = uv[index[mapped, :, 1]] * [1, -1] + [0, 1]
    kinds = np.array(face_material, np.int64)
    try:
        materials = read_materials(path, libraries, list(names))
    except ValueError as error:
        raise UnusableScan(f"{path.name}: its materials cannot be read ({error})") from error
    colour = np.full((len(faces), 3, 3), GREY) if colours is None else colours[faces]
    texture = np.full(len(faces), -1, np.int64)
    pictures: list[Picture] = []
    for name, k in names.items():
        mine = kinds == k
        if name in materials.textures and (mine & mapped).any():
            texture[mine & mapped] = len(pictures)
            colour[mine & mapped] = 1
            pictures.append(materials.textures[name])
        elif name in materials.diffuse and colours is None:
            colour[mine] = materials.diffuse[name]
    notes = list(materials.notes)
    if colours is None and not pictures and not materials.diffuse:
        notes.append("no texture and no colours: grey")
    return Surface(vertices, faces, placed, colour, texture, tuple(pictures), tuple(notes))


def _corner(word: str, positions: int, uvs: int) -> tuple[int, int]:
    """Position and texture index (-1 without) of `v`, `v/vt`, `v//vn` or `v/vt/vn`; negative ones count from
    the end."""
    fields = word.split("/")
    vertex, uv = int(fields[0]), int(fields[1]) if len(fields) > 1 and fields[1] else 0
    return (vertex - 1 if vertex > 0 else positions + vertex), (uv - 1 if uv > 0 else uvs + uv if uv else -1)


def _positions(rows: list[list[str]]) -> tuple[Array, Array | None]:
    vertices = np.array([row[:3] for row in rows], np.float64).reshape(-1, 3)
    if not rows or any(len(row) < 6 for row in rows):
        return vertices, None
    colours = np.array([row[3:6] for row in rows], np.float64)
    return vertices, colours / 255 if colours.max() > 1 else colours
