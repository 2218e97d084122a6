# SPDX-License-Identifier: GPL-3.0-or-later
"""Things held in the hand, metres; the hand is at the origin."""

from __future__ import annotations

import numpy as np

from .materials import cloth, dark, leaves, metal, petals, plain, skin_like, wood
from .solids import Material, Solid, box, ellipsoid, leaf, moved, rotation, tube


def phone(rng: np.random.Generator) -> list[Solid]:
    """A flat slab with a screen, a case and a lens, in any direction."""
    wide, tall = rng.uniform(0.066, 0.08), rng.uniform(0.14, 0.168)
    case, screen = plain(rng, (0.1, 0.7)), plain(rng, (0.7, 0.95)) if rng.random() < 0.5 else dark(rng)
    parts = [
        box((-wide / 2, -tall / 2, -0.005), (wide / 2, tall / 2, 0.004), case),
        box(
            (-wide / 2 + 0.004, -tall / 2 + 0.006, 0.004),
            (wide / 2 - 0.004, tall / 2 - 0.006, 0.0055),
            screen,
        ),
        box((-wide * 0.4, tall * 0.2, -0.008), (0, tall * 0.42, -0.005), dark(rng)),
    ]
    return moved(parts, rotation(2, rng.uniform(-100, 100)) @ rotation(0, rng.uniform(-40, 40)))


def cup(rng: np.random.Generator) -> list[Solid]:
    """A mug with a handle or a paper cup with a lid."""
    material = plain(rng, (0.05, 0.8))
    if rng.random() < 0.5:
        radius, tall = rng.uniform(0.036, 0.045), rng.uniform(0.08, 0.11)
        knots = [(0, -tall / 2, 0, radius * 0.9), (0, tall / 2, 0, radius)]
        angle = np.radians(np.linspace(-100, 100, 9))
        handle = [(radius + 0.028 * np.cos(a) - 0.004, 0.032 * np.sin(a), 0, 0.006) for a in angle]
        drink = ellipsoid((0, tall / 2, 0), (radius * 0.9, 0.002, radius * 0.9), dark(rng))
        return [tube(knots, material, 28), tube(handle, material, 8), drink]
    radius, tall = rng.uniform(0.035, 0.045), rng.uniform(0.1, 0.15)
    lid, sleeve = plain(rng, (0.1, 0.5)), cloth(rng)
    top = tall / 2
    parts = [
        tube([(0, -top, 0, radius * 0.72), (0, top, 0, radius)], material, 28),
        tube([(0, top, 0, radius * 1.06), (0, top + 0.008, 0, radius * 1.06)], lid, 28),
        tube([(0, top + 0.008, 0, radius * 0.95), (0, top + 0.016, 0, radius * 0.9)], lid, 28),
        tube([(0, -top * 0.4, 0, radius * 0.85), (0, top * 0.5, 0, radius * 0.97)], sleeve, 28),
    ]
    if rng.random() < 0.3:
        straw = plain(rng, (0.1, 0.5))
        parts.append(tube([(0.01, top, 0, 0.003), (0.025, top + 0.09, 0, 0.003)], straw, 8))
    return parts


def bottle(rng: np.random.Generator) -> list[Solid]:
    """Water, wine or thermos, with a label and a cap."""
    material, radius, tall = plain(rng, (0.4, 0.9)), rng.uniform(0.03, 0.042), rng.uniform(0.18, 0.3)
    neck, foot = radius * rng.uniform(0.3, 0.9), -tall * 0.45
    shoulder = foot + tall * rng.uniform(0.55, 0.8)
    knots = [
        (0, foot, 0, radius), (0, shoulder, 0, radius),
        (0, shoulder + radius * 1.4, 0, neck), (0, foot + tall, 0, neck),
    ]  # fmt: skip
    top = foot + tall
    return [
        tube(knots, material, 28, 36),
        tube([(0, top - 0.02, 0, neck * 1.15), (0, top + 0.008, 0, neck * 1.15)], plain(rng, (0.1, 0.6)), 20),
        tube(
            [(0, foot + tall * 0.12, 0, radius * 1.01), (0, foot + tall * 0.4, 0, radius * 1.01)],
            cloth(rng),
            28,
        ),
    ]


