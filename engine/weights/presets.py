"""Architectures: frozen descriptions from which the networks are built, checked on construction.

`pifuhd` has the published sizes (PIFuHD, supplement A). `compact` has the same structure at half the picture
sizes with narrow layers, sized to train and run on a laptop's CPU; its two normal nets share a trunk and give
a silhouette.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal


@dataclass(frozen=True)
class NormalNets:
    """shared: one trunk with skips and a mask, or two pix2pixHD generators; channels: stem and after each
    stride-2 convolution; blocks: residual blocks at the lowest size."""

    shared: bool
    channels: tuple[int, ...]
    blocks: int


@dataclass(frozen=True)
class Encoder:
    """Stacked hourglass. channels: stem, then after each of three residual blocks; pool: average pool after
    the first block; depth: halvings in an hourglass; groups: of every group norm."""

    in_channels: int
    channels: tuple[int, int, int, int]
    out_channels: int
    stacks: int
    depth: int
    pool: bool
    groups: int


@dataclass(frozen=True)
class Level:
    """An image encoder and its implicit function: mlp widths from input to the single output, and the layers
    at which the input is concatenated again."""

    encoder: Encoder
    mlp: tuple[int, ...]
    residual: tuple[int, ...]


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
        for level in filter(None, (self.coarse, self.fine)):
            if level.encoder.in_channels != with_normals:
                raise ValueError(
                    f"preset {self.name}: an encoder with {level.encoder.in_channels} input channels"
                )
            if level.mlp[-1] != 1 or not set(level.residual) <= set(range(1, len(level.mlp) - 1)):
                raise ValueError(
                    f"preset {self.name}: an implicit function with layers {level.mlp}, {level.residual}"
                )
        if self.coarse.mlp[0] != self.coarse.encoder.out_channels + 1:
            raise ValueError(f"preset {self.name}: the coarse function takes its features and the depth")
        if (self.fine is None) != (self.fine_size == 0):
            raise ValueError(f"preset {self.name}: fine_size is 0 exactly where there is no fine level")
        if self.fine is not None:
            omega = self.coarse.mlp[self.omega_layer + 1]
            if self.fine.mlp[0] != self.fine.encoder.out_channels + omega:
                raise ValueError(
                    f"preset {self.name}: the fine function takes its features and Omega ({omega})"
                )

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
    normals=NormalNets(True, (24, 48, 96, 192, 256), 3),
    coarse=Level(
        Encoder(9, (32, 64, 64, 128), 128, stacks=2, depth=4, pool=True, groups=8),
        (129, 256, 192, 128, 64, 1), (2, 3, 4),
    ),
    fine=Level(
        Encoder(9, (16, 32, 32, 64), 16, stacks=1, depth=4, pool=False, groups=4),
        (144, 256, 128, 64, 1), (1, 2),
    ),
)  # fmt: skip

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        _published("pifuhd", 9, True),
        _COMPACT,
        _published("pifu", 3, False),
        _published("pifuhd-no-normals", 3, True),
    )
}
