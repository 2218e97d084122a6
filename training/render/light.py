"""Light on the person: a smooth environment (spherical harmonics of order 2), one key light with a shadow,
occlusion.

The published training lights its scans with second-order spherical harmonics and precomputed ambient
occlusion (PIFuHD, section 4); here the environment is drawn at random, and occlusion and shadow are taken
from depth pictures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .rasterise import barycentric, rasterise

# Lambert's cosine lobe in each band (Ramamoorthi and Hanrahan 2001, section 3.2)
_LOBE = (math.pi, *[2 * math.pi / 3] * 3, *[math.pi / 4] * 5)
_SHADOW_SIDE = 512
_SHADOW_TAPS = 12
_OCCLUSION_TAPS = 16
_OCCLUSION_REACH = 0.16
_GOLDEN = math.pi * (3 - math.sqrt(5))


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
    """Light arriving at surfaces with these unit normals (..., 3), linear RGB (..., 3), never negative."""
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


def ambient_occlusion(depth: Tensor, normals: Tensor, covered: Tensor) -> Tensor:
    """How much of the environment each pixel sees, from the front depth picture alone.

    depth (H, W) camera z of the front surface, normals (H, W, 3) unit, covered (H, W) bool. Returns (H, W)
    in [0, 1]. Each tap asks how high the neighbouring surface stands above the tangent plane (Alchemy
    obscurance, McGuire 2011).
    """
    height, width = depth.shape
    rows, columns = covered.nonzero(as_tuple=True)
    here, normal = depth[rows, columns], normals[rows, columns]
    below = torch.where(covered, depth, torch.full_like(depth, -1e3))
    blocked = torch.zeros_like(here)
    for tap in range(_OCCLUSION_TAPS):
        reach = _OCCLUSION_REACH * (0.04 + 0.96 * ((tap + 0.5) / _OCCLUSION_TAPS) ** 1.6)
        dx = round(reach * math.cos(tap * _GOLDEN) * width / 2)
        dy = round(reach * math.sin(tap * _GOLDEN) * height / 2)
        rise = below[(rows + dy).clamp(0, height - 1), (columns + dx).clamp(0, width - 1)] - here
        flat = (normal[:, 0] * dx * 2 / width) - (normal[:, 1] * dy * 2 / height)
        length = torch.sqrt(reach * reach + rise * rise)
        sine = (flat + normal[:, 2] * rise) / length
        near = (1 - rise.abs() / (2.5 * reach + 0.1)).clamp(0, 1)
        blocked += (sine - 0.08).clamp(min=0) * near
    result = torch.ones_like(depth)
    result[rows, columns] = (1 - 2.4 * blocked / _OCCLUSION_TAPS).clamp(0.05, 1)
    return result


def _softened(values: Tensor, covered: Tensor) -> Tensor:
    """3x3 mean over covered pixels only: takes the grain of the few shadow taps away."""
    weight = covered.to(values.dtype)
    stack = torch.stack([values * weight, weight])[None]
    total, count = functional.avg_pool2d(stack, 3, stride=1, padding=1)[0].unbind(0)
    return total / count.clamp(min=1e-6)


def shadow(vertices: Tensor, faces: Tensor, position: Tensor, covered: Tensor, light: Light) -> Tensor:
    """Share of the key light that reaches each pixel, by a shadow map: (H, W) in [0, 1].

    vertices (V, 3) camera space; faces (F, 3); position (H, W, 3) camera-space points of the front surface;
    covered (H, W) bool.
    """
    towards = light.key_direction.to(vertices.device)
    helper = vertices.new_tensor([0.0, 0.0, 1.0] if abs(float(towards[1])) > 0.9 else [0.0, 1.0, 0.0])
    right = functional.normalize(torch.linalg.cross(helper, towards), dim=0)
    axes = torch.stack([right, torch.linalg.cross(towards, right), towards], dim=1)
    seen = vertices @ axes
    low, high = seen[:, :2].amin(0), seen[:, :2].amax(0)
    scale = float((_SHADOW_SIDE - 4) / (high - low).amax())

    def to_map(points: Tensor) -> Tensor:
        return torch.cat([(points[:, :2] - low) * scale + 2, points[:, 2:]], dim=1)

    lit_from = to_map(seen)
    winner, _ = rasterise(lit_from, faces, _SHADOW_SIDE, _SHADOW_SIDE)
    index, corners, weights = barycentric(lit_from, faces, winner)
    nearest = torch.full((_SHADOW_SIDE * _SHADOW_SIDE,), -1e3, device=vertices.device)
    nearest[index] = (lit_from[:, 2][corners] * weights).sum(1)

    rows, columns = covered.nonzero(as_tuple=True)
    query = to_map(position[rows, columns] @ axes)
    # interleaved gradient noise (Jimenez 2014) turns the ring of taps, so few taps give grain and not bands
    turn = torch.frac(52.9829189 * torch.frac(0.06711056 * columns + 0.00583715 * rows)) * (2 * math.pi)
    lit = torch.zeros_like(turn)
    for tap in range(_SHADOW_TAPS):
        radius = light.shadow_radius * scale * math.sqrt((tap + 0.5) / _SHADOW_TAPS)
        angle = turn + tap * _GOLDEN
        x = (query[:, 0] + radius * torch.cos(angle)).long().clamp(0, _SHADOW_SIDE - 1)
        y = (query[:, 1] + radius * torch.sin(angle)).long().clamp(0, _SHADOW_SIDE - 1)
        # the bias grows with the radius: a wide ring would otherwise shade every tilted surface by itself
        lit += (nearest[y * _SHADOW_SIDE + x] < query[:, 2] + 0.012 + 0.6 * light.shadow_radius).to(lit.dtype)
    result = torch.ones(covered.shape, dtype=vertices.dtype, device=vertices.device)
    result[rows, columns] = lit / _SHADOW_TAPS
    return _softened(result, covered)


def shade(
    albedo: Tensor,
    gloss: Tensor,
    normals: Tensor,
    covered: Tensor,
    lit: Tensor,
    ambient: Tensor,
    light: Light,
) -> Tensor:
    """Linear RGB (H, W, 3) in [0, 1] of the lit front surface.

    albedo (H, W, 3) linear; gloss (H, W) in [0, 1]; normals (H, W, 3) unit; covered (H, W) bool; lit and
    ambient (H, W) in [0, 1] from `shadow` and `ambient_occlusion`.
    """
    device = albedo.device
    towards, colour = light.key_direction.to(device), light.key_colour.to(device)
    open_sky = (1 - light.occlusion * (1 - ambient))[..., None]
    cosine = (normals @ towards)[..., None]
    facing = ((cosine + light.wrap) / (1 + light.wrap)).clamp(min=0)
    direct = facing * lit[..., None] * (0.5 + 0.5 * open_sky)
    received = irradiance(normals, light.environment.to(device)) * open_sky + colour * direct
    if not bool(covered.any()):
        return torch.zeros_like(albedo)
    # a camera meters what it sees: it opens for dark skin and clothes, though not all the way to mid-grey
    metered = ((0.2 / albedo[covered].mean().clamp(min=1e-3)) ** 0.4).clamp(0.75, 1.8)
    gain = light.exposure * metered / received[covered].mean().clamp(min=1e-4)
    half = functional.normalize(towards + towards.new_tensor([0.0, 0.0, 1.0]), dim=0)
    shine = (normals @ half).clamp(min=0) ** (2 ** (3 + 5 * gloss)) * lit * (cosine[..., 0] > 0)
    rim = (1 - normals[..., 2].clamp(0, 1)) ** 5 * 0.25
    reflected = shine[..., None] * colour + rim[..., None] * open_sky
    specular = (gloss * (0.02 + 0.3 * gloss))[..., None] * reflected
    linear = (albedo * received + specular) * gain
    shoulder = 0.75
    rolled = shoulder + (1 - shoulder) * (1 - torch.exp((shoulder - linear) / (1 - shoulder)))
    return torch.where(linear > shoulder, rolled, linear)