def book(rng: np.random.Generator) -> list[Solid]:
    """Closed, or open with its pages fanned to two sides; also a folder or a newspaper."""
    wide, tall, thick = rng.uniform(0.11, 0.22), rng.uniform(0.17, 0.3), rng.uniform(0.008, 0.04)
    cover, page = plain(rng, (0.05, 0.5)), skin_like(rng)
    turn = rotation(2, rng.uniform(-30, 30)) @ rotation(0, rng.uniform(-60, 20))
    if rng.random() < 0.5:
        low, high = (-wide / 2, -tall / 2), (wide / 2, tall / 2)
        parts = [
            box((*low, thick / 2), (*high, thick / 2 + 0.003), cover),
            box((*low, -thick / 2 - 0.003), (*high, -thick / 2), cover),
            box((low[0] - 0.002, low[1], -thick / 2), (low[0] + 0.003, high[1], thick / 2), cover),
            box((low[0], low[1] + 0.004, -thick / 2), (high[0] - 0.004, high[1] - 0.004, thick / 2), page),
        ]
        return moved(parts, turn)
    parts = []
    for side in (-1, 1):
        t, y = np.meshgrid(np.linspace(0, 1, 9), np.linspace(-tall / 2, tall / 2, 6))
        for lift, material, grow in ((0.0, cover, 1.03), (thick / 2 + 0.003, page, 1.0)):
            sag = 0.18 * t + 0.3 * np.sqrt(t) * (1 - t) * (material is page)
            points = np.stack([side * wide * t * grow, y * grow, wide * sag + lift], axis=-1)
            parts.append(leaf(points, material, thick / 2))
    return moved(parts, turn)


def ball(rng: np.random.Generator) -> list[Solid]:
    """From a tennis ball to a basketball, held from below or beside it."""
    radius = rng.choice([0.033, 0.07, 0.11, 0.12]) * rng.uniform(0.95, 1.05)
    material = cloth(rng) if rng.random() < 0.5 else plain(rng, (0.05, 0.5))
    angle = rng.uniform(0, 2 * np.pi)
    centre = (0.9 * radius * np.cos(angle), 0.9 * radius * abs(np.sin(angle)), 0)
    return [ellipsoid(centre, (radius,) * 3, material, rings=24)]


def umbrella(rng: np.random.Generator) -> list[Solid]:
    """Open above the hand, or closed as a stick below it."""
    cover, pole = cloth(rng), metal(rng)
    handle = wood(rng) if rng.random() < 0.5 else dark(rng)
    if rng.random() < 0.35:
        long = rng.uniform(0.6, 0.8)
        knots = [
            (0, -0.02, 0, 0.014), (0, -0.12, 0, 0.028), (0, -long * 0.6, 0, 0.024), (0, -long, 0, 0.006)
        ]  # fmt: skip
        parts = [
            tube(knots, cover, 16, 24),
            tube([(0, -long - 0.06, 0, 0.004), (0, 0.02, 0, 0.007)], pole, 8),
        ]
        return moved([*parts, _crook(handle)], rotation(2, rng.uniform(-30, 30)))
    radius, height, depth = rng.uniform(0.42, 0.6), rng.uniform(0.5, 0.7), rng.uniform(0.2, 0.32)
    ribs = 8
    turns = np.linspace(0, 2 * np.pi, 8 * ribs + 1)
    share, around = np.meshgrid(np.linspace(0.01, 1, 10), turns, indexing="ij")
    slack = 0.05 * share**2 * (1 - np.abs(np.cos(around * ribs / 2)))
    out = radius * share * (1 - slack)
    points = np.stack(
        [out * np.cos(around), height - depth * share**2 + slack * 0.4, out * np.sin(around)], axis=-1
    )
    parts = [
        leaf(points, cover, 0.004),
        tube([(0, 0, 0, 0.006), (0, height + 0.05, 0, 0.005)], pole, 8),
        moved([_crook(handle)], rotation(0, 180))[0],
    ]
    return moved(parts, rotation(2, rng.uniform(-35, 35)) @ rotation(0, rng.uniform(-25, 45)))


def _crook(material: Material) -> Solid:
    """A handle that bends round like a J, upwards from the hand."""
    angle = np.radians(np.linspace(180, 0, 8))
    bend = [(0.035 + 0.035 * np.cos(a), 0.04 + 0.035 * np.sin(a), 0, 0.01) for a in angle]
    return tube([(0, -0.05, 0, 0.01), *bend], material, 10)


