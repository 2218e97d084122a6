# SPDX-License-Identifier: GPL-3.0-or-later
"""Which gestures go with which way of standing or sitting, and how often."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from . import gestures as g
from .arms import Context

Gesture = Callable[[Context], float]
SINGLE: dict[str, dict[Gesture, float]] = {
    "stand": {
        g.relaxed: 0.42,
        g.hip: 0.1,
        g.pocket: 0.12,
        g.forearm_up: 0.1,
        g.away: 0.06,
        g.raised: 0.02,
        g.waving: 0.02,
        g.pointing: 0.02,
        g.phone_at_ear: 0.02,
        g.phone_in_front: 0.03,
        g.chin: 0.02,
        g.hair: 0.02,
        g.strap: 0.02,
        g.on_chest: 0.01,
        g.seat: 0.01,
        g.forward: 0.01,
    },
    "walk": {
        g.walker: 0.74,
        g.pocket: 0.07,
        g.phone_in_front: 0.04,
        g.phone_at_ear: 0.03,
        g.strap: 0.03,
        g.forearm_up: 0.05,
        g.waving: 0.02,
        g.relaxed: 0.02,
    },
    "run": {g.runner: 1.0},
    "lunge": {g.relaxed: 0.15, g.hip: 0.2, g.on_thigh: 0.25, g.away: 0.15, g.raised: 0.1, g.forward: 0.15},
    "dance": {g.away: 0.35, g.raised: 0.25, g.forearm_up: 0.2, g.hip: 0.1, g.hair: 0.03, g.forward: 0.07},
    "leg up": {g.away: 0.45, g.forearm_up: 0.2, g.hip: 0.1, g.raised: 0.15, g.forward: 0.1},
    "sit": {
        g.on_thigh: 0.5,
        g.on_knee: 0.14,
        g.forearm_up: 0.12,
        g.chin: 0.05,
        g.phone_in_front: 0.07,
        g.relaxed: 0.04,
        g.hair: 0.02,
        g.phone_at_ear: 0.03,
        g.pointing: 0.01,
        g.waving: 0.02,
    },
    "sit on floor": {
        g.on_knee: 0.28,
        g.on_thigh: 0.2,
        g.prop: 0.24,
        g.hug: 0.14,
        g.forearm_up: 0.08,
        g.phone_in_front: 0.06,
    },
    "cross-legged": {
        g.on_knee: 0.38,
        g.on_thigh: 0.25,
        g.forearm_up: 0.15,
        g.phone_in_front: 0.1,
        g.chin: 0.06,
        g.waving: 0.06,
    },
    "crouch": {g.on_knee: 0.35, g.on_thigh: 0.2, g.forward: 0.1, g.forearm_up: 0.15, g.reach_down: 0.2},
    "kneel": {
        g.on_thigh: 0.4,
        g.relaxed: 0.2,
        g.forearm_up: 0.15,
        g.hip: 0.08,
        g.reach_down: 0.12,
        g.phone_in_front: 0.05,
    },
    "jump": {g.raised: 0.4, g.away: 0.35, g.forearm_up: 0.15, g.runner: 0.1},
    "bend": {g.reach_down: 0.5, g.on_thigh: 0.15, g.on_knee: 0.25, g.hip: 0.04, g.forward: 0.06},
}
BOTH: dict[str, dict[Gesture, float]] = {
    "stand": {
        g.relaxed: 0.07,
        g.hip: 0.07,
        g.pocket: 0.07,
        g.crossed: 0.1,
        g.low_front: 0.06,
        g.clasped: 0.05,
        g.behind: 0.05,
        g.raised: 0.02,
        g.hair: 0.01,
    },
    "walk": {g.pocket: 0.05},
    "lunge": {g.hip: 0.1, g.clasped: 0.05, g.on_thigh: 0.1},
    "dance": {g.raised: 0.12},
    "leg up": {g.clasped: 0.05, g.hip: 0.1},
    "sit": {g.clasped: 0.1, g.crossed: 0.06, g.on_thigh: 0.14, g.on_knee: 0.05},
    "sit on floor": {g.hug: 0.2, g.prop: 0.16, g.on_knee: 0.1},
    "cross-legged": {g.on_knee: 0.25, g.clasped: 0.06},
    "crouch": {g.on_knee: 0.15, g.clasped: 0.1},
    "kneel": {g.on_thigh: 0.2, g.clasped: 0.05},
    "jump": {g.raised: 0.25},
    "bend": {g.on_knee: 0.16, g.reach_down: 0.25},
}
"""Shares of what single arms do, and of what both do alike (the rest of the time the arms differ)."""
CONTACT: dict[Gesture, float] = {g.crossed: 0.022, g.clasped: 0.03, g.low_front: 0.012, g.behind: 0.02}
"""Metres that arms which hold each other may sink into one another; the rest keep clear of the other arm."""


def draw_gestures(rng: np.random.Generator, kind: str) -> tuple[Gesture, Gesture]:
    """What the left and the right arm do."""

    def pick(table: dict[Gesture, float]) -> Gesture:
        weights = np.array(list(table.values()))
        return list(table)[int(rng.choice(len(table), p=weights / weights.sum()))]

    both = BOTH.get(kind, {})
    if rng.random() < sum(both.values()):
        gesture = pick(both)
        return gesture, gesture
    return pick(SINGLE[kind]), pick(SINGLE[kind])
