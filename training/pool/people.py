# SPDX-License-Identifier: GPL-3.0-or-later
"""One file a person of the pool: the mesh in compact types, about 2 MB."""

from __future__ import annotations

import errno
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..humans import Person
from ..whole import written_whole

Arrays = dict[str, NDArray[Any]]
FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class PackedPerson:
    """A person as stored, on any device. vertices (V, 3) float32 metres, the person's frame; faces (F, 3)
    int32; part (F,) uint8; albedo (V, 3) and gloss (V,) uint8, 255 for 1; hands (2, 3) float32 or None.
    """

    vertices: Tensor
    faces: Tensor
    part: Tensor
    albedo: Tensor
    gloss: Tensor
    hands: Tensor | None
    seed: int
    stature: float
    description: dict[str, Any]

    def to(self, device: torch.device) -> PackedPerson:
        """The same on another device."""
        moved = {
            name: None if value is None else value.to(device)
            for name, value in vars(self).items()
            if value is None or isinstance(value, Tensor)
        }
        return PackedPerson(**{**vars(self), **moved})

    def unpacked(self) -> Person:
        """The person, on the same device."""
        return Person(
            vertices=self.vertices,
            faces=self.faces.long(),
            part=self.part.long(),
            albedo=self.albedo.float() / 255,
            gloss=self.gloss.float() / 255,
            seed=self.seed,
            stature=self.stature,
            description=self.description,
            hands=self.hands,
        )


def write_person(path: Path, person: Person) -> None:
    """Write the file of `read_person`, whole or not at all. Raises ValueError where the disk is full."""
    arrays: Arrays = {
        "vertices": person.vertices.numpy(),
        "faces": person.faces.to(torch.int32).numpy(),
        "part": person.part.to(torch.uint8).numpy(),
        "albedo": (person.albedo * 255).round().to(torch.uint8).numpy(),
        "gloss": (person.gloss * 255).round().to(torch.uint8).numpy(),
        "stature": np.array(person.stature),
        "description": np.frombuffer(json.dumps(person.description).encode(), np.uint8),
    }
    if person.hands is not None:
        arrays["hands"] = person.hands.numpy()
    write_arrays(path, arrays)


def read_packed(path: Path) -> PackedPerson:
    """The person in a file of the pool as it is stored. Raises ValueError where the file is none."""
    arrays = read_arrays(path)
    if "colour" in arrays:
        raise ValueError(
            f"{path} is of an older pool, which kept no people. Name an empty folder and make the pool again."
        )
    try:
        hands = arrays.get("hands")
        return PackedPerson(
            **{
                name: torch.from_numpy(arrays[name])
                for name in ("vertices", "faces", "part", "albedo", "gloss")
            },
            hands=None if hands is None else torch.from_numpy(hands),
            seed=int(path.stem),
            stature=float(arrays["stature"]),
            description=json.loads(arrays["description"].tobytes()),
        )
    except (KeyError, ValueError) as error:
        raise damaged(path, error) from error


def read_person(path: Path) -> Person:
    """The person in a file of the pool; geometry is exact, colours in 256 steps. Raises ValueError where the
    file is none.
    """
    return read_packed(path).unpacked()


def write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write an uncompressed .npz, whole or not at all. Raises ValueError where the disk is full."""
    try:
        with written_whole(path) as partial, partial.open("wb") as file:
            np.savez(file, **dict(arrays))
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise ValueError(
            f"The disk of {path.parent} is full. Free some space and give the same command again: what is "
            "made stays."
        ) from error


def read_arrays(path: Path) -> Arrays:
    """The arrays of an .npz. Raises ValueError where it is damaged or none."""
    try:
        with np.load(path) as data:
            return {key: data[key] for key in data.files}
    except (zipfile.BadZipFile, OSError, ValueError, EOFError) as error:
        raise damaged(path, error) from error


def damaged(path: Path, why: object) -> ValueError:
    """The error that names a file of the pool, why it cannot be used and what to do."""
    return ValueError(f"{path} is not a person of a pool ({why}). Delete it and build the pool again.")
