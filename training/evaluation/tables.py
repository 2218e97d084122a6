# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of evaluations as Markdown tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .metrics import NEAR, SAMPLES, VOLUME_SAMPLES, MeshMetrics
from .outcomes import Score

Floats = NDArray[np.float64]
TARGETS: dict[str, tuple[float, int]] = {
    "chamfer": (1.43, -1),
    "p2s": (1.37, -1),
    "normal": (0.107, -1),
    "silhouette_iou": (0.95, 1),
    "volume_iou": (0.85, 1),
    "components": (99.0, 1),
}
"""What the embedded weights are to reach, and whether less (-1) or more (1) is better. Chamfer, P2S and
normals are what PIFuHD reports on its own test set (its table 1, RenderPeople); of components, the percentage
of results with one alone."""
BRIEF = (
    "chamfer", "p2s", "completeness", "normal", "degrees", "back_p2s", "back_degrees", "silhouette_iou",
    "volume_iou",
)  # fmt: skip
"""Columns of `brief_table` and `trait_table`."""
COLUMNS = {
    "p2s": "P2S cm",
    "completeness": "Completeness cm",
    "chamfer": "Chamfer cm",
    "f_score": "F-score %",
    "normal": "Normal",
    "degrees": "Normal angle deg",
    "back_p2s": "Back P2S cm",
    "back_normal": "Back normal",
    "back_degrees": "Back angle deg",
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


_BRIEF_HEADS = ("Reconstructed", "Failed", *(COLUMNS[name] for name in BRIEF))


def table(scores: Sequence[Score]) -> str:
    """The scores as a Markdown table, means over the reconstructions of each row, under what they mean."""
    names = [field.name for field in dataclasses.fields(MeshMetrics)]
    heads = ["Weights", "Reconstructed", "Failed", *(COLUMNS[name] for name in names)]
    rows = []
    for score in scores:
        why = ", ".join(f"{code} {times}" for code, times in sorted(score.failures.items()))
        row = [score.weights, str(len(score.figures)), why or "0"]
        for name in names:
            values = figures_of(score, name)
            row.append(_mean(np.abs(values) if name == "z_offset" else values))
        row += [_mean(single_share(score)), _mean(100 * np.expm1(score.scale_errors))]
        rows.append(row)
    heads += ["One component %", "Scale error %"]
    return "\n".join([
        f"P2S: from {SAMPLES:,} area-weighted samples of the prediction to the true surface. Completeness:",
        f"from {SAMPLES:,} of the truth to the predicted surface. Chamfer: the mean of the two. F-score at",
        f"{100 * NEAR:g} cm.",
        "Normal: squared L2, mean over all pixels of 512 x 512 at yaw 0, 90, 180, 270; the angle where both",
        "are. Back: P2S of what is turned away from the photograph's viewer; normals from yaw 180 alone.",
        "Silhouette at yaw 0, side at yaw 90, yaw 0 being the photograph's view. Volume: "
        f"{VOLUME_SAMPLES:,} samples.",
        "Depth: area-weighted medians aligned; columns with z: by the mean signed depth offset instead.",
        "Metres: the truth's. Scale error: of the metres the engine gives when told the true stature.",
        "Means over the reconstructed pictures alone: compare rows with the same failures.",
        "",
        *markdown(heads, rows),
    ])  # fmt: skip


def spread_table(scores: Sequence[Score]) -> str:
    """Of each figure the mean, the median, and between which values the middle 80 % of the results lie."""
    names = [name for name in COLUMNS if name not in ("components", "z_offset")]
    heads = ["Mean; median [10th, 90th percentile]", *(score.weights for score in scores)]
    rows = [[COLUMNS[name], *(_spread(figures_of(score, name)) for score in scores)] for name in names]
    return "\n".join(markdown(heads, rows))


def brief_table(scores: Sequence[Score]) -> str:
    """The means that matter most, a row for each of the scores."""
    return "\n".join(
        markdown(["Weights", *_BRIEF_HEADS], [[score.weights, *_brief(score)] for score in scores])
    )


def trait_table(scores: Sequence[Score], trait: str) -> str:
    """Means over the cases of each value of a trait (Case.traits), a row each."""
    rows = [
        [value, score.weights, *_brief(group)] for score in scores for value, group in score.by(trait).items()
    ]
    return "\n".join(markdown([trait.capitalize(), "Weights", *_BRIEF_HEADS], rows))


def target_table(scores: Sequence[Score]) -> str:
    """TARGETS beside what was measured."""
    heads = ["Figure", "Target", *(score.weights for score in scores)]
    rows = []
    for name, (target, better) in TARGETS.items():
        label = "One component %" if name == "components" else COLUMNS[name]
        row = [label, f"{'at least' if better > 0 else 'at most'} {target:g}"]
        for score in scores:
            values = single_share(score) if name == "components" else figures_of(score, name)
            reached = len(values) > 0 and better * np.nanmean(values) >= better * target
            row.append(f"{_mean(values)}, {'reached' if reached else 'missed'}")
        rows.append(row)
    return "\n".join(markdown(heads, rows))


def figures_of(score: Score, name: str) -> Floats:
    """(N,) one of MeshMetrics of each reconstruction."""
    return np.array([getattr(figures, name) for figures in score.figures], float)


def single_share(score: Score) -> Floats:
    """(N,) of each reconstruction 100 where it is one component, else 0."""
    return np.where(figures_of(score, "components") == 1, 100.0, 0.0)


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table."""
    return ["| " + " | ".join(row) + " |" for row in (heads, ["---"] * len(heads), *rows)]


def _brief(score: Score) -> list[str]:
    counts = [str(len(score.figures)), str(sum(score.failures.values()))]
    return [*counts, *(_mean(figures_of(score, name)) for name in BRIEF)]


def _mean(values: NDArray[Any]) -> str:
    return f"{np.nanmean(values):.4g}" if np.isfinite(values).any() else "-"


def _spread(values: Floats) -> str:
    known = values[np.isfinite(values)]
    if not len(known):
        return "-"
    low, middle, high = np.percentile(known, [10, 50, 90])
    return f"{known.mean():.3g}; {middle:.3g} [{low:.3g}, {high:.3g}]"
