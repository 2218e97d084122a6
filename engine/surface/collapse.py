# SPDX-License-Identifier: GPL-3.0-or-later
"""Quadric edge collapse; of a large mesh in a process of its own, which a cancel ends at once.

Python stands still while the collapses run: 1.4 s for the 1.4 million triangles of a person at 1024, in which
the engine could answer nobody. Taking fewer away at a time does not help: each turn reads the whole mesh
again, in 0.5 s, and all of them together take twice as long.
"""

from __future__ import annotations

import io
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

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

KILLED: Final = 9
"""SIGKILL, which Linux sends when memory runs out; Windows has no such ending."""


def collapse(
    vertices: Vertices, faces: Faces, count: int, ask: Callable[[], None]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """About count triangles of a mesh, vertices (V, 3) float32 and faces (F, 3) int32; some edges of the
    result may have four faces. ask: called every ASKED seconds while another process is at work; what it
    raises ends that process and passes through. Raises MemoryError where the system ended that process,
    RuntimeError where it failed.
    """
    if len(faces) <= AT_ONCE:
        return _simplified(vertices, faces, count)
    child = subprocess.Popen(
        spawn.command(sys.executable, str(count), module=__name__),
        cwd=Path(__file__).parents[__name__.count(".")],
        env=spawn.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        creationflags=spawn.options()["creationflags"],  # but of this session: what ends it, ends both
    )
    given, told = _packed(vertices, faces), list[tuple[bytes, bytes]]()
    # communicate with a time limit would lose what it has not yet handed over when it is called again
    exchange = threading.Thread(target=lambda: told.append(child.communicate(given)), daemon=True)
    exchange.start()
    try:
        while exchange.is_alive():
            ask()
            exchange.join(ASKED)
    finally:
        child.kill()
        exchange.join()
    made, said = told[0]
    if child.returncode == -KILLED:
        raise MemoryError
    if child.returncode:
        reason = said.decode("utf-8", "replace").strip().rpartition("\n")[2] or f"code {child.returncode}"
        raise RuntimeError(f"reducing the mesh failed: {reason}")
    return _unpacked(made)


def _simplified(vertices: Vertices, faces: Faces, count: int) -> tuple[NDArray[Any], NDArray[Any]]:
    import fast_simplification  # here, since training and evaluating do without it on machines that lack it

    points, triangles = fast_simplification.simplify(vertices, faces, target_count=count, agg=HASTE)
    return points, triangles


def _packed(points: NDArray[Any], triangles: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, points)
    np.save(file, triangles)
    return file.getvalue()


def _unpacked(data: bytes) -> tuple[NDArray[Any], NDArray[Any]]:
    file = io.BytesIO(data)
    return np.load(file), np.load(file)


if __name__ == "__main__":
    sys.stdout.buffer.write(_packed(*_simplified(*_unpacked(sys.stdin.buffer.read()), int(sys.argv[1]))))
