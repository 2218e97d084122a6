# SPDX-License-Identifier: GPL-3.0-or-later
"""What came of the reconstructions, case by case."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from .metrics import MeshMetrics


@dataclass(frozen=True)
class Outcome:
    """Of one case: the figures and the scale error, |log| of the metres given the true stature over the true
    metres; or the code of the error that came instead, and neither. traits: the case's, for grouping.
    """

    case: str
    figures: MeshMetrics | None = None
    scale_error: float | None = None
    failure: str | None = None
    traits: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Score:
    """One row. weights: its label; sha256: of the file; outcomes: in the order of the cases."""

    weights: str
    sha256: str
    outcomes: list[Outcome]

    @property
    def figures(self) -> list[MeshMetrics]:
        """Of the cases that were reconstructed."""
        return [outcome.figures for outcome in self.outcomes if outcome.figures is not None]

    @property
    def scale_errors(self) -> list[float]:
        """Of the same cases."""
        return [outcome.scale_error for outcome in self.outcomes if outcome.scale_error is not None]

    @property
    def failures(self) -> Counter[str]:
        """How often each error code came instead."""
        return Counter(outcome.failure for outcome in self.outcomes if outcome.failure is not None)

    def by(self, trait: str) -> dict[str, Score]:
        """The outcomes of each value of a trait, in the order in which the values first came."""
        groups: dict[str, list[Outcome]] = {}
        for outcome in self.outcomes:
            if trait in outcome.traits:
                groups.setdefault(outcome.traits[trait], []).append(outcome)
        return {value: Score(self.weights, self.sha256, some) for value, some in groups.items()}
