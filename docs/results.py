# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes docs/results.md: `python docs/results.py FOLDER PAGE` from the checkout's root.

FOLDER holds what there is of: evaluation.json, ablation.json and robustness.json (of `python -m training
evaluate`, `ablate` and `robustness`, each with --json), conditions.jpg (`robustness --picture`), the pictures
of docs/gallery.py in gallery/, and texts by who looked at all this: ablation.md, robustness.md and
gallery.md, what is to be seen there, photographs.md, what goes wrong on real pictures, and next.md, what the
next round would change. What is not there is not written.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from engine.weights import DEFAULT_WEIGHTS
from engine.weights.files import summarise_weights
from training.evaluation.outcomes import Score
from training.evaluation.report import About, read_report
from training.evaluation.tables import brief_table, figures_of, spread_table, target_table, trait_table
from training.whole import written_whole

BEFORE = "<!-- written by docs/results.py: change that, or the files it reads -->"


def main(folder: Path, page: Path) -> None:
    """Write the page of what the folder holds. Raises ValueError where it holds no evaluation."""
    if not (folder / "evaluation.json").exists():
        raise ValueError(
            f"{folder} holds no evaluation.json: run `python -m training evaluate --json` first."
        )
    parts = [BEFORE, "# Results", *_evaluation(*read_report(folder / "evaluation.json"))]
    if (folder / "ablation.json").exists():
        parts += [*_ablation(*read_report(folder / "ablation.json")), *_text(folder, "ablation")]
    if (folder / "robustness.json").exists():
        parts += [*_robustness(*read_report(folder / "robustness.json")), *_text(folder, "robustness")]
    parts += _picture(folder / "conditions.jpg", page, "One person in all conditions, with the mesh from the "
                      "camera and from the viewer's right")  # fmt: skip
    parts += _gallery(folder / "gallery", page)
    for name, title in (("photographs", "What goes wrong on real photographs"), ("next", "What comes next")):
        if text := _text(folder, name):
            parts += [f"## {title}", *text]
    with written_whole(page) as partial:
        partial.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _evaluation(about: About, scores: list[Score]) -> list[str]:
    cards = []
    card = summarise_weights(DEFAULT_WEIGHTS)
    if any(score.sha256 == card.sha256 for score in scores):
        known = [f"{name}: {card.card[name]}" for name in ("made", "data", "hardware") if name in card.card]
        cards = [f"The embedded weights ({'; '.join(known)}) on people they were never trained on."]
    return [
        *cards,
        "## Targets and what was measured",
        _made_by(about),
        target_table(scores),
        spread_table(scores),
        _refused(scores),
        "P2S is from the prediction to the truth, completeness the other way, Chamfer the mean of the two. "
        "Rows with z align the depth by what both cover, the others by the medians; the back's figures are "
        "those of the side that no photograph shows. `python -m training evaluate` prints how each is taken.",
        "### By pose",
        trait_table(scores, "pose"),
        "### By the side that is seen",
        "Yaw 0 is from the front, 180 from behind.",
        trait_table(scores, "yaw"),
    ]


def _ablation(about: About, scores: list[Score]) -> list[str]:
    return ["## What each part is worth", _made_by(about), brief_table(scores), _order(scores)]


def _order(scores: Sequence[Score]) -> str:
    """Each row against the one above it, in words."""
    sentences = []
    for above, below in zip(scores, scores[1:]):
        if above.figures and below.figures:
            steps = []
            for name, what in (("chamfer", "Chamfer"), ("back_p2s", "P2S of the back")):
                gain = np.nanmean(figures_of(above, name)) - np.nanmean(figures_of(below, name))
                steps.append(f"{what} is {abs(gain):.2f} cm {'smaller' if gain > 0 else 'larger'}")
            sentences.append(f"From `{above.weights}` to `{below.weights}` {' and '.join(steps)}.")
    return " ".join(sentences)


def _robustness(about: About, scores: list[Score]) -> list[str]:
    return [
        "## The same people under harder conditions",
        _made_by(about),
        "The reference has 1024 pixels a side and shows the whole person from the front; each other "
        "condition differs from it in what its name says. Of people partly out of the frame the part within "
        "it is compared: both meshes are cut by the frame.",
        trait_table(scores, "condition"),
        _refused(scores),
    ]


def _gallery(folder: Path, page: Path) -> list[str]:
    pictures = sorted(path for path in folder.glob("*.jpg") if path.stem != "sheet")
    if not pictures:
        return []
    text = (
        "Made by `python docs/gallery.py compact FOLDER`, failures included: the picture, the normals of "
        "front and back, and the mesh from four sides, coloured and as clay."
    )
    shown = [line for path in pictures for line in _picture(path, page, path.stem)]
    return ["## Gallery", text, *_text(folder.parent, "gallery"), *shown]


def _picture(path: Path, page: Path, text: str) -> list[str]:
    return [f"![{text}]({Path(os.path.relpath(path, page.parent)).as_posix()})"] if path.exists() else []


def _text(folder: Path, name: str) -> list[str]:
    text = folder / f"{name}.md"
    return [text.read_text(encoding="utf-8").strip()] if text.exists() else []


def _made_by(about: About) -> str:
    return f"{about}\n\n```\n{about.command}\n```"


def _refused(scores: Sequence[Score]) -> str:
    lines = []
    for score in scores:
        why = ", ".join(f"{code} {times} times" for code, times in sorted(score.failures.items()))
        lines.append(f"`{score.weights}`: {len(score.outcomes)} pictures, refused: {why or 'none'}.")
    return " ".join(lines)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
