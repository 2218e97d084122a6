# SPDX-License-Identifier: GPL-3.0-or-later
"""Four-legged animals from tubes and ellipsoids: what a silhouette of a person must not take in."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .materials import dark, fur
from .solids import Material, Solid, ellipsoid, furred, moved, rotation, tube


@dataclass(frozen=True)
class Build:
    """Proportions of a kind, metres. height: of the withers; trunk: from chest to rump; chest, belly: half
    widths of the trunk; leg: half width of a thigh; neck: its length; raised: degrees of the neck above the
    level; head: length of skull and snout; snout: the snout's share of it; tail: its length; ear: its length;
    pointed: whether ears stand; tuft: height of the fur.
    """

    height: float
    trunk: float
    chest: float
    belly: float
    leg: float
    neck: float
    raised: float
    head: float
    snout: float
    tail: float
    ear: float
    pointed: bool
    tuft: float


def _legs(rng: np.random.Generator, build: Build, coat: Material, shoulder: float) -> list[Solid]:
    """Four legs with a knee or hock each, somewhere in a stride; hoofs and paws are dark or furred."""
    parts = []
    stride = rng.choice([0.0, rng.uniform(0.05, 0.3)])
    foot = dark(rng) if build.height > 1 else coat
    for front in (True, False):
        for side in (-1, 1):
            x = shoulder if front else shoulder - build.trunk * 0.92
            z = side * (build.chest if front else build.belly) * 0.55
            swing = stride * build.height * rng.uniform(-1, 1)
            bend = build.height * (0.03 if front else -0.07)
            top, middle = build.height * 0.78, build.height * 0.38
            knots = [
                (x, top, z, build.leg * 1.5, build.leg * 1.1),
                (x + swing * 0.3, build.height * 0.55, z, build.leg, build.leg * 0.8),
                (x + swing * 0.6 + bend, middle, z, build.leg * 0.55, build.leg * 0.5),
                (x + swing, build.height * 0.08, z, build.leg * 0.42, build.leg * 0.42),
            ]
            parts.append(tube(knots, coat, 14, 16, rounded=True))
            low = build.height * 0.035
            paw = (x + swing + build.leg * 0.35, low, z)
            parts.append(ellipsoid(paw, (build.leg * 0.8, low, build.leg * 0.55), foot, rings=8))
    return parts


def _head(rng: np.random.Generator, build: Build, coat: Material) -> list[Solid]:
    """Skull, snout, nose, eyes and ears; the neck ends in the origin, the snout points along x."""
    size, snout, black = build.head, build.head * build.snout, dark(rng)
    skull = size - snout
    wide = skull * 0.52
    tip = skull * 0.55 + snout
    knots = [
        (skull * 0.3, -0.02 * size, 0, wide * 0.75, wide * 0.85),
        (skull * 0.7, -0.1 * size, 0, wide * 0.55, wide * 0.6),
        (tip, -0.17 * size, 0, wide * 0.36, wide * 0.4),
    ]
    parts = [
        ellipsoid((skull * 0.15, 0, 0), (skull * 0.58, wide, wide), coat),
        tube(knots, coat, 16, 10, rounded=True),
        ellipsoid(
            (tip + wide * 0.3, -0.12 * size, 0), (wide * 0.16, wide * 0.16, wide * 0.2), black, rings=8
        ),
    ]
    for side in (-1, 1):
        eye = (skull * 0.5, wide * 0.34, side * wide * 0.62)
        parts.append(ellipsoid(eye, (wide * 0.13,) * 3, black, rings=8))
        root = (-skull * 0.05, wide * 0.7, side * wide * 0.62)
        up, out = (build.ear, 0.25) if build.pointed else (-build.ear, 0.6)
        end = (root[0] - 0.2 * build.ear, root[1] + up, root[2] + side * out * build.ear)
        middle = (root[0], root[1] + up * 0.45, root[2] + side * build.ear * out * 0.8)
        width = build.ear * 0.4
        ear = [(*root, width * 0.5, width), (*middle, width * 0.35, width * 0.8), (*end, 0.004, 0.006)]
        parts.append(tube(ear, coat, 12, 8))
    return moved(parts, rotation(1, rng.uniform(-50, 50)) @ rotation(2, rng.uniform(-25, 10)))


def _animal(rng: np.random.Generator, build: Build, sits: bool) -> list[Solid]:
    coat = fur(rng)
    front = build.trunk / 2
    low, high = build.height - build.chest * 1.25, build.height - build.chest
    spine = [
        (front + build.chest * 0.3, low, 0, build.chest * 0.6, build.chest * 0.7),
        (front - build.trunk * 0.15, low, 0, build.chest, build.chest * 1.25),
        (0, low + 0.02 * build.height, 0, build.belly * 1.05, build.belly * 1.15),
        (-build.trunk * 0.25, high, 0, build.belly, build.belly),
        (-build.trunk * 0.45, high, 0, build.belly * 0.95, build.belly * 1.05),
    ]
    body = [tube(spine, coat, 24, 28, rounded=True)]
    angle = np.radians(build.raised + rng.uniform(-15, 15))
    reach = build.neck * np.array([np.cos(angle), np.sin(angle), 0])
    base = np.array([front - build.chest * 0.2, build.height - build.chest * 0.5, 0])
    crown = base + reach
    wide = build.head * (1 - build.snout) * 0.5
    neck = [(*base, build.chest * 0.7, build.chest * 0.8), (*(base + reach * 0.6), wide * 0.8, wide * 0.95)]
    neck.append((*crown, wide * 0.75, wide * 0.85))
    head = moved(_head(rng, build, coat), np.eye(3), list(crown))
    body.append(tube(neck, coat, 18, 12, rounded=True))
    lift, curl = rng.uniform(-1, 1), rng.uniform(-0.3, 0.3)
    rump = (-build.trunk / 2, build.height - build.belly * 0.7, 0)
    thick = build.leg * (0.45 if build.height < 1 else 0.9)
    tail = [
        (*rump, thick),
        (rump[0] - build.tail * 0.5, rump[1] + build.tail * 0.3 * lift, curl * build.tail * 0.5, thick * 0.9),
        (rump[0] - build.tail * 0.7, rump[1] + build.tail * 0.8 * lift, curl * build.tail, thick * 0.5),
    ]
    if build.height > 1:
        tail[1:] = [
            (rump[0] - 0.12, rump[1] - build.tail * 0.4, 0, thick),
            (rump[0] - 0.1, rump[1] - build.tail, 0, 0.01),
        ]
    body.append(tube(tail, coat, 10, 12, rounded=True))
    if sits:
        parts = _seated(rng, build, coat, [*body, *head])
    else:
        parts = [*body, *head, *_legs(rng, build, coat, front - build.chest * 0.2)]
    if build.height > 1:
        parts += _mane(rng, build, base, crown)
    seed = int(rng.integers(1 << 20))
    coated = [furred(part, build.tuft, 27 / build.height**0.5, seed) for part in parts]
    # a tail or a thigh that would sink into the floor lies on it
    return [replace(part, vertices=part.vertices.clip([-np.inf, 0, -np.inf])) for part in coated]


def _seated(rng: np.random.Generator, build: Build, coat: Material, trunk: list[Solid]) -> list[Solid]:
    """The trunk stood up on its rump, front legs straight, hind legs folded beside it."""
    lean = rng.uniform(35, 50)
    hip = np.array([-build.trunk * 0.42, build.height - build.belly, 0])
    turn = rotation(2, lean)
    seat = np.array([-build.trunk * 0.35, build.belly * 0.95, 0])
    parts = moved(trunk, turn, list(seat - turn @ hip))
    chest = seat + turn @ (np.array([build.trunk * 0.4, build.height - build.chest * 1.3, 0]) - hip)
    for side in (-1, 1):
        z = side * build.chest * 0.5
        front = [
            (chest[0] - build.leg * 0.4, chest[1], z, build.leg * 1.2, build.leg),
            (chest[0], chest[1] * 0.5, z, build.leg * 0.6, build.leg * 0.55),
            (chest[0] + 0.01, build.leg * 0.5, z, build.leg * 0.45, build.leg * 0.45),
        ]
        parts.append(tube(front, coat, 12, 12, rounded=True))
        paw = (chest[0] + build.leg * 0.5, build.leg * 0.4, z)
        parts.append(ellipsoid(paw, (build.leg * 0.9, build.leg * 0.4, build.leg * 0.55), coat, rings=8))
        thigh = (seat[0] + build.belly * 0.4, build.belly * 0.75, side * build.belly * 0.8)
        parts.append(
            ellipsoid(thigh, (build.belly * 0.95, build.belly * 0.75, build.belly * 0.4), coat, rings=10)
        )
        foot = (seat[0] + build.belly * 1.3, build.leg * 0.4, side * build.belly)
        parts.append(ellipsoid(foot, (build.leg * 1.5, build.leg * 0.4, build.leg * 0.6), coat, rings=8))
    return parts


def _mane(rng: np.random.Generator, build: Build, base: np.ndarray, crown: np.ndarray) -> list[Solid]:
    material = fur(rng)
    top = [(*(crown + [0.02, 0.06, 0]), 0.03, 0.05), (*(crown + [-0.1, 0.0, 0]), 0.04, 0.09)]
    end = base + np.array([-0.12, build.chest * 0.45, 0])
    return [tube([*top, (*end, 0.03, 0.05)], material, 10, 14, rounded=True)]


def dog(rng: np.random.Generator) -> list[Solid]:
    """From a terrier to a great Dane, standing, walking or sitting."""
    height = rng.uniform(0.28, 0.78)
    stout = rng.uniform(0.8, 1.25)
    build = Build(
        height=height,
        trunk=height * rng.uniform(0.9, 1.3),
        chest=height * 0.17 * stout,
        belly=height * 0.14 * stout,
        leg=height * 0.085 * stout,
        neck=height * rng.uniform(0.2, 0.35),
        raised=rng.uniform(35, 65),
        head=height * rng.uniform(0.34, 0.42),
        snout=rng.uniform(0.25, 0.5),
        tail=height * rng.uniform(0.2, 0.65),
        ear=height * rng.uniform(0.1, 0.2),
        pointed=bool(rng.random() < 0.5),
        tuft=height * rng.uniform(0.002, 0.03),
    )
    return _animal(rng, build, bool(rng.random() < 0.4))


def cat(rng: np.random.Generator) -> list[Solid]:
    """Standing or sitting."""
    height = rng.uniform(0.24, 0.3)
    build = Build(
        height=height,
        trunk=height * rng.uniform(1.2, 1.5),
        chest=height * 0.19,
        belly=height * rng.uniform(0.18, 0.24),
        leg=height * 0.09,
        neck=height * 0.3,
        raised=rng.uniform(30, 60),
        head=height * 0.4,
        snout=0.14,
        tail=height * rng.uniform(0.9, 1.2),
        ear=height * 0.17,
        pointed=True,
        tuft=height * rng.uniform(0.003, 0.02),
    )
    return _animal(rng, build, bool(rng.random() < 0.5))


def horse(rng: np.random.Generator) -> list[Solid]:
    """From a pony to a hunter."""
    height = rng.uniform(1.1, 1.65)
    build = Build(
        height=height,
        trunk=height * 0.84,
        chest=height * 0.16,
        belly=height * 0.17,
        leg=height * 0.07,
        neck=height * 0.46,
        raised=rng.uniform(35, 60),
        head=height * 0.38,
        snout=0.52,
        tail=height * 0.5,
        ear=height * 0.08,
        pointed=True,
        tuft=0.003,
    )
    return _animal(rng, build, sits=False)
