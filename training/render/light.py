"""Light on the person: a smooth environment (spherical harmonics of order 2), one key light with a shadow,
occlusion (`occlusion.py`).

The published training lights its scans with second-order spherical harmonics and precomputed ambient
occlusion (PIFuHD, section 4); here the environment is drawn at random, and occlusion and shadow are taken
from depth pictures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

# Lambert's cosine lobe in each band (Ramamoorthi and Hanrahan 2001, section 3.2)
_LOBE = (math.pi, *[2 * math.pi / 3] * 3, *[math.pi / 4] * 5)


@dataclass(frozen=True)
class Light:
    """Light in camera space (x right, y up, z to the viewer), linear RGB.

    environment (9, 3) float32: spherical-harmonic coefficients of the incoming radiance; key_direction (3,)
    float32 unit, towards the light; key_colour (3,) float32; wrap in [0, 1): how far the key light reaches
    round the edge (a large lamp); shadow_radius: softness of its shadow in camera units; occlusion in
    [0, 1]: strength of ambient occlusion; exposure: the mean light on a person of middling albedo after
    automatic exposure (1 = a white wall facing it is white).
    """

    environment: Tensor
    key_direction: Tensor
    key_colour: Tensor
    wrap: float
    shadow_radius: float
    occlusion: float
    exposure: float


def harmonics(direction: Tensor) -> Tensor:
    """Real spherical harmonics of order 0 to 2 of unit vectors (..., 3) -> (..., 9)."""
    x, y, z = direction.unbind(-1)
    return torch.stack(
        [
            torch.full_like(x, 0.282095),
            0.488603 * y,
            0.488603 * z,
            0.488603 * x,
            1.092548 * x * y,
            1.092548 * y * z,
            0.315392 * (3 * z * z - 1),
            1.092548 * x * z,
            0.546274 * (x * x - y * y),
        ],
        dim=-1,
    )


def irradiance(normals: Tensor, environment: Tensor) -> Tensor:
    """Light arriving at surfaces with these unit normals (..., N, 3), linear RGB (..., N, 3), never negative;
    environment (..., 9, 3)."""
    lobe = normals.new_tensor(_LOBE)
    return ((harmonics(normals) * lobe) @ environment).clamp(min=0.01)


def _tint(rng: np.random.Generator, warmth: float, spread: float) -> np.ndarray:
    """A light colour (3,) with green at 1: positive warmth is redder and less blue."""
    warmth += rng.normal(0, spread)
    return np.array([1 + warmth, 1 + rng.normal(0, spread / 4), 1 - warmth]).clip(0.3, 1.8)


def _direction(azimuth: float, elevation: float) -> np.ndarray:
    """Unit vector (3,); azimuth 0 is from the viewer, positive to the right; elevation upwards; radians."""
    level = math.cos(elevation)
    return np.array([level * math.sin(azimuth), math.sin(elevation), level * math.cos(azimuth)])


def random_light(rng: np.random.Generator) -> Light:
    """Sun, overcast sky, studio or room, each with random colours and directions. Deterministic from rng."""
    kind = rng.choice(["sun", "overcast", "studio", "room"], p=[0.25, 0.2, 0.35, 0.2])
    key, fills, warmth, radius = {
        "sun": (rng.uniform(1.0, 3.0), 1, 0.06, rng.uniform(0.002, 0.01)),
        "overcast": (rng.uniform(0.05, 0.4), 1, -0.03, rng.uniform(0.04, 0.09)),
        "studio": (rng.uniform(0.5, 1.8), int(rng.integers(1, 4)), 0.0, rng.uniform(0.01, 0.06)),
        "room": (rng.uniform(0.4, 1.4), int(rng.integers(1, 4)), 0.1, rng.uniform(0.01, 0.06)),
    }[str(kind)]
    ambient = _tint(rng, -0.05 if kind == "sun" else warmth / 2, 0.03)
    # a constant radiance of 1 / (pi Y00) gives an irradiance of 1 on every surface
    environment = np.zeros((9, 3))
    environment[0] += ambient * rng.uniform(0.12, 0.5) / (math.pi * 0.282095)
    environment[1] += _tint(rng, -0.04, 0.03) * rng.uniform(0.0, 0.4)
    for _ in range(fills):
        fill = _direction(rng.uniform(-math.pi, math.pi), rng.uniform(-0.5, 1.2))
        strength = rng.uniform(0.05, 0.5) * _tint(rng, warmth, 0.08)
        environment += harmonics(torch.from_numpy(fill)).numpy()[:, None] * strength
    # mostly from the viewer's half: pictures taken wholly against the light are rare
    azimuth = rng.normal(0, 0.8) if rng.random() < 0.85 else rng.uniform(-math.pi, math.pi)
    elevation = rng.uniform(0.3, 1.3) if kind in ("sun", "overcast") else rng.uniform(-0.1, 1.0)
    return Light(
        environment=torch.from_numpy(environment).float(),
        key_direction=torch.from_numpy(_direction(azimuth, elevation)).float(),
        key_colour=torch.from_numpy(key * _tint(rng, warmth, 0.04)).float(),
        wrap=0.0 if kind == "sun" else float(rng.uniform(0, 0.4)),
        shadow_radius=float(radius),
        occlusion=float(rng.uniform(0.7, 1.0)),
        exposure=float(rng.uniform(0.6, 1.1)),
    )


@dataclass(frozen=True)
class Lights:
    """B of `Light` on the device of the pictures: each field with a leading axis, numbers as (B,) float32."""

    environment: Tensor
    key_direction: Tensor
    key_colour: Tensor
    wrap: Tensor
    shadow_radius: Tensor
    occlusion: Tensor
    exposure: Tensor


def stack_lights(lights: Sequence[Light], device: torch.device) -> Lights:
    """The lights of a batch, one transfer a field."""
    stacked = {}
    for field in fields(Light):
        values = [torch.as_tensor(getattr(light, field.name), dtype=torch.float32) for light in lights]
        stacked[field.name] = torch.stack(values).to(device)
    return Lights(**stacked)


def _mean(values: Tensor, covered: Tensor) -> Tensor:
    """Mean over the covered pixels of each picture, (B, H, W, C) -> (B, 1, 1, 1); 0 where there is none."""
    total = (values * covered[..., None]).sum((1, 2, 3))
    return (total / (covered.sum((1, 2)) * values.shape[3]).clamp(min=1))[:, None, None, None]


def shade(
    albedo: Tensor,
    gloss: Tensor,
    normals: Tensor,
    covered: Tensor,
    lit: Tensor,
    ambient: Tensor,
    lights: Lights,
) -> Tensor:
    """Linear RGB (B, H, W, 3) in [0, 1] of the lit front surface, meaningful where covered.

    albedo (B, H, W, 3) linear; gloss (B, H, W) in [0, 1]; normals (B, H, W, 3) unit; covered (B, H, W) bool;
    lit and ambient (B, H, W) in [0, 1] from `shadow` and `ambient_occlusion`.
    """

    def everywhere(values: Tensor) -> Tensor:
        return values.reshape(len(values), 1, 1, -1)

    towards, colour, wrap = (
        everywhere(values) for values in (lights.key_direction, lights.key_colour, lights.wrap)
    )
    open_sky = 1 - everywhere(lights.occlusion) * (1 - ambient[..., None])
    cosine = (normals * towards).sum(-1, keepdim=True)
    facing = ((cosine + wrap) / (1 + wrap)).clamp(min=0)
    direct = facing * lit[..., None] * (0.5 + 0.5 * open_sky)
    around = irradiance(normals.flatten(1, 2), lights.environment).view_as(normals)
    received = around * open_sky + colour * direct
    # a camera meters what it sees: it opens for dark skin and clothes, though not all the way to mid-grey
    metered = ((0.2 / _mean(albedo, covered).clamp(min=1e-3)) ** 0.4).clamp(0.75, 1.8)
    gain = everywhere(lights.exposure) * metered / _mean(received, covered).clamp(min=1e-4)
    half = functional.normalize(towards + towards.new_tensor([0.0, 0.0, 1.0]), dim=-1)
    sheen = (normals * half).sum(-1, keepdim=True).clamp(min=0)
    shine = sheen ** (2 ** (3 + 5 * gloss))[..., None] * lit[..., None] * (cosine > 0)
    rim = (1 - normals[..., 2:].clamp(0, 1)) ** 5 * 0.25
    specular = (gloss * (0.02 + 0.3 * gloss))[..., None] * (shine * colour + rim * open_sky)
    return rolled_off((albedo * received + specular) * gain)


def rolled_off(linear: Tensor) -> Tensor:
    """Linear values >= 0 of any shape as a camera's curve keeps the bright ones below 1."""
    shoulder = 0.75
    rolled = shoulder + (1 - shoulder) * (1 - torch.exp((shoulder - linear) / (1 - shoulder)))
    return torch.where(linear > shoulder, rolled, linear)


def from_srgb(colour: Tensor) -> Tensor:
    """sRGB in [0, 1], of any shape, as linear light."""
    return torch.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)


def to_srgb(linear: Tensor) -> Tensor:
    """The inverse of `from_srgb`."""
    curved = 1.055 * linear.clamp(min=1e-8) ** (1 / 2.4) - 0.055
    return torch.where(linear <= 0.0031308, linear * 12.92, curved)
