# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a pool keeps what: `0000005.npz` is the mesh of the person of seed 5, `views/0000005.npz` their
views.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from .people import read_packed

T = TypeVar("T")
TEST_SEEDS = 1_000_000
"""Seeds from here on are never trained on."""
DAMAGED_IN_A_ROW = 8
"""Damaged files next to one another that are left out before training gives up."""
_told: set[Path] = set()


def person_file(folder: Path, seed: int) -> Path:
    """Where the mesh of a person is, or will be."""
    return folder / f"{seed:07d}.npz"


def view_file(folder: Path, seed: int) -> Path:
    """Where the rendered views of a person are, or will be."""
    return folder / "views" / f"{seed:07d}.npz"


def list_pool(folder: Path) -> list[Path]:
    """The people of a pool in order of their seeds. Raises ValueError where there are none, where other files
    lie among them, or people to train on and people kept for testing.
    """
    files = sorted(folder.glob("*.npz"))
    if not files:
        for name in ("train", "test"):
            if any((folder / name).glob("*.npz")):
                raise ValueError(f"{folder} is a pool of two parts: name {folder / name}.")
        raise ValueError(f"No people in {folder}. Make some with `python -m training pool {folder}`.")
    other = [path.name for path in files if not path.stem.isdigit()]
    if other:
        raise ValueError(f"{folder} also holds {other[0]}, which is no person of a pool: move it elsewhere.")
    kept = sum(int(path.stem) >= TEST_SEEDS for path in files)
    if 0 < kept < len(files):
        raise ValueError(
            f"{folder} mixes {len(files) - kept} people to train on with {kept} kept for testing, as "
            f"{files[-1].name}: move those of seeds from {TEST_SEEDS} on elsewhere."
        )
    return files


def list_views(folder: Path) -> list[Path]:
    """The rendered views of a pool in order of their seeds. Raises ValueError as `list_pool`, or where the
    people have none.
    """
    people = list_pool(folder)
    files = [path for path in (view_file(folder, int(person.stem)) for person in people) if path.exists()]
    if not files:
        read_packed(people[0])  # a file of an older pool says so itself
        raise ValueError(
            f"The people in {folder} have no rendered views, which training without a GPU reads: make them "
            "with `python -m training pool --views 4`."
        )
    return files


def read_usable(read: Callable[[Path], T], files: Sequence[Path], number: int) -> T:
    """Read the file with this number, or the next that is not damaged. A damaged one is named, once, and left
    out: one bad file should not end hours of training. Raises ValueError where eight in a row are damaged.
    """
    for step in range(DAMAGED_IN_A_ROW):
        path = files[(number + step) % len(files)]
        try:
            return read(path)
        except ValueError as error:
            problem = error
            if path not in _told:
                _told.add(path)
                print(f"left out: {error}", flush=True)
    raise problem
