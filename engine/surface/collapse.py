# SPDX-License-Identifier: GPL-3.0-or-later
"""Quadric edge collapse; of a large mesh in a process of its own, which a cancel ends at once.

Python stands still while the collapses run: 1.4 s for the 1.4 million triangles of a person at 1024, in which
the engine could answer nobody. Taking fewer away at a time does not help: each turn reads the whole mesh
again, in 0.5 s, and all of them together take twice as long.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from .. import spawn
from .meshes import Faces, Vertices

HASTE: Final = 5.0
"""How fast dear collapses are let in: a person of 1000 faces loses 0.9 % of volume, at 7 1.6 %."""

AT_ONCE: Final = 200_000
"""Faces; for so many Python stands still for 0.2 s, and a process takes as long to start."""

ASKED: Final = 0.05
"""Seconds between two looks at whether the job was cancelled."""


def collapse(
    vertices: Vertices, faces: Faces, count: int, ask: Callable[[], None]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """About count triangles of a mesh, vertices (V, 3) float32 and faces (F, 3) int32; some edges of the
    result may have four faces. ask: called every ASKED seconds while another process is at work; what it
    raises ends that process and passes through. Raises RuntimeError where that process fails, OSError where
    the disk is full.
    """
    if len(faces) <= AT_ONCE:
        return _simplified(vertices, faces, count)
    with TemporaryFile() as given, TemporaryFile() as made, TemporaryFile() as said:
        _write(given, vertices, faces)
        child = subprocess.Popen(
            spawn.command(sys.executable, str(count), module=__name__),
            cwd=Path(__file__).parents[__name__.count(".")],
            env=spawn.environment(),
            stdin=given,
            stdout=made,
            stderr=said,
            creationflags=spawn.options()["creationflags"],  # but of this session: what ends it, ends both
        )
        try:
            while child.poll() is None:
                ask()
                time.sleep(ASKED)
        finally:
            child.kill()
            child.wait()
        if child.returncode:
            said.seek(0)
            reason = said.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
            raise RuntimeError(f"reducing the mesh failed: {reason or f'code {child.returncode}'}")
        made.seek(0)
        return _read(made)


def _simplified(vertices: Vertices, faces: Faces, count: int) -> tuple[NDArray[Any], NDArray[Any]]:
    import fast_simplification  # here, since training and evaluating do without it on machines that lack it

    points, triangles = fast_simplification.simplify(vertices, faces, target_count=count, agg=HASTE)
    return points, triangles


def _write(file: IO[bytes], points: NDArray[Any], triangles: NDArray[Any]) -> None:
    np.save(file, points)
    np.save(file, triangles)
    file.seek(0)


def _read(file: IO[bytes]) -> tuple[NDArray[Any], NDArray[Any]]:
    return np.load(file), np.load(file)


if __name__ == "__main__":
    _write(sys.stdout.buffer, *_simplified(*_read(sys.stdin.buffer), int(sys.argv[1])))
