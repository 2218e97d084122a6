# SPDX-License-Identifier: GPL-3.0-or-later
"""The procedures side by side: run in turns, so that what else the machine does meets both."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from engine.devices import choose_precision

from .child import PROCEDURES, ROUNDED, Case, Child

LARGEST_PUBLISHED: Final = 512
"""Nodes a side; at 1024 the coordinates alone would take 77 GB."""


def compare(case: Case, runs: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Run the procedures by turns, each in a process of its own, `runs` times each; the published one only up
    to LARGEST_PUBLISHED, bfloat16 only where the engine would choose it.

    Returns the case's fields; loading: seconds in a fresh process, see `Child`; ours and published (or None),
    each of `summary`; ratio_to_published, the median over the turns, and apart, of `distances`, or None;
    bfloat16, None or a `summary` with {ratio_to_float32, ratio_to_published or None, apart: from ours}.
    """
    procedures = [name for name in PROCEDURES if _runs(name, case)]
    seen: dict[str, list[dict[str, Any]]] = {name: [] for name in procedures}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        children = {name: stack.enter_context(Child(name, case)) for name in procedures}
        targets = {name: Path(folder) / f"{name}.obj" for name in procedures}
        for turn in range(runs):
            for name in procedures:
                seen[name].append(children[name].run(targets[name]))
                tell(
                    f"{case.preset} at {case.resolution} on {case.device}, {name}, run {turn + 1} of {runs}:"
                    f" {_total(seen[name][-1]):.2f} s"
                )
        meshes = {name: np.load(path.with_suffix(".npy")) for name, path in targets.items()}
    found: dict[str, Any] = dataclasses.asdict(case) | {"photo": Path(case.photo).name}
    found |= {"ours": summary(seen["ours"]), "published": None, "ratio_to_published": None, "apart": None}
    found |= {"loading": children["ours"].ready, "bfloat16": None}
    if "published" in seen:
        found["published"] = summary(seen["published"])
        found["ratio_to_published"] = _ratio(seen["published"], seen["ours"])
        found["apart"] = distances(meshes["ours"], meshes["published"], 2 / case.resolution)
    if ROUNDED in seen:
        found["bfloat16"] = summary(seen[ROUNDED]) | {
            "ratio_to_float32": _ratio(seen["ours"], seen[ROUNDED]),
            "ratio_to_published": _ratio(seen["published"], seen[ROUNDED]) if "published" in seen else None,
            "apart": distances(meshes[ROUNDED], meshes["ours"], 2 / case.resolution),
        }
    return found


def _runs(procedure: str, case: Case) -> bool:
    if procedure == ROUNDED:
        return choose_precision("auto", torch.device(case.device)) == torch.bfloat16
    return procedure == "ours" or case.resolution <= LARGEST_PUBLISHED


def summary(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One record of several runs: {total, totals: one by one, seconds: of each stage, peak_bytes,
    surface_bytes, gpu_bytes, vertices, asked}, see `measured.Measured`; medians of seconds, the most of the
    memory."""
    memory = {
        name: max(run[name] for run in runs) if runs[0][name] is not None else None
        for name in ("peak_bytes", "surface_bytes", "gpu_bytes")
    }
    totals = [_total(run) for run in runs]
    return {
        "total": median(totals),
        "totals": totals,
        "seconds": {stage: median(run["seconds"][stage] for run in runs) for stage in runs[0]["seconds"]},
        **memory,
        "vertices": runs[0]["vertices"],
        "asked": runs[0]["asked"],
    }


def distances(ours: NDArray[np.float32], theirs: NDArray[np.float32], voxel: float) -> dict[str, float]:
    """How far apart the vertices (V, 3) of two meshes are, in voxels: median, mean and 99th percentile of the
    way to the other mesh's nearest, which is no shorter than that to its surface; theirs: from theirs to
    ours."""
    found = {}
    for prefix, one, other in (("", ours, theirs), ("theirs_", theirs, ours)):
        way = cKDTree(other).query(one)[0] / voxel
        found[f"{prefix}median"] = float(np.median(way))
        found[f"{prefix}mean"] = float(np.mean(way))
        found[f"{prefix}p99"] = float(np.quantile(way, 0.99))
    return found


def _ratio(slower: Sequence[dict[str, Any]], faster: Sequence[dict[str, Any]]) -> float:
    """The median over the turns."""
    return median(_total(one) / _total(other) for one, other in zip(slower, faster))


def _total(run: dict[str, Any]) -> float:
    return float(sum(run["seconds"].values()))
