# SPDX-License-Identifier: GPL-3.0-or-later
"""Architectures: frozen descriptions from which the networks are built, checked on construction.

`pifuhd` has the published sizes (PIFuHD, supplement A). `compact` has the same structure at half the picture
sizes with narrow layers, sized to train and run on a laptop's CPU; its two normal nets share a trunk and give
a silhouette. Each has its ablations, to be measured against it: `pifu` (the coarse level alone, RGB only) and
`no-normals` (both levels, without normals).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final, Literal, TypeAlias

MLPNorm: TypeAlias = Literal["none", "group", "batch"]
"""What stands between the layers of an implicit function."""
MLP_GROUPS: Final = 32
"""Of every group norm of an implicit function: the released format has no other."""

# Far above every known checkpoint: a damaged or malicious file must not keep the engine building for hours.
_MOST_STACKS: Final = 16
_MOST_HALVINGS: Final = 8
_MOST_BLOCKS: Final = 64
_MOST_CHANNELS: Final = 65536
_MOST_PIXELS: Final = 8192


@dataclass(frozen=True)
class NormalNets:
    """shared: one trunk with skips and a mask, or two pix2pixHD generators; channels: stem and after each
    stride-2 convolution; blocks: residual blocks at the lowest size; span: whether the shared trunk also
    tells how many of the person's statures the picture spans; back_colour: whether it also tells the colour
    of the side that the viewer does not see."""

    shared: bool
    channels: tuple[int, ...]
    blocks: int
    span: bool = False
    back_colour: bool = False


@dataclass(frozen=True)
class Encoder:
    """Stacked hourglass. channels: stem, then after each of three residual blocks; pool: average pool after
    the first block; depth: halvings in an hourglass; groups: of every group norm; norm: "batch" takes the
    statistics of the training."""

    in_channels: int
    channels: tuple[int, int, int, int]
    out_channels: int
    stacks: int
    depth: int
    pool: bool
    groups: int
    norm: Literal["group", "batch"] = "group"

    def __post_init__(self) -> None:
        sizes = f"with channels {self.channels}, {self.out_channels}"
        stem, *widths = self.channels
        _check(len(widths) == 3 and all(0 < w <= _MOST_CHANNELS for w in (*self.channels, self.out_channels)),
               f"an encoder {sizes}")
        _check(1 <= self.stacks <= _MOST_STACKS and 1 <= self.depth <= _MOST_HALVINGS,
               f"an encoder of {self.stacks} hourglasses of depth {self.depth}")
        _check(self.norm in ("group", "batch"), f"an encoder with the norm {self.norm!r}")
        groups = self.groups if self.norm == "group" else 1
        _check(groups > 0, f"an encoder with {groups} groups")
        _check(stem % groups == 0 and all(width % 4 == 0 and width // 4 % groups == 0 for width in widths),
               f"an encoder {sizes}, which {groups} groups do not divide")

    def check_size(self, size: int) -> None:
        """Raise ValueError where a picture of so many pixels cannot be halved as often as this asks for."""
        step = 2 ** (self.depth + (2 if self.pool else 1))
        _check(0 < size <= _MOST_PIXELS and size % step == 0,
               f"pictures of {size} pixels, which is no multiple of {step} up to {_MOST_PIXELS}")


@dataclass(frozen=True)
class Level:
    """An image encoder and its implicit function: mlp widths from input to the single output, and the layers
    at which the input is concatenated again; mlp_norm: between its layers."""

    encoder: Encoder
    mlp: tuple[int, ...]
    residual: tuple[int, ...]
    mlp_norm: MLPNorm = "none"

    def __post_init__(self) -> None:
        inner = range(1, len(self.mlp) - 1)
        _check(len(inner) > 0 and self.mlp[-1] == 1 and set(self.residual) <= set(inner)
               and all(0 < width <= _MOST_CHANNELS for width in self.mlp),
               f"an implicit function with layers {self.mlp}, {self.residual}")
        _check(self.mlp_norm in ("none", "group", "batch"),
               f"an implicit function with the norm {self.mlp_norm!r}")
        _check(self.mlp_norm != "group" or all(width % MLP_GROUPS == 0 for width in self.mlp[1:-1]),
               f"an implicit function with layers {self.mlp}, which {MLP_GROUPS} groups do not divide")


@dataclass(frozen=True)
class Preset:
    """One architecture. Sizes in pixels; padding: what lies outside the picture; depth_scale: factor on z at
    the coarse function's input; omega_layer: layer of the coarse function whose activation the fine level
    sees."""

    name: str
    coarse_size: int
    fine_size: int
    padding: Literal["black", "edge"]
    depth_scale: float
    omega_layer: int
    normals: NormalNets | None
    coarse: Level
    fine: Level | None

    def __post_init__(self) -> None:
        with_normals = 3 if self.normals is None else 9
        for level, size in ((self.coarse, self.coarse_size), (self.fine, self.fine_size)):
            if level is not None:
                channels = level.encoder.in_channels
                _check(channels == with_normals, f"an encoder with {channels} input channels", self.name)
                level.encoder.check_size(size)
        if self.normals is not None:
            widths, blocks = self.normals.channels, self.normals.blocks
            _check(2 <= len(widths) <= _MOST_HALVINGS + 1 and 0 <= blocks <= _MOST_BLOCKS
                   and all(0 < width <= _MOST_CHANNELS for width in widths)
                   and self.coarse_size % 2 ** (len(widths) - 1) == 0,
                   f"normal nets with channels {widths} and {blocks} blocks", self.name)
        _check(self.padding in ("black", "edge"), f"the padding {self.padding!r}", self.name)
        _check(math.isfinite(self.depth_scale) and self.depth_scale > 0,
               f"the depth scale {self.depth_scale}", self.name)
        _check(self.coarse.mlp[0] == self.coarse.encoder.out_channels + 1,
               "the coarse function takes its features and the depth", self.name)
        _check((self.fine is None) == (self.fine_size == 0),
               "fine_size is 0 exactly where there is no fine level", self.name)
        _check(0 <= self.omega_layer < len(self.coarse.mlp) - 2,
               f"no layer {self.omega_layer} of the coarse function precedes its last", self.name)
        if self.fine is not None:
            omega = self.coarse.mlp[self.omega_layer + 1]
            _check(self.fine.mlp[0] == self.fine.encoder.out_channels + omega,
                   f"the fine function takes its features and Omega ({omega})", self.name)

    @property
    def has_mask(self) -> bool:
        """Whether its networks tell a silhouette of their own, by which people are found."""
        return self.normals is not None and self.normals.shared

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as they are written into weights files."""
        return asdict(self)

    @staticmethod
    def from_dict(values: dict[str, Any]) -> Preset:
        """The inverse of `to_dict`. Raises ValueError on unknown, missing or contradicting values."""
        try:
            parts = dict(values)
            if parts["normals"] is not None:
                parts["normals"] = _build(NormalNets, parts["normals"])
            for name in ("coarse", "fine"):
                if parts[name] is not None:
                    level = dict(parts[name])
                    level["encoder"] = _build(Encoder, level["encoder"])
                    parts[name] = _build(Level, level)
            preset = _build(Preset, parts)
        except (KeyError, TypeError, IndexError) as error:
            raise ValueError(f"not a preset: {error!r}") from error
        assert isinstance(preset, Preset)
        return preset


