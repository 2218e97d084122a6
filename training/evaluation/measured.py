# SPDX-License-Identifier: GPL-3.0-or-later
"""A long evaluation, kept as it goes: its file holds every person who has been measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..evaluate import Measuring, evaluate
from .cases import People
from .entries import load_entries
from .outcomes import Score
from .report import About, read_report, write_report


def measure(
    measuring: Measuring, people: People, about: About, path: Path | None, resume: bool, workers: int
) -> list[Score]:
    """Evaluate, and write `path` after each person, where it is given.

    about: of the file; what `people.unusable` comes to hold goes with it. resume: begin with what the file
    holds, if it is there. Error maps that are wanted are put in their order. Raises as evaluate.evaluate
    does, and ValueError where the file is of another evaluation.
    """
    scores = [Score(entry.label, entry.weights.sha256, []) for entry in load_entries(measuring.names)]
    if resume and path is not None and path.exists():
        scores = _resumed(path, about, scores, people)
    known = {outcome.traits.get("person") for outcome in scores[0].outcomes} | set(people.unusable)
    left = {seed: name for seed, name in people.names.items() if name not in known}
    for rows in evaluate(measuring, replace(people, names=left), workers):
        for score, outcomes in zip(scores, rows, strict=True):
            score.outcomes.extend(outcomes)
        if path is not None:
            write_report(path, about, scores)
    if measuring.maps is not None:
        measuring.maps.finish(scores)
    return scores


def _resumed(path: Path, about: About, scores: list[Score], people: People) -> list[Score]:
    """What the file holds; the scans that it calls unusable are noted in `people`."""
    then, before = read_report(path)
    same = [(score.weights, score.sha256) for score in before] == [
        (score.weights, score.sha256) for score in scores
    ]
    if not same or replace(then, unusable={}) != replace(about, unusable={}):
        raise ValueError(
            f"{path} holds figures of other weights, people, pictures or resolutions: name another file, or "
            "leave --resume out to write it anew."
        )
    people.unusable.update(then.unusable)
    print(f"{path} holds {len(before[0].outcomes)} reconstructions of each row: going on from there.")
    return before
