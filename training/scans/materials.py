# SPDX-License-Identifier: GPL-3.0-or-later
"""What an OBJ file's materials look like: its MTL files and textures, found where people really keep them.

Scans are packed on Windows for programs that search: the file says `tex\\Name_DIF.JPG` or a path of the
maker's disk, and the picture lies in `Tex/name_dif.jpg`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .surface import Array, Picture, read_texture

MESHES = (".obj", ".glb")
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
DIFFUSE = ("dif", "albedo", "color", "colour", "basecolor", "material", "texture")
OTHER = ("norm", "gloss", "rough", "spec", "metal", "disp", "bump", "occlusion", "mask", "preview", "render")
"""In the names of pictures that are a colour texture, and of those that are not."""
ARGUMENTS = {
    "-blendu": 1, "-blendv": 1, "-bm": 1, "-boost": 1, "-cc": 1, "-clamp": 1, "-imfchan": 1, "-mm": 2,
    "-o": 3, "-s": 3, "-t": 3, "-texres": 1, "-type": 1,
}  # fmt: skip
"""Options of a texture and how many values each takes at most; of three, the last two may be left out."""


@dataclass
class Materials:
    """By name, the empty one for faces without: textures; diffuse: (3,) sRGB [0, 1] of materials that have no
    texture and miss none. notes: what was missing or guessed, one sentence each."""

    textures: dict[str, Picture] = field(default_factory=dict)
    diffuse: dict[str, Array] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_materials(path: Path, libraries: list[str], used: list[str]) -> Materials:
    """The materials `used` by the OBJ file at `path`, whose mtllib lines say `libraries`.

    Raises ValueError where a colour cannot be read.
    """
    materials, missing = Materials(), set[str]()
    for file in _libraries(path, libraries, materials.notes):
        _read_library(path, file, materials, missing)
    for name in missing | {*materials.textures}:
        materials.diffuse.pop(name, None)
    if not materials.textures:
        guess = _likely(path, len(used) <= 1)
        picture = None if guess is None else read_texture(guess)
        if guess is not None and picture is not None:
            materials.textures = dict.fromkeys(used, picture)
            materials.notes.append(f"texture taken from {guess.name}, which no material names")
    elif len(materials.textures) == 1:
        # names of materials differ between the files where a program has renamed them in one
        [only] = materials.textures.values()
        for name in set(used) - {*materials.diffuse} - missing:
            materials.textures[name] = only
    return materials


def _libraries(path: Path, named: list[str], notes: list[str]) -> list[Path]:
    """The MTL files of mtllib lines, which name one with spaces or several without; else the one beside."""
    files = []
    for line in named:
        whole = find_beside(path, line)
        found = [whole] if whole else [file for word in line.split() if (file := find_beside(path, word))]
        files += found
        if not found:
            notes.append(f"material file {line} is missing")
    beside = path.with_suffix(".mtl")
    return files or ([beside] if beside.is_file() else [])


def _read_library(path: Path, library: Path, materials: Materials, missing: set[str]) -> None:
    current = ""
    for line in library.read_text("utf-8-sig", "replace").splitlines():
        key, rest = (*line.split(None, 1), "", "")[:2]
        key = key.lower()
        if key == "newmtl":
            current = rest.strip()
        elif key == "kd" and len(rest.split()) == 3:
            materials.diffuse[current] = np.array(rest.split(), np.float64).clip(0, 1)
        elif key == "map_kd" and rest.strip():
            name = texture_name(rest)
            file = find_beside(path, name)
            picture = None if file is None else read_texture(file)
            if picture is None:
                missing.add(current)
                materials.notes.append(f"texture {name} is {'unreadable' if file else 'missing'}")
            else:
                materials.textures[current] = picture


def texture_name(text: str) -> str:
    """The file in what follows map_Kd: options and their values come first, and names may have spaces."""
    words, at = text.split(), 0
    while at < len(words) - 1 and words[at].lower() in ARGUMENTS:
        most = ARGUMENTS[words[at].lower()]
        at += 1
        for k in range(most):
            if at == len(words) - 1 or (most == 3 and k > 0 and not _is_number(words[at])):
                break
            at += 1
    return text.split(None, at)[at].strip()


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def find_beside(path: Path, name: str) -> Path | None:
    """The file that the one at `path` means by `name`: there; else of the same last part, whatever the case
    of its letters, in the same folder or in those below that hold no scan of their own, the largest."""
    name = name.strip().strip('"').replace("\\", "/")
    exact = path.parent / name
    if exact.is_file():
        return exact
    wanted = name.rpartition("/")[2].lower()
    alike = [file for file in _files(path.parent) if file.name.lower() == wanted]
    return max(alike, key=_size, default=None)


def _likely(path: Path, one_material: bool) -> Path | None:
    """The picture that must be the texture of a scan without a material file: the only candidate, or the
    largest of one in several sizes."""
    pictures = [file for file in _files(path.parent) if file.suffix.lower() in PICTURES]
    found = [file for file in pictures if not any(word in file.stem.lower() for word in OTHER)]
    named = [file for file in found if file.stem.lower() == path.stem.lower()]
    diffuse = [file for file in found if any(word in file.stem.lower() for word in DIFFUSE)]
    candidates = named or diffuse or found
    if len(candidates) > 1 and not (one_material and candidates is diffuse):
        return None
    return max(candidates, key=_size, default=None)


def _size(file: Path) -> tuple[int, str]:
    return file.stat().st_size, file.name


def _files(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_file():
            yield entry
        elif entry.is_dir() and not any(inner.suffix.lower() in MESHES for inner in entry.iterdir()):
            yield from _files(entry)
