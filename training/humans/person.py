"""What a generator of people hands to the renderer and the occupancy labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .topology import FloatArray, IntArray

SKIN, TOP, BOTTOM, SHOES, EYES, HAIR, HAT, BAG, GLASSES = range(9)
"""Part kinds, so that a reader of a person can tell cloth from skin."""
KINDS = ("skin", "top", "bottom", "shoes", "eyes", "hair", "hat", "bag", "glasses")
"""Their names; a person's description lists the name of each part under "parts"."""


@dataclass(frozen=True)
class Part:
    """One closed piece of a person: the body, a garment, an eye, a lock of hair, a bag.

    vertices (V, 3) float32 metres, z up, facing -y (the frame of the body model); faces (F, 3) int64,
    counter-clockwise seen from outside; albedo (V, 3) float32 sRGB in [0, 1]; kind: one of SKIN .. GLASSES;
    gloss in [0, 1].
    """

    vertices: FloatArray
    faces: IntArray
    albedo: FloatArray
    kind: int
    gloss: float


@dataclass(frozen=True)
class Person:
    """A dressed person as closed parts in one vertex and one face list.

    vertices (V, 3) float32 metres: x right as the viewer sees somebody facing them, y UP, z toward the
    viewer, feet at y = 0; faces (F, 3) int64, counter-clockwise seen from outside; part (F,) int64, the index
    of the closed part a face belongs to; albedo (V, 3) float32 sRGB in [0, 1]; gloss (V,) float32 in [0, 1];
    stature: metres, what the person measures standing straight and barefoot, whatever the pose; hands (2, 3)
    float32, the middles of the person's left and right palm in the same frame, None where unknown (scans).
    """

    vertices: Tensor
    faces: Tensor
    part: Tensor
    albedo: Tensor
    gloss: Tensor
    seed: int
    stature: float
    description: dict[str, Any] = field(default_factory=dict)
    hands: Tensor | None = None


def assemble(
    parts: list[Part], seed: int, stature: float, description: dict[str, Any], hands: FloatArray
) -> Person:
    """Join `parts` and move them and `hands` (2, 3) from the body's frame to the person's, feet at y = 0."""
    offsets = np.cumsum([0] + [len(p.vertices) for p in parts[:-1]])
    vertices = np.concatenate([p.vertices for p in parts])
    floor = vertices[:, 2].min()
    vertices, hands = (
        np.stack([at[:, 0], at[:, 2] - floor, -at[:, 1]], axis=1).astype(np.float32)
        for at in (vertices, hands)
    )
    return Person(
        vertices=torch.from_numpy(vertices),
        faces=torch.from_numpy(np.concatenate([p.faces + o for p, o in zip(parts, offsets, strict=True)])),
        part=torch.from_numpy(np.concatenate([np.full(len(p.faces), i) for i, p in enumerate(parts)])),
        albedo=torch.from_numpy(np.concatenate([p.albedo for p in parts]).astype(np.float32).clip(0.0, 1.0)),
        gloss=torch.from_numpy(
            np.concatenate([np.full(len(p.vertices), p.gloss, np.float32) for p in parts])
        ),
        seed=seed,
        stature=stature,
        description={**description, "parts": [KINDS[p.kind] for p in parts]},
        hands=torch.from_numpy(hands),
    )
