# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of an evaluation, and the same figures as a JSON file from which tables can be made anew.

The file is one object, its keys in alphabetical order everywhere:

    about        what was measured, the same for every row
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
        scale_error  null after a failure, else |log| of the metres given over the true ones
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..evaluate import Outcome, Score
from ..whole import written_whole
from .metrics import NEAR, SAMPLES, VOLUME_SAMPLES, MeshMetrics


@dataclass(frozen=True)
class About:
    """What was measured; see this module's docstring."""

    people: str
    yaws: list[float]
    noise: bool
    resolution: int
    unusable: dict[str, str]

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
    return Outcome(values["case"], figures, values["scale_error"], values["failure"])


COLUMNS = {
    "p2s": "P2S cm",
    "completeness": "Completeness cm",
    "chamfer": "Chamfer cm",
    "f_score": "F-score %",
    "normal": "Normal",
    "degrees": "Normal angle deg",
    "silhouette_iou": "Silhouette IoU",
    "side_iou": "Side IoU",
    "volume_iou": "Volume IoU",
    "components": "Components",
    "z_offset": "z offset cm (mean of sizes)",
    "z_p2s": "P2S z cm",
    "z_completeness": "Completeness z cm",
    "z_chamfer": "Chamfer z cm",
    "z_f_score": "F-score z %",
}


def table(scores: Sequence[Score]) -> str:
    """The scores as a Markdown table, means over the reconstructions of each row, under what they mean."""
    names = [field.name for field in dataclasses.fields(MeshMetrics)]
    heads = ["Weights", "Reconstructed", "Failed", *(COLUMNS[name] for name in names), "Scale error %"]
    rows = []
    for score in scores:
        count = len(score.figures)
        why = ", ".join(f"{code} {times}" for code, times in sorted(score.failures.items()))
        row = [score.weights, str(count), why or "0"]
        for name in names:
            values = np.array([getattr(figures, name) for figures in score.figures], float)
            values = np.abs(values) if name == "z_offset" else values
            row.append(_mean(values))
        row.append(_mean(100 * np.expm1(score.scale_errors)))
        rows.append(row)
    lines = ["| " + " | ".join(row) + " |" for row in (heads, ["---"] * len(heads), *rows)]
    return "\n".join([
        f"P2S: from {SAMPLES:,} area-weighted samples of the prediction to the true surface. Completeness:",
        f"from {SAMPLES:,} of the truth to the predicted surface. Chamfer: the mean of the two. F-score at",
        f"{100 * NEAR:g} cm.",
        "Normal: squared L2, mean over all pixels of 512 x 512 at yaw 0, 90, 180, 270; the angle where both",
        "are. Silhouette at yaw 0, side at yaw 90, yaw 0 being the photograph's view. Volume: "
        f"{VOLUME_SAMPLES:,} samples.",
        "Depth: area-weighted medians aligned; columns with z: by the mean signed depth offset instead.",
        "Metres: the truth's. Scale error: of the metres the engine gives when told the true stature.",
        "Means over the reconstructed pictures alone: compare rows with the same failures.",
        "",
        *lines,
    ])  # fmt: skip


def _mean(values: NDArray[Any]) -> str:
    return f"{np.nanmean(values):.4g}" if np.isfinite(values).any() else "-"