def _check(holds: bool, text: str, name: str = "") -> None:
    if not holds:
        raise ValueError(f"preset {name}: {text}" if name else text)


def _build(kind: type[Any], values: dict[str, Any]) -> Any:
    unknown = set(values) - {f.name for f in fields(kind)}
    if unknown:
        raise ValueError(f"not a preset: {kind.__name__} has no {sorted(unknown)}")
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


def _published(name: str, channels: int, with_fine: bool) -> Preset:
    normals = NormalNets(False, (64, 128, 256, 512, 1024), 9) if channels == 9 else None
    coarse = Encoder(channels, (64, 128, 128, 256), 256, stacks=4, depth=2, pool=True, groups=32)
    fine = Encoder(channels, (64, 128, 128, 256), 16, stacks=1, depth=4, pool=False, groups=32)
    return Preset(
        name=name, coarse_size=512, fine_size=1024 if with_fine else 0, padding="black",
        depth_scale=1.28, omega_layer=2, normals=normals,
        coarse=Level(coarse, (257, 1024, 512, 256, 128, 1), (2, 3, 4)),
        fine=Level(fine, (272, 512, 256, 128, 1), (1, 2)) if with_fine else None,
    )  # fmt: skip


_COMPACT = Preset(
    name="compact", coarse_size=256, fine_size=512, padding="edge", depth_scale=8.0, omega_layer=2,
    normals=NormalNets(True, (24, 48, 96, 192, 256), 3, span=True, back_colour=True),
    coarse=Level(
        Encoder(9, (32, 64, 64, 128), 128, stacks=2, depth=4, pool=True, groups=8),
        (129, 256, 192, 128, 64, 1), (2, 3, 4),
    ),
    fine=Level(
        Encoder(9, (16, 32, 32, 64), 16, stacks=1, depth=4, pool=False, groups=4),
        (144, 256, 128, 64, 1), (1, 2),
    ),
)  # fmt: skip



def _without_normals(level: Level) -> Level:
    """The same level for an encoder that sees the picture alone."""
    return replace(level, encoder=replace(level.encoder, in_channels=3))


_COMPACT_NO_NORMALS = replace(
    _COMPACT, name="compact-no-normals", normals=None, coarse=_without_normals(_COMPACT.coarse),
    fine=None if _COMPACT.fine is None else _without_normals(_COMPACT.fine),
)  # fmt: skip

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        _published("pifuhd", 9, True),
        _COMPACT,
        _published("pifu", 3, False),
        _published("pifuhd-no-normals", 3, True),
        replace(_COMPACT_NO_NORMALS, name="compact-pifu", fine_size=0, fine=None),
        _COMPACT_NO_NORMALS,
    )
}
