# SPDX-License-Identifier: GPL-3.0-or-later
"""Results as Markdown tables.

    python -m benchmarks.report

writes those of every file in benchmarks/results into docs/performance.md, between its two marks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from engine.mesh_io import write_whole

from .targets import Target, targets

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- results: python -m benchmarks.report writes what follows -->", "<!-- end of results -->"
CASE = "preset | nodes a side | device"
OURS = ("photo", "normals", "features", "points", "surface", "colour", "file")
PUBLISHED = ("photo", "networks", "coordinates", "octree", "points", "marching cubes", "colour", "file")


def tables(results: dict[str, Any]) -> str:
    """All tables of one result file, as `benchmarks.__main__` writes it."""
    cases = results["comparisons"]
    parts = [
        _machine(results),
        _table(f"{CASE} | s | published s | ratio to published | peak GiB | published peak GiB | GPU GiB | "
               "apart in voxels: median, 99 %", map(_overview, cases)),
        "The engine's stages, seconds (surface: without the points that are asked in it):",
        _table(f"{CASE} | {' | '.join(OURS)} | points asked | vertices",
               (_stages(case, "ours", OURS) for case in cases)),
    ]  # fmt: skip
    # a GPU's have none, nor have results from before there was bfloat16
    rounded = [case for case in cases if case.get("bfloat16")]
    if rounded:
        parts += [
            "The engine in bfloat16 beside itself in float32, whose rows are those above:",
            _table(f"{CASE} | s | in float32 s | ratio to float32 | ratio to published | peak GiB | "
                   "apart in voxels: mean, 99 %", map(_rounded, rounded)),
            "Its stages in bfloat16, seconds:",
            _table(f"{CASE} | {' | '.join(OURS)} | points asked | vertices",
                   (_stages(case, "bfloat16", OURS) for case in rounded)),
        ]  # fmt: skip
    compared = [case for case in cases if case["published"]]
    if compared:
        parts += [
            "The published procedure's stages, seconds:",
            _table(f"{CASE} | {' | '.join(PUBLISHED)} | points asked | vertices",
                   (_stages(case, "published", PUBLISHED) for case in compared)),
        ]  # fmt: skip
    parts += [
        "The engine's stages, seconds, over their floor: operations over the rate of matrix products, or, "
        f"where that takes longer (m), what convolutions read and write over memory's ({_rates(results)}):",
        _table(f"{CASE} | precision | normals | features | points", map(_floors, results["floors"])),
    ]
    if results["growth"]:
        parts += ["The surface stage, with its points, against c r^2:", _table(
            "preset | device | nodes a side | s | farthest from c r^2 | MiB | farthest from c r^2",
            map(_growth, results["growth"]))]  # fmt: skip
    if results["engine"]:
        parts += ["`compact` over the engine's socket, seconds:", _table(
            "device | nodes a side | cold: ready | cold: preview | cold: mesh | of which weights | "
            "warm: preview | warm: mesh | preview's share",
            (_engine(one, cases[0]) for one in results["engine"]))]  # fmt: skip
    # results from before it was measured have none
    batches = results.get("throughput", [])
    if batches:
        parts += ["Batches of photographs, by `compact`, in processes that share the cores, one run each:",
                  _table("device | nodes a side | processes | people | s | people a second",
                         map(_batch, batches))]  # fmt: skip
    wanted = targets(results)
    if wanted:
        rows = map(_target, wanted)
        parts += ["What was to be reached:", _table("what | measured | wanted | reached", rows)]
    return "\n\n".join(parts) + "\n"


def _machine(results: dict[str, Any]) -> str:
    machine = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    memory = "" if machine["memory_gib"] is None else f", {machine['memory_gib']} GiB"
    gpu = f"; {machine['gpu']}" if machine["gpu"] else ""
    return (f"**{results['name']}**: {machine['cpu']}, {machine['cores']} cores, {machine['threads']} threads"
            f"{memory}{gpu}; {machine['system']}; {versions}; commit {machine['commit']}; {results['date']}; "
            f"medians of {results['runs']}, run in turns.")  # fmt: skip


def _overview(case: dict[str, Any]) -> list[str]:
    ours, theirs, apart = case["ours"], case["published"] or {}, case["apart"]
    far = "-" if apart is None else f"{apart['median']:.3f}, {apart['p99']:.3f}"
    times = map(_number, (ours["total"], theirs.get("total"), case["ratio_to_published"]))
    memory = map(_gib, (ours["peak_bytes"], theirs.get("peak_bytes"), ours["gpu_bytes"]))
    return [*_case(case), *times, *memory, far]


def _rounded(case: dict[str, Any]) -> list[str]:
    one = case["bfloat16"]
    ratios = one["ratio_to_float32"], one["ratio_to_published"]
    times = map(_number, (one["total"], case["ours"]["total"], *ratios))
    far = f"{one['apart']['mean']:.3f}, {one['apart']['p99']:.3f}"
    return [*_case(case), *times, _gib(one["peak_bytes"]), far]


def _stages(case: dict[str, Any], procedure: str, stages: Sequence[str]) -> list[str]:
    one = case[procedure]
    times = [_number(one["seconds"].get(stage)) for stage in stages]
    return [*_case(case), *times, f"{one['asked']:,}", f"{one['vertices']:,}"]


def _rates(results: dict[str, Any]) -> str:
    return "; ".join(
        f"{device}: {one['float32'] / 1e9:.0f} GFLOP/s in float32, {one['bfloat16'] / 1e9:.0f} in bfloat16, "
        f"{one['copied'] / 1e9:.0f} GB/s"
        for device, one in results["rates"].items()
    )


def _floors(one: dict[str, Any]) -> list[str]:
    stages = [one[stage] for stage in ("normals", "features", "points")]
    return [*_case(one), one["precision"], *map(_against_floor, stages)]


def _against_floor(stage: dict[str, float]) -> str:
    seconds, floor = stage["seconds"], max(stage["operations"], stage["numbers"])
    if not floor:
        return _number(seconds)
    bound = " m" if floor > stage["operations"] else ""
    return f"{_number(seconds)} / {_number(floor)}{bound} = {_number(seconds / floor)}"


def _growth(one: dict[str, Any]) -> list[str]:
    return [
        one["preset"], one["device"], ", ".join(map(str, one["resolutions"])),
        ", ".join(map(_number, one["seconds"])), f"{one['seconds_fit']['off']:.0%}",
        ", ".join(f"{taken / 2**20:.0f}" for taken in one["memory"]), f"{one['memory_fit']['off']:.0%}",
    ]  # fmt: skip


def _engine(one: dict[str, Any], case: dict[str, Any]) -> list[str]:
    """What was measured of an engine, and how long a case's fresh process took to load the same weights."""
    cold, warm, weights = one["cold"], one["warm"], case["loading"]["weights"]
    times = (cold["ready"], cold["preview"], cold["total"], weights, warm["preview"], warm["total"])
    share = f"{warm['preview'] / warm['total']:.0%}"
    return [one["device"], str(one["resolution"]), *map(_number, times), share]


