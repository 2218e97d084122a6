# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody to be measured, without a generator or an engine."""

from dataclasses import replace
from functools import cache, partial

import numpy as np
import torch

from tests.training.shapes import figure
from training.evaluation.cases import Case, People
from training.evaluation.meshes import Mesh, outer_surface
from training.evaluation.metrics import MeshMetrics, compare
from training.evaluation.report import About


def case() -> Case:
    person = figure()
    middle = torch.tensor([0.0, 0.8, 0.0])
    picture = np.full((200, 200, 3), 90, np.uint8)
    true = Mesh(person.vertices - middle, person.faces, person.part)
    return Case("figure", picture, true, outer_surface(true), 2.4, 1.63, {"person": "one", "pose": "stand"})


def shown(seed: int, cases: list[Case]) -> list[Case]:
    return cases


def people(*cases: Case) -> People:
    return People("Somebody", {7: "one"}, partial(shown, cases=list(cases)))


@cache
def known_figures() -> MeshMetrics:
    return compare(case().true.moved(0.2), case().true)


def about(**changes: object) -> About:
    return replace(About("Somebody", [0.0, 120.0], False, 64, {"b": "not closed"}), **changes)
