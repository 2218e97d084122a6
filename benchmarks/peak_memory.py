# SPDX-License-Identifier: GPL-3.0-or-later
"""Peak resident memory of a whole reconstruction on the processor.

    python -m benchmarks.peak_memory [PRESET] [RESOLUTION] [PRECISION]

Random networks of the preset are run in full; only their last word, the occupancy, is replaced by that of a
body with arms and legs, for what random networks see has no surface to speak of.
"""

from __future__ import annotations

import resource
import sys
import time

import torch

from engine.photo import load_photo
from engine.pipeline import reconstruct
from engine.settings import Settings
from engine.weights import DEFAULT_WEIGHTS, load_weights, random_weights
from tests.engine.solids import person
from tests.engine.trained import SAMPLES


def peak():
    """GiB of the process since its start."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main(preset="pifuhd", resolution=512, precision="auto"):
    weights = random_weights(preset, 1)
    asked = weights.network.occupancy

    def occupancy(features, points):
        return torch.from_numpy(person(points.numpy())) + 0 * asked(features, points)

    weights.network.occupancy = occupancy
    last = [""]

    def progress(stage, done, total, unit):
        if stage != last[0]:
            print(f"{time.monotonic() - started:6.0f} s  {peak():.2f} GiB before {stage}", flush=True)
            last[0] = stage

    started = time.monotonic()
    photo = load_photo(SAMPLES / "person_1.jpg")
    settings = Settings(resolution=int(resolution), device="cpu", precision=precision)
    result = reconstruct(photo, weights, load_weights(DEFAULT_WEIGHTS), settings, progress)
    print(f"{preset} at {resolution} in {result.info['precision']}: {peak():.2f} GiB,"
          f" {time.monotonic() - started:.0f} s, {len(result.vertices)} vertices,"
          f" {result.info['asked']} nodes asked")


if __name__ == "__main__":
    main(*sys.argv[1:])
