# SPDX-License-Identifier: GPL-3.0-or-later
"""What a batch works on: photographs named by files, folders and patterns, or a scene's reference images."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import bpy

from . import images

PHOTOS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")
"""Endings of the files taken from folders and patterns. A file that is named is tried whatever its ending."""


@dataclass(frozen=True)
class Item:
    """One picture. label: what the user reads; file: what programs read; name: of its outputs, no other's.

    picture: a file's path, or a Blender image with the empty that shows it.
    """

    label: str
    file: str
    name: str
    picture: Path | bpy.types.Image
    reference: bpy.types.Object | None = None


def photos(arguments: Iterable[str]) -> list[Item]:
    """The pictures of a command line, each once, in the order given; those of a folder by their names.

    What names nothing stays in the list, to be told when its turn comes.
    """
    found: dict[Path, Path] = {}
    for argument in arguments:
        for path in _files(argument):
            found.setdefault(path.resolve(), path)
    names = _names(path.stem for path in found.values())
    return [Item(path.name or str(path), str(path), next(names), path) for path in found.values()]


def references() -> list[Item]:
    """The pictures that visible image empties of the active scene show: each once, over the first by name."""
    empties = sorted(
        (item for item in bpy.context.scene.objects if _shows_image(item) and item.visible_get()),
        key=lambda item: item.name,
    )
    first = {empty.data: empty for empty in reversed(empties)}
    chosen = [empty for empty in empties if first[empty.data] is empty]
    names = _names(bpy.path.clean_name(images.object_name(empty.data.name)) for empty in chosen)
    return [Item(empty.name, empty.name, next(names), empty.data, empty) for empty in chosen]


def _shows_image(item: bpy.types.Object) -> bool:
    return item.type == 'EMPTY' and item.empty_display_type == 'IMAGE' and item.data is not None


def _files(argument: str) -> list[Path]:
    path = Path(argument)
    if path.is_dir():
        return _pictures(path / name for name in os.listdir(path))
    if path.exists() or not glob.has_magic(argument):
        return [path]
    return _pictures(map(Path, glob.glob(argument, recursive=True))) or [path]


def _pictures(paths: Iterable[Path]) -> list[Path]:
    return sorted(
        path
        for path in paths
        if path.suffix.lower() in PHOTOS and not path.name.startswith(".") and path.is_file()
    )


def _names(stems: Iterable[str]) -> Iterator[str]:
    """a/photo.jpg and b/Photo.png become photo and Photo_2, because many disks know no capitals."""
    used: set[str] = set()
    for stem in stems:
        name, count = stem, 1
        while name.casefold() in used:
            count += 1
            name = f"{stem}_{count}"
        used.add(name.casefold())
        yield name
