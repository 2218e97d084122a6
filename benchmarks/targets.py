# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine is to reach, beside what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

GROWTH = 0.25  # how far time and memory of the surface stage may be from c r^2
SECONDS = {("compact", 256, "cpu"): 3.0, ("compact", 512, "cuda"): 0.05,
           ("pifuhd", 512, "cuda"): 0.15, ("pifuhd", 1024, "cuda"): 0.6}  # fmt: skip
"""From the photograph to the coloured mesh: on two cores, or an H200."""
PEOPLE_A_SECOND = 60.0  # of a batch on an H200, with as many processes as do most


@dataclass(frozen=True)
class Target:
    """One figure, which is to be `bound` at least or at most."""

    what: str
    measured: float
    bound: float
    least: bool = False

    @property
    def holds(self) -> bool:
        """Whether it was reached."""
        return self.measured >= self.bound if self.least else self.measured <= self.bound


def targets(results: dict[str, Any]) -> list[Target]:
    """Those of a result file (`benchmarks.__main__`) that it has figures for."""
    found: list[Target] = []
    for case in results["comparisons"]:
        found += _of_case(case)
    for one in results["growth"]:
        for kind, name in (("seconds_fit", "time"), ("memory_fit", "memory")):
            what = f"`{one['preset']}`, {one['device']}: {name} of the surface stage, share off c r^2"
            found.append(Target(what, one[kind]["off"], GROWTH))
    for one in results["engine"]:
        where, cold, warm = f"`compact`, {one['device']}", one["cold"], one["warm"]
        if one["device"] == "cpu":
            # every case's fresh process loads the embedded weights first
            weights = results["comparisons"][0]["loading"]["weights"]
            found.append(Target(f"{where}: cold start to the first mesh, s", cold["total"], 6.0))
            found.append(Target(f"{where}: of which weights, s", weights, 1.0))
        share = warm["preview"] / warm["total"]
        found.append(Target(f"{where}: preview, share of a warm job", share, 0.3))
    # results from before batches were measured have none
    batches = [one for one in results.get("throughput", []) if one["device"] == "cuda"]
    if batches:
        best = max(batches, key=lambda one: one["people_per_second"])
        what = f"`compact` at {best['resolution']}, cuda: people a second, in a batch"
        found.append(Target(what, best["people_per_second"], PEOPLE_A_SECOND, True))
    return found


def _of_case(case: dict[str, Any]) -> Iterator[Target]:
    preset, resolution, device = case["preset"], case["resolution"], case["device"]
    where = f"`{preset}` at {resolution}, {device}"
    ours, rounded = case["ours"], case["bfloat16"]
    if (preset, resolution, device) in SECONDS:
        yield Target(f"{where}: s", ours["total"], SECONDS[preset, resolution, device])
    if (preset, resolution, device) != ("pifuhd", 512, "cpu"):
        return
    yield Target(f"{where}: peak, GiB", ours["peak_bytes"] / 2**30, 4.0)
    if case["published"]:
        ratio = case["ratio_to_published"]
        yield Target(f"{where}: times as fast as the published procedure", ratio, 5.0, True)
        yield Target(f"{where}: voxels from the published mesh, 99 %", case["apart"]["p99"], 0.1)
    if rounded:
        apart = rounded["apart"]
        if rounded["ratio_to_published"]:
            ratio = rounded["ratio_to_published"]
            yield Target(f"{where}, bfloat16: times as fast as the published procedure", ratio, 10.0, True)
        yield Target(f"{where}, bfloat16: voxels from float32's mesh, mean", apart["mean"], 0.1)
        yield Target(f"{where}, bfloat16: voxels from float32's mesh, 99 %", apart["p99"], 0.5)
