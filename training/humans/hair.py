# SPDX-License-Identifier: GPL-3.0-or-later
"""Hairstyles, from bald to long and wavy: a cap that grows out of the scalp, and what falls or is tied."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .head import Skull, hair_level, jaw, scalp
from .locks import Flesh, Locks, bun, curtain, tail
from .noise import bump, fractal, smoothstep
from .solids import Solid
from .topology import FloatArray, vertex_normals

WOMEN = {"short": 0.08, "bob": 0.17, "long": 0.24, "wavy": 0.17, "ponytail": 0.15, "bun": 0.1, "curly": 0.09}
MEN = {"bald": 0.1, "cropped": 0.3, "short": 0.42, "curly": 0.09, "bob": 0.04, "bun": 0.03, "long": 0.02}
BEARDS = {"full": 0.2, "short": 0.5, "moustache": 0.1, "goatee": 0.2}
UNDER_HAT = 0.005
"""Metres of hair that a hat leaves room for."""


@dataclass(frozen=True)
class Style:
    """How hair grows. volume: metres it stands off the crown, sides: off the temples and the nape; length:
    metres that it falls below the ears; fringe: whether it covers the forehead; rough: share of the volume
    that is tufts or curls; higher: metres by which the hairline over the forehead has gone up."""

    name: str
    volume: float
    sides: float
    length: float
    wave: float
    fringe: bool
    rough: float
    higher: float


@dataclass(frozen=True)
class Lock:
    """One closed part of hair: `strand` (V, 2) counts strands across, and metres along them."""

    solid: Solid
    strand: FloatArray


def draw_style(rng: np.random.Generator, female: bool, child: bool, age: float) -> Style:
    """A hairstyle; nobody under 12 is bald, and men's hairlines rise with age."""
    table = dict(WOMEN if female else MEN)
    if child:
        table.pop("bald", None)
    names, shares = list(table), np.array(list(table.values()))
    name = str(rng.choice(names, p=shares / shares.sum()))
    u = rng.uniform
    volume = {"cropped": u(0.003, 0.007), "short": u(0.014, 0.036), "curly": u(0.025, 0.075)}
    sides = {"cropped": u(0.002, 0.004), "short": u(0.004, 0.014), "curly": 0.7 * volume["curly"]}
    length = {"bob": u(0.03, 0.11), "long": u(0.16, 0.42), "wavy": u(0.12, 0.4), "ponytail": u(0.12, 0.38)}
    rough = {"cropped": 0.2, "short": u(0.2, 0.45), "curly": u(0.25, 0.4)}
    return Style(
        name=name,
        volume=volume.get(name, u(0.006, 0.012)),
        sides=sides.get(name, u(0.005, 0.008)),
        length=length.get(name, 0.0),
        wave={"wavy": u(0.005, 0.011), "long": u(0, 0.003)}.get(name, u(0, 0.004)),
        fringe=name in ("bob", "long", "wavy", "ponytail", "short") and rng.random() < 0.28,
        rough=rough.get(name, 0.15),
        higher=0.0 if female or child else u(0, 0.02) + 0.025 * max(age - 0.6, 0) * u(0, 2),
    )


def grow_hair(
    rng: np.random.Generator,
    style: Style,
    skull: Skull,
    rest: FloatArray,
    transforms: FloatArray,
    flesh: Flesh,
    hat: bool,
) -> list[Lock]:
    """The hair of a style as closed parts, posed; under a hat it lies flat. rest (19158, 3) metres."""
    if style.name == "bald":
        return []
    if hat:
        style = replace(style, volume=min(style.volume, UNDER_HAT), sides=min(style.sides, UNDER_HAT))
    locks = [_cap(rng, style, rest, transforms)]
    hanging = Locks(skull, rest, transforms, flesh)
    if style.name in ("bob", "long", "wavy"):
        solid, strand = curtain(rng, hanging, style.length, style.wave, UNDER_HAT if hat else 0.014)
        locks.append(Lock(solid, strand))
    elif style.name == "ponytail":
        locks.append(Lock(*tail(rng, hanging, style.length, style.wave)))
    elif style.name == "bun":
        locks.append(Lock(*bun(rng, hanging, low=hat)))
    return locks


