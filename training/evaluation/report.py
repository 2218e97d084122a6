# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures of an evaluation as a JSON file, from which tables and pages can be made anew.

The file is one object, its keys in alphabetical order everywhere:

    about        what was measured, the same for every row
      command      that wrote the file
      noise        whether the pictures had the faults of cameras
      people       which people, in words
      resolution   nodes a side of the reconstructions
      unusable     scans that were passed over: the reason by name
      yaws         degrees that each person was seen from, 0 the front
    scores       a list, one a row of the table
      weights      the row's label
      sha256       of the weights file
      outcomes     a list, one a case
        case         its name
        failure      the engine's error code, or null
        figures      null after a failure, else the figures of metrics.MeshMetrics; one that is not defined
                     (the angle where nothing overlaps) is null
        traits       by which tables group: person, pose, yaw, condition
        scale_error  null after a failure, else |log| of the metres given over the true ones
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..whole import written_whole
from .metrics import MeshMetrics
from .outcomes import Outcome, Score


@dataclass(frozen=True)
class About:
    """What was measured; see this module's docstring."""

    people: str
    yaws: list[float]
    noise: bool
    resolution: int
    unusable: dict[str, str]
    command: str = field(default="", compare=False)

    def __str__(self) -> str:
        seen = ", ".join(f"{yaw:g}" for yaw in self.yaws)
        noise = "with camera noise" if self.noise else "without camera noise"
        lines = [f"{self.people}, seen from {seen} degrees, {noise};", f"resolution {self.resolution}."]
        return "\n".join(lines + [f"Left out: {name}: {why}" for name, why in self.unusable.items()])


def write_report(path: Path, about: About, scores: Sequence[Score]) -> None:
    """Write the JSON file that this module's docstring describes, whole or not at all."""
    rows = [dataclasses.asdict(score) for score in scores]
    for outcome in (outcome for row in rows for outcome in row["outcomes"]):
        if outcome["figures"] is not None:
            finite = {k: v if math.isfinite(v) else None for k, v in outcome["figures"].items()}
            outcome["figures"] = finite
    document = {"about": dataclasses.asdict(about), "scores": rows}
    text = json.dumps(document, indent=1, sort_keys=True, allow_nan=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as partial:
        partial.write_text(text + "\n", encoding="utf-8")


def read_report(path: Path) -> tuple[About, list[Score]]:
    """The inverse of `write_report`. Raises ValueError for another file, OSError for none."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        scores = [
            Score(score["weights"], score["sha256"], [_outcome(values) for values in score["outcomes"]])
            for score in document["scores"]
        ]
        return About(**document["about"]), scores
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} holds no figures of an evaluation ({error!r}). Write some with `evaluate --json`."
        ) from error


def _outcome(values: dict[str, Any]) -> Outcome:
    figures = values["figures"]
    if figures is not None:
        known: dict[str, Any] = {k: math.nan if v is None else v for k, v in figures.items()}
        figures = MeshMetrics(**known)
    return Outcome(values["case"], figures, values["scale_error"], values["failure"], values["traits"])
