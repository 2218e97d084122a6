# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders of scans: which subjects there are, their seeds, and each as a Person."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from training.humans import Person

from .closing import closed_parts
from .frame import ScanFrame, in_metres
from .glb import read_glb
from .obj import read_obj
from .surface import Surface, UnusableScan, refined, vertex_albedo, welded

SCAN_SEEDS, SEED_COUNT = 500_000, 500_000
"""Seeds of scans lie from here on, above the generator's, so that both may share one pool."""
TEST_FROM = 1_000_000
"""Added to the seed of a scan kept for testing, one in TEST_SHARE by its name: training.pool.TEST_SEEDS."""
TEST_SHARE = 10
GLOSS = 0.1
READERS = {".obj": read_obj, ".glb": read_glb}


@dataclass(frozen=True)
class ScanFolder:
    """The usable and the listed-as-unusable subjects of a folder; sent whole to the pool's workers.

    files: mesh file by seed; names: subject's name (folder below the root) by seed; unusable: reason by name,
    of subjects without any mesh file (the others are told when they are read).
    """

    files: dict[int, Path]
    names: dict[int, str]
    unusable: dict[str, str]
    frame: ScanFrame

    def train_seeds(self) -> list[int]:
        return sorted(seed for seed in self.files if seed < TEST_FROM)

    def test_seeds(self) -> list[int]:
        return sorted(seed for seed in self.files if seed >= TEST_FROM)

    def person(self, seed: int) -> Person:
        """The scan with this seed. Raises UnusableScan, which names it."""
        try:
            person = read_scan(self.files[seed], seed, self.frame)
        except (UnusableScan, OSError) as error:
            raise UnusableScan(f"{self.names[seed]}: {error}") from error
        return replace(person, description={"scan": self.names[seed], **person.description})


def find_scans(root: Path, frame: ScanFrame) -> ScanFolder:
    """All subjects of `root`: a folder that holds OBJ or GLB files is one (the largest file is read), in
    `root` or a level below; files directly in `root` are a subject each. Nothing is read yet.

    Raises ValueError where there is none.
    """
    if not root.is_dir():
        raise ValueError(f"{root} is no folder of scans.")
    found: dict[str, Path] = {path.name: path for path in _meshes(root)}
    unusable = {}
    for folder in _folders(root):
        below = {folder, *_folders(folder)}
        holding = {inner: meshes for inner in below if (meshes := _meshes(inner))}
        if not holding:
            unusable[folder.name] = "no OBJ or GLB file in it"
        for inner, meshes in holding.items():
            largest = max(meshes, key=lambda path: (path.stat().st_size, path.name))
            found[inner.relative_to(root).as_posix()] = largest
    if not found:
        raise ValueError(f"No scans in {root}: put each subject's OBJ or GLB file into a folder of its own.")
    files: dict[int, Path] = {}
    names: dict[int, str] = {}
    for name in sorted(found):
        seed = scan_seed(name)
        while seed in files:
            seed += 1
        files[seed], names[seed] = found[name], name
    return ScanFolder(files, names, unusable, frame)


def scan_seed(name: str) -> int:
    """The same for the same name on every machine; one name in ten is a test person's."""
    value = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")
    kept, value = value % TEST_SHARE, value // TEST_SHARE
    return SCAN_SEEDS + value % (SEED_COUNT - 1000) + (TEST_FROM if kept == 0 else 0)


def read_scan(path: Path, seed: int, frame: ScanFrame) -> Person:
    """One OBJ or GLB file as a Person; stature is its height as scanned. description says how unit and up
    axis were decided and what was missing or mended. Raises UnusableScan."""
    surface = welded(_checked(READERS[path.suffix.lower()](path)))
    if len(surface.faces) < 4:
        raise UnusableScan("no faces in it")
    vertices, record = in_metres(surface.vertices, surface.faces, frame)
    surface = refined(replace(surface, vertices=vertices))
    parts = closed_parts(surface.vertices, surface.faces, vertex_albedo(surface))
    vertices = parts.vertices - [0, parts.vertices[:, 1].min(), 0]
    return Person(
        vertices=torch.from_numpy(vertices.astype(np.float32)),
        faces=torch.from_numpy(parts.faces),
        part=torch.from_numpy(parts.part),
        albedo=torch.from_numpy(parts.albedo.astype(np.float32)),
        gloss=torch.full((len(vertices),), GLOSS),
        seed=seed,
        stature=float(np.ptp(vertices[:, 1])),
        description={"file": path.name, **record, "notes": [*surface.notes, *parts.notes]},
    )


def _checked(surface: Surface) -> Surface:
    if len(surface.vertices) == 0 or len(surface.faces) == 0:
        raise UnusableScan("no faces in it")
    if not np.isfinite(surface.vertices[surface.faces]).all():
        raise UnusableScan("vertices that are not numbers")
    if not np.isfinite(surface.uv).all():
        raise UnusableScan("texture coordinates that are not numbers")
    return surface


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in _shown(folder) if path.is_dir())


def _meshes(folder: Path) -> list[Path]:
    return sorted(path for path in _shown(folder) if path.is_file() and path.suffix.lower() in READERS)


def _shown(folder: Path) -> list[Path]:
    """Without hidden ones and what macOS adds to archives: `._mesh.obj` is no mesh."""
    return [path for path in folder.iterdir() if not path.name.startswith((".", "__MACOSX"))]
