# SPDX-License-Identifier: GPL-3.0-or-later
"""The refined surface against scikit-image's of the whole dense grid, a table of differences.

    python -m benchmarks.surface_equality [RESOLUTION]

At 512, the default, it takes about half an hour on two cores and 6 GB. Every part of a dense surface that the
refined one lacks is listed with its size in cells of the first grid, between whose nodes it must lie.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from engine.surface.isosurface import isosurface
from engine.surface.localise import COARSEST
from tests.engine.fields import (
    all_columns,
    assert_same,
    dense_mesh,
    dense_values,
    disc_columns,
    localised,
    looked_up,
    parts,
)
from tests.engine.solids import CRUMBS, WHOLE
from tests.engine.trained import Trained, painted, sample

SOLIDS = ["torus", "thin sheet through a ball", "narrow gap", "noise", "person"]
LINE = "{:26} {:>9} {:>9} {:>7} {:>10} {:>11} {:>10}"


def compare(name, function, columns):
    values = dense_values(function, columns)
    started = time.monotonic()
    field = localised(looked_up(values), columns)
    mesh = isosurface(field)
    seconds = time.monotonic() - started
    dense = dense_mesh(values)
    missed = []
    if len(mesh[0]) == len(dense[0]):
        assert_same(mesh, dense)
    else:
        found = parts(*mesh)
        for part in parts(*dense):
            same = [other for other in found if len(other[0]) == len(part[0])
                    and np.abs(other[0].mean(axis=0) - part[0].mean(axis=0)).max() < 1e-4]
            if same:
                assert_same(same[0], part)
            else:
                missed.append(part[0])
        assert len(found) + len(missed) == len(parts(*dense))
    ratio = field.asked / len(mesh[0])
    row = name, len(mesh[0]), len(dense[0]), len(missed), field.asked, f"{ratio:.2f}", f"{seconds:.1f}"
    print(LINE.format(*row), flush=True)
    for vertices in missed:
        size = np.ptp(vertices, axis=0) * COARSEST / 2
        print(f"    missed: {len(vertices)} vertices, " + " x ".join(f"{side:.2f}" for side in size)
              + " cells of the first grid", flush=True)


def main(resolution):
    print(LINE.format(f"at {resolution}", "vertices", "dense", "missed", "asked", "a vertex", "seconds"))
    for name in SOLIDS:
        compare(name, WHOLE[name], all_columns(resolution))
    compare("forty balls in a disc", WHOLE["forty balls"], disc_columns(resolution))
    compare("crumbs in a disc", CRUMBS, disc_columns(resolution))
    for name, picture in [(name, sample(name)) for name in ("person_1.jpg", "person_2.jpg")] + [
            ("painted figure", painted())]:
        trained = Trained(picture)
        compare(name, trained, trained.columns(resolution))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 512)
