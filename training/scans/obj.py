# SPDX-License-Identifier: GPL-3.0-or-later
"""Wavefront OBJ with its materials: positions, vertex colours, texture coordinates, polygons, map_Kd."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .surface import GREY, Array, Picture, Surface, UnusableScan, read_texture

PICTURES = (".png", ".jpg", ".jpeg", ".tga", ".bmp", ".tif", ".tiff")
DIFFUSE = ("dif", "albedo", "color", "colour", "basecolor", "material")


def read_obj(path: Path) -> Surface:
    """The surface in `path`, polygons cut into fans. Raises UnusableScan where a line cannot be read."""
    positions: list[list[str]] = []
    uvs: list[list[str]] = []
    corners: list[tuple[int, int]] = []
    face_material: list[int] = []
    names: dict[str, int] = {}
    libraries: list[str] = []
    material = -1
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            key, _, rest = line.strip().partition(" ")
            try:
                if key == "v":
                    positions.append(rest.split())
                elif key == "vt":
                    uvs.append(rest.split()[:2])
                elif key == "f":
                    polygon = [_corner(word, len(positions), len(uvs)) for word in rest.split()]
                    for k in range(1, len(polygon) - 1):
                        corners += (polygon[0], polygon[k], polygon[k + 1])
                        face_material.append(material)
                elif key == "usemtl":
                    material = names.setdefault(rest.strip(), len(names))
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
        textures, diffuse, notes = _materials(path, libraries, names)
    except ValueError as error:
        raise UnusableScan(f"{path.name}: its materials cannot be read ({error})") from error
    colour = np.full((len(faces), 3, 3), GREY)
    texture = np.full(len(faces), -1, np.int64)
    pictures: list[Picture] = []
    if colours is not None:
        colour = colours[faces]
    else:
        for k in {*names.values(), -1}:
            mine = kinds == k
            if textures.get(k) is not None and (mine & mapped).any():
                texture[mine & mapped] = len(pictures)
                colour[mine & mapped] = 1
                pictures.append(textures[k])
            elif k in diffuse:
                colour[mine] = diffuse[k]
        if not pictures and not diffuse:
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


def _materials(
    path: Path, libraries: list[str], names: dict[str, int]
) -> tuple[dict[int, Picture], dict[int, Array], list[str]]:
    """Textures and plain colours by material, -1 for faces without one, and what was missing."""
    textures: dict[int, Picture] = {}
    diffuse: dict[int, Array] = {}
    notes: list[str] = []
    for library in libraries:
        file = path.parent / library
        current = -1
        for line in file.read_text("utf-8", "replace").splitlines() if file.is_file() else []:
            key, _, rest = line.strip().partition(" ")
            if key == "newmtl":
                current = names.setdefault(rest.strip(), len(names))
            elif key == "Kd" and len(rest.split()) == 3:
                diffuse[current] = np.array(rest.split(), np.float64).clip(0, 1)
            elif key == "map_Kd":
                name = rest.strip().replace("\\", "/")
                name = name.split()[-1] if name.startswith("-") else name
                picture = read_texture(path.parent / name)
                if picture is None:
                    picture = read_texture(path.parent / Path(name).name)
                if picture is None:
                    notes.append(f"texture {name} is missing")
                else:
                    textures[current] = picture
    if not textures:
        # RenderPeople's OBJ files come with the texture beside them and often without a material file
        found = sorted(p for p in path.parent.rglob("*") if p.suffix.lower() in PICTURES)
        likely = [p for p in found if any(word in p.stem.lower() for word in DIFFUSE)] or found
        guess = read_texture(likely[0]) if len(likely) == 1 else None
        if guess is not None:
            textures = dict.fromkeys([*names.values(), -1], guess)
            notes.append(f"texture taken from {likely[0].name}, the only one it can be")
    if notes and not textures:
        diffuse = {}
    return textures, diffuse, notes
