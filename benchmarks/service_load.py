# SPDX-License-Identifier: GPL-3.0-or-later
"""Many jobs in a row through one real engine: whether it leaks, and whether each request gets its own reply.

    python -m benchmarks.service_load [JOBS]

Each job asks for another height, which must come back in its own result; a stray message between two jobs
ends the client. Reads the engine's resident memory from /proc, so it needs Linux.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from engine.errors import STAGES
from engine.process import EngineProcess
from tests.link.processes import process_of

ROOT = Path(__file__).resolve().parents[1]
WARM = 50
"""Jobs after which the allocator has seen all sizes that it will be asked for."""


@dataclass(frozen=True)
class Load:
    """What was measured: the engine's resident bytes after each job, and seconds for all of them."""

    resident: list[int]
    seconds: float

    def growth(self, warm: int) -> float:
        """How much larger the engine is after the last jobs than after those up to job `warm`, as a share of
        that. Medians of ten: single values differ by 7 % as buffers come and go.
        """
        return median(self.resident[-10:]) / median(self.resident[warm - 10 : warm]) - 1.0


def run(folder: Path, image, jobs: int, told=lambda job, resident: None) -> Load:
    """Run `jobs` jobs of 64^3 through the engine of a folder. Raises AssertionError for a reply that is not
    the request's own, EngineError for a job that fails or a second ending.
    """
    with tempfile.TemporaryDirectory() as logs:
        engine = EngineProcess(sys.executable, folder, log=Path(logs) / "engine.log")
        try:
            client = engine.ensure()
            resident, first = [], None
            began = time.monotonic()
            for job in range(1, jobs + 1):
                result = one(client, image, job)
                first = result if first is None else first
                # The height scales the mesh and changes nothing else of it.
                assert np.array_equal(result.faces, first.faces), f"job {job} brought another mesh"
                assert engine.ensure() is client, f"the engine did not outlive job {job}"
                resident.append(resident_bytes(engine))
                told(job, resident[-1])
            return Load(resident, time.monotonic() - began)
        finally:
            engine.stop()


def one(client, image, job):
    """Run one job and see that what comes is its own."""
    heard = []
    height = 1.5 + job / 1000
    settings = {"resolution": 64, "device": "cpu", "height": height}
    result = client.reconstruct(image, settings, lambda *progress: heard.append(progress), lambda: False)
    assert result.info["settings"]["height"] == height, f"job {job} got the reply to another one"
    order = [STAGES.index(stage) for stage, *_ in heard]
    assert order == sorted(order), f"job {job} heard the progress of another one"
    assert set(order) == set(range(len(STAGES))), f"job {job} did not hear of every stage"
    return result


def resident_bytes(engine):
    """What the engine's process holds of main memory."""
    pages = Path(f"/proc/{process_of(engine)}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def main(jobs: int) -> None:
    """Run it with the embedded weights, and print what was measured."""

    def told(job, resident):
        if job in (1, WARM) or job % 100 == 0:
            print(f"job {job:4d}: {resident / 2**20:.0f} MiB", flush=True)

    image = (ROOT / "samples" / "person_1.jpg").read_bytes()
    load = run(ROOT, image, jobs, told)
    rate = jobs / load.seconds
    print(f"{jobs} jobs in {load.seconds:.0f} s, {rate:.2f} jobs a second, no reply lost or doubled")
    if jobs > WARM:
        print(f"resident memory after job {jobs} against after job {WARM}: {load.growth(WARM):+.1%}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