def shopping_bag(rng: np.random.Generator) -> list[Solid]:
    """Hanging from its handles: paper with a square bottom, or cloth that bulges."""
    material, cord = plain(rng, (0.02, 0.4)) if rng.random() < 0.5 else cloth(rng), plain(rng, (0.02, 0.3))
    wide, tall, deep = rng.uniform(0.2, 0.42), rng.uniform(0.24, 0.45), rng.uniform(0.08, 0.16)
    drop = rng.uniform(0.08, 0.25)
    if rng.random() < 0.5:
        parts = [box((-wide / 2, -drop - tall, -deep / 2), (wide / 2, -drop, deep / 2), material)]
    else:
        rings = ((0, 0.1, 0.46), (0.3, 0.5, 0.48), (0.8, 0.7, 0.52), (1, 0.4, 0.45))
        knots = [(0, -drop - tall * fall, 0, deep * z, wide * x) for fall, z, x in rings]
        parts = [tube(knots, material, 28, 20)]
    for side in (-1, 1):
        angle = np.radians(np.linspace(0, 180, 11))
        loop = [
            (wide * 0.28 * np.cos(a), -drop + drop * np.sin(a), side * deep * 0.4 * (1 - np.sin(a)), 0.006)
            for a in angle
        ]
        parts.append(tube(loop, cord, 8))
    return moved(parts, rotation(2, rng.uniform(-8, 8)))


def flowers(rng: np.random.Generator) -> list[Solid]:
    """A bunch of stems in paper, or a few bare ones."""
    green, count = leaves(rng), int(rng.integers(3, 14))
    blossoms = [petals(rng) for _ in range(int(rng.integers(1, 4)))]
    parts = []
    for _ in range(count):
        lean = rng.normal(0, 0.35, 2)
        long = rng.uniform(0.18, 0.32)
        tip = np.array([lean[0] * long, long, lean[1] * long])
        parts.append(tube([(*(-0.35 * tip), 0.003), (0, 0, 0, 0.003), (*tip, 0.003)], green, 6, 8))
        size, blossom = rng.uniform(0.018, 0.04), blossoms[rng.integers(len(blossoms))]
        parts.append(ellipsoid(tuple(tip), (size, size * 0.8, size), blossom, 0.35, rings=10))
        turn, at = rng.uniform(0, 2 * np.pi), tip * 0.6
        t, s = np.meshgrid(np.linspace(0, 1, 6), np.linspace(-1, 1, 3), indexing="ij")
        half = 0.018 * np.sin(np.pi * t**0.8).clip(0.05) * s
        out = np.stack([np.cos(turn) * t - np.sin(turn) * half / 0.08, 0.5 * t, np.sin(turn) * t], axis=-1)
        parts.append(leaf(at + 0.08 * out, green, 0.002))
    if rng.random() < 0.6:
        wrap = plain(rng, (0.02, 0.4))
        parts.append(tube([(0, -0.1, 0, 0.03), (0, 0.0, 0, 0.035), (0, 0.13, 0, 0.07)], wrap, 24, 10))
    return moved(parts, rotation(2, rng.uniform(-50, 50)))


def racket_or_stick(rng: np.random.Generator) -> list[Solid]:
    """A tennis racket, or a stick or cane."""
    material = plain(rng, (0.2, 0.6)) if rng.random() < 0.6 else wood(rng)
    turn = rotation(2, rng.uniform(-180, 180))
    if rng.random() < 0.5:
        long, back = rng.uniform(0.4, 0.9), rng.uniform(0.05, 0.4)
        bend = rng.normal(0, 0.03)
        knots = [(0, -long, 0, 0.009), (bend, (back - long) / 2, 0, 0.011), (0, back, 0, 0.013)]
        return moved([tube(knots, material, 10, 12)], turn)
    around = np.arange(33) / 32 * 2 * np.pi
    rim = [(0.125 * np.sin(a), 0.43 - 0.165 * np.cos(a), 0, 0.009) for a in around]
    parts = [tube(rim, material, 8), tube([(0, -0.09, 0, 0.017), (0, 0.12, 0, 0.015)], dark(rng), 10)]
    for side in (-1, 1):
        parts.append(tube([(0, 0.1, 0, 0.009), (side * 0.07, 0.3, 0, 0.009)], material, 8))
    string = plain(rng, (0.1, 0.3))
    for at in np.linspace(-0.85, 0.85, 9):
        half = np.sqrt(1 - at * at)
        x, y = 0.125 * at, 0.165 * half
        parts.append(tube([(x, 0.43 - y, 0, 0.0016), (x, 0.43 + y, 0, 0.0016)], string, 4))
        x, y = 0.125 * half, 0.165 * at
        parts.append(tube([(-x, 0.43 + y, 0, 0.0016), (x, 0.43 + y, 0, 0.0016)], string, 4))
    return moved(parts, turn @ rotation(1, rng.uniform(-60, 60)))
