"""What somebody wears: which garments, how long, how wide, with which collar, drawn once from a seed.

Lengths are heights z on the canonical body in metres (crotch 0.06, waist 0.27, knee -0.29, ankle -0.74);
`ease` in [0, 1] goes from tight to loose.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .kit import SKIRT_TOP

Range = tuple[float, float]
TOPS = ("tank", "tee", "shirt", "jumper", "hoodie")
OUTERS = ("jacket", "coat")


@dataclass(frozen=True)
class Style:
    """Ranges of a kind of top: sleeve end (0 shoulder, 1 elbow, 2 wrist), hem, ease; and its neckline's
    height over the pit of the neck."""

    sleeve: Range
    hem: Range
    ease: Range
    neck: float


STYLES = {
    "tank": Style((-0.02, 0.04), (0.09, 0.18), (0.1, 0.5), -0.015),
    "tee": Style((0.3, 0.75), (0.1, 0.18), (0.2, 0.9), 0.02),
    "shirt": Style((1.9, 1.99), (0.08, 0.15), (0.25, 0.8), 0.085),
    "jumper": Style((1.9, 2.0), (0.12, 0.19), (0.4, 1.0), 0.045),
    "hoodie": Style((1.92, 2.0), (0.12, 0.18), (0.5, 1.0), 0.07),
    "jacket": Style((1.93, 2.01), (0.05, 0.16), (0.25, 0.7), 0.06),
    "coat": Style((1.93, 2.02), (-0.5, -0.08), (0.3, 0.8), 0.06),
    "dress": Style((0.3, 0.75), (-0.69, 0.0), (0.15, 0.7), 0.0),
}
LEGS = {
    "slim": ((0.002, 0.006), (0.004, 0.008), (0.005, 0.012)),
    "straight": ((0.005, 0.012), (0.012, 0.022), (0.018, 0.03)),
    "wide": ((0.012, 0.02), (0.03, 0.05), (0.045, 0.07)),
    "flared": ((0.003, 0.007), (0.006, 0.012), (0.04, 0.06)),
}
"""Metres between the leg and trousers of a style at the thigh, at the knee and at the hem."""
SKIRT_LENGTHS = ((0.36, 0.47), (0.5, 0.64), (0.7, 0.86), (0.88, 0.97))
"""Metres from the waist: mini, knee, midi, floor."""


@dataclass(frozen=True)
class Top:
    """A garment of the upper body, an inner or an outer one.

    collar: "", "roll", "shirt", "stand" or "lapel"; hood: "", "down" or "up"; gap: metres, half the width of
    an open front at the hem (0: closed); closure: "", "buttons" or "zip"; flare in [0, 1] widens what hangs
    below the waist, pleats in [0, 1] folds it; tucked into what is worn below; pocket on chest or belly.
    """

    kind: str
    sleeve: float
    hem: float
    ease: float
    neck: float
    v_neck: float = 0.0
    collar: str = ""
    hood: str = ""
    closure: str = ""
    gap: float = 0.0
    flare: float = 0.0
    pleats: float = 0.0
    tucked: bool = False
    pocket: bool = False

    @property
    def open(self) -> bool:
        """Whether its front is open, so that it hangs as a sheet."""
        return self.gap > 0


@dataclass(frozen=True)
class Bottom:
    """Trousers, shorts, a skirt, or "dress" where the top covers the legs.

    style: of the legs or the skirt; waist: its upper edge; length: of legs where they end (0 hip, 1 knee,
    2 ankle), of a skirt metres below the waist; legs: metres of ease at thigh, knee and hem.
    """

    kind: str
    style: str = ""
    waist: float = 0.27
    length: float = 0.0
    legs: tuple[float, float, float] = (0.0, 0.0, 0.0)
    flare: float = 0.0
    pleats: float = 0.0


@dataclass(frozen=True)
class Shoes:
    """shaft: metres above the ankle; sole: metres thick; over: whether the shaft goes over the trousers."""

    kind: str
    shaft: float
    sole: float
    over: bool = False


@dataclass(frozen=True)
class Outfit:
    """The garments of one person, drawn once, so that cuts agree on coarse and fine meshes."""

    top: Top
    outer: Top | None
    bottom: Bottom
    shoes: Shoes


def random_outfit(rng: np.random.Generator, female: bool) -> Outfit:
    """Draw an outfit; trousers are most frequent, dresses and skirts are worn by women."""
    bottom = _random_bottom(rng, female)
    top = random_dress(rng) if bottom.kind == "dress" else _random_top(rng, female, bottom)
    outer = None
    if top.kind != "hoodie" and rng.random() < 0.42:
        outer = random_outer(rng, str(rng.choice(OUTERS, p=[0.62, 0.38])))
        outer = replace(outer, hem=min(outer.hem, top.hem - 0.015))
        # sleeves under sleeves would not be seen
        top = replace(top, ease=top.ease * 0.5, sleeve=min(top.sleeve, 0.6))
        if outer.kind == "coat":
            bottom = replace(bottom, flare=bottom.flare * 0.4)
            top = replace(top, flare=top.flare * 0.4)
    return Outfit(top, outer, bottom, _random_shoes(rng, female, bottom))


def random_top(rng: np.random.Generator, kind: str) -> Top:
    """A top of `kind` (one of TOPS) with a length, ease, neckline and collar that such tops have."""
    style, u = STYLES[kind], rng.uniform
    top = Top(kind, u(*style.sleeve), u(*style.hem), u(*style.ease), style.neck + u(-0.008, 0.01))
    if kind == "shirt":
        sleeve = u(0.55, 0.85) if rng.random() < 0.2 else u(1.05, 1.3) if rng.random() < 0.2 else top.sleeve
        return replace(top, collar="shirt", closure="buttons", v_neck=u(0.03, 0.1), sleeve=sleeve,
                       pocket=bool(rng.random() < 0.4))  # fmt: skip
    if kind == "hoodie":
        return replace(top, hood="up" if rng.random() < 0.14 else "down", pocket=True,
                       closure="zip" if rng.random() < 0.35 else "")  # fmt: skip
    if kind == "jumper" and rng.random() < 0.22:
        return replace(top, collar="roll", neck=0.105)
    if kind == "tee" and rng.random() < 0.3:
        return replace(top, v_neck=u(0.03, 0.09))
    return top


def random_outer(rng: np.random.Generator, kind: str) -> Top:
    """A jacket or coat: buttoned with lapels, zipped with a stand-up collar, or open."""
    style, u = STYLES[kind], rng.uniform
    top = Top(kind, u(*style.sleeve), u(*style.hem), u(*style.ease), style.neck)
    flare = u(0.05, 0.3) if kind == "coat" else u(0, 0.08)
    top = replace(top, flare=flare, pocket=bool(rng.random() < 0.6))
    is_open, collar = rng.random() < 0.6, str(rng.choice(["lapel", "stand", "shirt"], p=[0.5, 0.25, 0.25]))
    closure = "buttons" if collar != "stand" and rng.random() < 0.8 else "zip"
    top = replace(top, collar=collar, closure=closure, neck=0.1 if collar == "stand" else style.neck)
    if is_open:
        return replace(top, gap=u(0.03, 0.12))
    if collar == "lapel":
        return replace(top, v_neck=u(0.17, 0.27))
    return replace(top, v_neck=u(0.0, 0.05))


def random_dress(rng: np.random.Generator) -> Top:
    """A dress from thigh to floor length, from close to wide, sleeveless to long-sleeved."""
    u, style = rng.uniform, STYLES["dress"]
    length = u(*SKIRT_LENGTHS[rng.choice(4, p=[0.2, 0.35, 0.3, 0.15])])
    sleeve = float(rng.choice([u(-0.02, 0.04), u(0.2, 0.8), u(1.9, 2.0)], p=[0.4, 0.35, 0.25]))
    neck = -0.005 if sleeve < 0.1 else u(-0.02, 0.03)
    flare = u(0.0, 0.75)
    dress = Top(
        "dress", sleeve, SKIRT_TOP - length, u(*style.ease), neck, flare=flare, pleats=flare * u(0, 1)
    )
    return replace(dress, v_neck=u(0.04, 0.12)) if rng.random() < 0.35 else dress


def random_trousers(rng: np.random.Generator, style: str, waist: float) -> Bottom:
    """Trousers of a style of LEGS, one pair in six cropped."""
    length = rng.uniform(1.6, 1.82) if rng.random() < 0.16 else rng.uniform(1.93, 2.06)
    legs = tuple(float(rng.uniform(*at)) for at in LEGS[style])
    return Bottom("trousers", style, waist, length, (legs[0], legs[1], legs[2]))


def random_shorts(rng: np.random.Generator, waist: float) -> Bottom:
    """Shorts from hot pants to below the knee."""
    ease = rng.uniform(0.006, 0.03)
    return Bottom("shorts", "straight", waist, rng.uniform(0.35, 1.12), (ease * 0.5, ease, ease))


def random_skirt(rng: np.random.Generator, waist: float) -> Bottom:
    """A skirt from mini to floor length, pencil, A-line or full."""
    length = rng.uniform(*SKIRT_LENGTHS[rng.choice(4, p=[0.22, 0.34, 0.3, 0.14])])
    style = str(rng.choice(["pencil", "a-line", "full"], p=[0.3, 0.4, 0.3]))
    flare = rng.uniform(*{"pencil": (0.0, 0.03), "a-line": (0.15, 0.45), "full": (0.5, 1.0)}[style])
    return Bottom("skirt", style, waist, length, flare=flare, pleats=flare * rng.uniform(0.3, 1))


def _random_bottom(rng: np.random.Generator, female: bool) -> Bottom:
    shares = (0.54, 0.08, 0.18, 0.2) if female else (0.87, 0.13, 0.0, 0.0)
    kind = str(rng.choice(["trousers", "shorts", "skirt", "dress"], p=shares))
    waist = 0.26 + rng.uniform(-0.05, 0.025)
    if kind == "trousers":
        styles = (0.4, 0.3, 0.2, 0.1) if female else (0.3, 0.52, 0.18, 0.0)
        return random_trousers(rng, str(rng.choice(list(LEGS), p=styles)), waist)
    if kind == "shorts":
        return random_shorts(rng, waist)
    return random_skirt(rng, 0.275) if kind == "skirt" else Bottom("dress")


def _random_top(rng: np.random.Generator, female: bool, bottom: Bottom) -> Top:
    shares = (0.08, 0.33, 0.23, 0.21, 0.15) if female else (0.03, 0.4, 0.24, 0.16, 0.17)
    top = random_top(rng, str(rng.choice(TOPS, p=shares)))
    if top.kind != "hoodie" and rng.random() < (0.65 if bottom.kind == "skirt" else 0.22):
        return replace(top, tucked=True, hem=0.16)
    if female and top.kind in ("tank", "tee", "jumper") and rng.random() < 0.2:
        return replace(top, hem=bottom.waist - rng.uniform(-0.02, 0.04))
    return top


def _random_shoes(rng: np.random.Generator, female: bool, bottom: Bottom) -> Shoes:
    kind = str(
        rng.choice(["shoes", "ankle boots", "boots"], p=[0.68, 0.2, 0.12] if female else [0.78, 0.18, 0.04])
    )
    shaft = rng.uniform(*{"shoes": (0.0, 0.025), "ankle boots": (0.07, 0.13), "boots": (0.22, 0.42)}[kind])
    over = kind != "shoes" and bottom.kind == "trousers" and bottom.style == "slim"
    return Shoes(kind, shaft, rng.uniform(0.004, 0.014), over)