def _batch(one: dict[str, Any]) -> list[str]:
    counts = map(str, (one["resolution"], one["processes"], one["jobs"]))
    return [one["device"], *counts, *map(_number, (one["seconds"], one["people_per_second"]))]


def _target(one: Target) -> list[str]:
    bound = f"{'at least' if one.least else 'at most'} {_number(one.bound)}"
    return [one.what, _number(one.measured), bound, "yes" if one.holds else "no"]


def _case(case: dict[str, Any]) -> list[str]:
    return [case["preset"], str(case["resolution"]), case["device"]]


def _number(value: float | None) -> str:
    """Three digits."""
    return "-" if value is None else f"{value:.3g}" if value < 100 else f"{value:.0f}"


def _gib(amount: int | None) -> str:
    return "-" if amount is None else f"{amount / 2**30:.2f}"


def _table(head: str, rows: Iterable[Sequence[str]]) -> str:
    """A table from its head, the columns' names with | between them, and rows of cells."""
    lines = [head, " | ".join(["---"] * len(head.split(" | "))), *map(" | ".join, rows)]
    return "\n".join(f"| {line} |" for line in lines)


def fill(page: str, text: str) -> str:
    """The page with text between its marks. Raises ValueError where it has not both."""
    before, begun, rest = page.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not begun or not ended:
        raise ValueError(f"the page lacks the line {BEGIN!r} or {END!r}")
    return f"{before}{BEGIN}\n\n{text}\n{END}{after}"


def main() -> None:
    """Fill the page."""
    files = sorted(RESULTS.glob("*.json"))
    text = "\n".join(_with_plots(json.loads(path.read_text(encoding="utf-8"))) for path in files)
    write_whole(PAGE, fill(PAGE.read_text(encoding="utf-8"), text).encode())


def _with_plots(results: dict[str, Any]) -> str:
    """The tables, and behind them the plots where some were drawn."""
    kinds = ("seconds", "memory") if results["growth"] else ()
    folder = RESULTS.relative_to(ROOT)
    plots = [f"![{kind} of the surface stage](../{folder}/{results['name']}-{kind}.png)" for kind in kinds]
    return "\n".join([tables(results), *plots])


if __name__ == "__main__":
    main()
