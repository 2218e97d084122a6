# SPDX-License-Identifier: GPL-3.0-or-later
"""Who somebody is in body: gender, age, build and stature, as a phenotype of the body model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .body import RACES, Body
from .topology import FloatArray, triangles

CHILDREN = 0.07
"""Share of people under about 12 years."""
CHILD_STATURES, ADULT_STATURES = (1.0, 1.5), (1.45, 2.05)
"""Metres; what is drawn beyond them is drawn again."""
MAN, WOMAN, SPREAD = 1.765, 1.63, 0.085
"""Mean statures in metres, about those of adults in Europe, and their standard deviation, a fifth wider than
theirs so that the tall and the small are seen too."""
GROWTH = ((0.89, 0.1), (1.11, 0.2), (1.34, 0.3), (1.51, 0.4))
"""Stature in metres of the model's average child, and its age axis there."""


@dataclass(frozen=True)
class Physique:
    """phenotype: the body model's axes; female: who dresses as women often do; child; stature in metres."""

    phenotype: dict[str, float]
    female: bool
    child: bool
    stature: float


def draw_physique(rng: np.random.Generator, body: Body) -> Physique:
    """A child or an adult; nine adults in ten are a man or a woman, one is between the two."""
    child = bool(rng.random() < CHILDREN)
    gender = float(rng.beta(0.35, 0.35))
    female = bool(rng.random() < gender)
    weight = float(np.clip(rng.normal(0.64, 0.23), 0.05, 1))
    # of the model's bodies only those with little muscle get fat: a body mass index of 38 against 23;
    # as drawn here it runs from 18 over 23 to 33 (5th, 50th and 95th percentile)
    muscle = float(rng.beta(1.3, 2.2)) * (1 - 0.85 * (weight > 0.7) * (rng.random() < 0.75))
    phenotype = {
        "gender": gender,
        "muscle": muscle,
        "weight": weight,
        "proportions": rng.uniform(0.4, 1),
        "cupsize": rng.uniform(0.2, 0.7),
        "firmness": rng.uniform(0.4, 0.8),
        **dict(zip(RACES, rng.dirichlet([0.5, 0.5, 0.5]) + 1e-3, strict=True)),
    }
    if child:
        stature = rng.uniform(*CHILD_STATURES)
        grown = stature / rng.uniform(0.95, 1.05)
        phenotype["age"] = float(np.interp(grown, *np.transpose(GROWTH)))
    else:
        stature = _drawn_again(rng, MAN + gender * (WOMAN - MAN), ADULT_STATURES)
        phenotype["age"] = 0.47 + 0.53 * float(rng.beta(1.1, 1.6))
    phenotype["height"] = _height(body, phenotype, stature)
    return Physique(phenotype, female, child, stature)


def stature_of(body: Body, rest: FloatArray) -> float:
    """Metres from the soles to the crown of a body at rest (19158, 3)."""
    upright = rest[triangles(body.quads["body"]), 2]
    return float(upright.max() - upright.min())


def _drawn_again(rng: np.random.Generator, mean: float, allowed: tuple[float, float]) -> float:
    while True:
        value = float(rng.normal(mean, SPREAD))
        if allowed[0] <= value <= allowed[1]:
            return value


def _height(body: Body, phenotype: dict[str, float], stature: float) -> float:
    """The model's height axis for a stature, which is linear in it."""
    short, tall = (stature_of(body, body.rest({**phenotype, "height": height})[0]) for height in (0.0, 1.0))
    return (stature - short) / (tall - short)