def _cap(rng: np.random.Generator, style: Style, rest: FloatArray, transforms: FloatArray) -> Lock:
    patch = scalp()
    at = patch.position
    x, y, z = at.T
    seed = int(rng.integers(1 << 20))
    level = hair_level(at, style.higher) + 0.003 * fractal(at * 120, 2, seed)
    if style.fringe:
        edge = np.interp(np.abs(x), [0, 0.035, 0.055, 0.072], [0.925, 0.927, 0.932, 0.955])
        forehead = z - edge + 0.002 * fractal(at * [300, 20, 20], 1, seed)
        level = np.where(y < -0.06, np.maximum(level, forehead), level).astype(np.float32)
    up = smoothstep(z, 0.93, 0.99)
    height = style.sides + (style.volume - style.sides) * up
    front = smoothstep(-y, 0.02, 0.12) * up
    strand = _strands(at)
    if style.name == "curly":
        tufts = fractal(at * (62 if style.rough < 0.32 else 95), 2, seed + 1)
        height = height * (1 + style.rough * tufts) * (1 - 0.4 * front)
        grow_from = 0.035 if style.volume < 0.05 else 0.05
    else:
        tufts = fractal(np.stack([strand[:, 0] * 0.22, strand[:, 1] * 14, 0 * x], 1), 2, seed + 1)
        grooves = fractal(np.stack([strand[:, 0] * 0.7, strand[:, 1] * 10, 0 * x], 1), 1, seed)
        height = height * (1 + style.rough * tufts) + 0.0012 * grooves
        height = height * (1 + rng.uniform(-0.3, 0.6) * front * (style.name == "short"))
        grow_from = 0.02
    height = 0.0015 + np.maximum(height, 0.001) * smoothstep(level / (grow_from + 0.018 * front), 0, 1)
    base = patch.from_body @ rest
    normal = vertex_normals(base, patch.faces)
    # combed aside and back or forward; curls stand up rather than over the brow
    comb = [0, 0.25, 0.3] if style.name == "curly" else [rng.uniform(-0.6, 0.6), rng.uniform(-0.3, 0.4), 0]
    direction = normal + np.array(comb) * (front * (height > 0.008))[:, None]
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    solid, where = patch.grow(rest, transforms, level, direction * height[:, None])
    return Lock(solid, _strands(where))


def _strands(at: FloatArray) -> FloatArray:
    """Strands (V, 2) that run out from a whorl at the back of the crown."""
    round_whorl = np.arctan2(at[:, 0], -(at[:, 1] - 0.0))
    return np.stack([round_whorl * 12, np.linalg.norm(at - [0, 0.0, 1.01], axis=1)], 1)


def grow_beard(
    rng: np.random.Generator, kind: str, length: float, rest: FloatArray, transforms: FloatArray
) -> Lock:
    """A beard `length` metres long as a closed part; kind: one of BEARDS."""
    patch = jaw()
    at = patch.position
    level = beard_level(at, kind) + 0.0008 * fractal(at * 220, 2, int(rng.integers(1 << 20))) * (
        at[:, 1] < -0.09
    )
    grain = 1 + 0.3 * fractal(at * [260, 260, 90], 2, int(rng.integers(1 << 20)))
    low = 1 + 0.8 * bump(at[:, 2], 0.79, 0.03) * (at[:, 1] < -0.1)
    height = 0.0008 + length * grain * low * smoothstep(level, 0, 0.014)
    normal = vertex_normals(patch.from_body @ rest, patch.faces)
    solid, where = patch.grow(rest, transforms, level, normal * height[:, None])
    return Lock(solid, np.stack([where[:, 0] * 300, where[:, 2]], 1))


def beard_level(at: FloatArray, kind: str) -> FloatArray:
    """Metres (V,) inside the part of the face where a beard grows, at canonical positions (V, 3)."""
    x, y, z = np.abs(at[:, 0]), at[:, 1], at[:, 2]
    mouth = (np.hypot(x / 0.027, (z - 0.829) / 0.0105) - 1) * 0.012
    lip = np.minimum(0.012 - np.abs(z - 0.845), 0.032 - x) * (y < -0.13) - 0.001
    cheek = np.interp(y, [-0.16, -0.13, -0.1, -0.08], [0.838, 0.842, 0.852, 0.89]) - z
    under = z - np.interp(y, [-0.13, -0.08, -0.04], [0.768, 0.775, 0.81])
    chin = np.minimum(np.minimum(cheek, under), -0.073 - y)
    if kind == "goatee":
        chin = np.minimum(chin, 0.03 - x)
    area = lip if kind == "moustache" else np.maximum(chin, lip)
    level: FloatArray = np.minimum(area, mouth)
    return level
