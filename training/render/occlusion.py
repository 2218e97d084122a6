# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps light from the front surface: the nooks around it, and the person in the way of the key light.

Both look at depth pictures alone, so that they cost as much a pixel whatever the mesh.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from .camera import Packed
from .light import Lights
from .rasterise import nearest_depths

_SHADOW_SIDE = 512
_SHADOW_TAPS = 12
_OCCLUSION_TAPS = 16
_OCCLUSION_REACH = 0.16
_GOLDEN = math.pi * (3 - math.sqrt(5))


def ambient_occlusion(depth: Tensor, normals: Tensor, covered: Tensor) -> Tensor:
    """How much of the environment each pixel sees, from the front depth pictures alone.

    depth (B, H, W) camera z of the front surface, normals (B, H, W, 3) unit, covered (B, H, W) bool. Returns
    (B, H, W) in [0, 1]. Each tap asks how high the neighbouring surface stands above the tangent plane
    (Alchemy obscurance, McGuire 2011).
    """
    _, height, width = depth.shape
    views, rows, columns = covered.nonzero(as_tuple=True)
    here, normal = depth[views, rows, columns], normals[views, rows, columns]
    below = torch.where(covered, depth, -1e3)
    blocked = torch.zeros_like(here)
    for tap in range(_OCCLUSION_TAPS):
        reach = _OCCLUSION_REACH * (0.04 + 0.96 * ((tap + 0.5) / _OCCLUSION_TAPS) ** 1.6)
        dx = round(reach * math.cos(tap * _GOLDEN) * width / 2)
        dy = round(reach * math.sin(tap * _GOLDEN) * height / 2)
        rise = below[views, (rows + dy).clamp(0, height - 1), (columns + dx).clamp(0, width - 1)] - here
        flat = (normal[:, 0] * dx * 2 / width) - (normal[:, 1] * dy * 2 / height)
        length = torch.sqrt(reach * reach + rise * rise)
        sine = (flat + normal[:, 2] * rise) / length
        near = (1 - rise.abs() / (2.5 * reach + 0.1)).clamp(0, 1)
        blocked += (sine - 0.08).clamp(min=0) * near
    result = torch.ones_like(depth)
    result[views, rows, columns] = (1 - 2.4 * blocked / _OCCLUSION_TAPS).clamp(0.05, 1)
    return result


def _softened(values: Tensor, covered: Tensor) -> Tensor:
    """3x3 mean over covered pixels only: takes the grain of the few shadow taps away."""
    weight = covered.to(values.dtype)
    stack = torch.stack([values * weight, weight], dim=1)
    total, count = functional.avg_pool2d(stack, 3, stride=1, padding=1).unbind(1)
    return total / count.clamp(min=1e-6)


def _light_axes(towards: Tensor) -> Tensor:
    """(B, 3) unit directions towards the lights -> (B, 3, 3), whose columns are right, up and towards."""
    upright = towards[:, 1:2].abs() > 0.9
    helper = torch.where(upright, towards.new_tensor([0.0, 0.0, 1.0]), towards.new_tensor([0.0, 1.0, 0.0]))
    right = functional.normalize(torch.linalg.cross(helper, towards), dim=1)
    return torch.stack([right, torch.linalg.cross(towards, right), towards], dim=2)


def shadow(packed: Packed, position: Tensor, covered: Tensor, lights: Lights) -> Tensor:
    """Share of the key light that reaches each pixel, by a shadow map: (B, H, W) in [0, 1].

    packed: the meshes in camera space; position (B, H, W, 3) camera-space points of the front surface;
    covered (B, H, W) bool.
    """
    axes = _light_axes(lights.key_direction)

    def turned(points: Tensor, view: Tensor) -> Tensor:
        return (points[:, :, None] * axes[view]).sum(1)

    seen = turned(packed.vertices, packed.vertex_view)
    low, high = packed.bounds(seen[:, :2])
    scale = (_SHADOW_SIDE - 4) / (high - low).amax(1)

    def to_map(points: Tensor, view: Tensor) -> Tensor:
        return torch.cat([(points[:, :2] - low[view]) * scale[view, None] + 2, points[:, 2:]], dim=1)

    lit_from = to_map(seen, packed.vertex_view)
    nearest = nearest_depths(lit_from, packed.faces, packed.face_view, packed.count, _SHADOW_SIDE)

    views, rows, columns = covered.nonzero(as_tuple=True)
    query = to_map(turned(position[views, rows, columns], views), views)
    # interleaved gradient noise (Jimenez 2014) turns the ring of taps, so few taps give grain and not bands
    turn = torch.frac(52.9829189 * torch.frac(0.06711056 * columns + 0.00583715 * rows)) * (2 * math.pi)
    # the bias grows with the radius: a wide ring would otherwise shade every tilted surface by itself
    reached = query[:, 2] + 0.012 + 0.6 * lights.shadow_radius[views]
    spread = (lights.shadow_radius * scale)[views]
    lit = torch.zeros_like(turn)
    for tap in range(_SHADOW_TAPS):
        radius = spread * math.sqrt((tap + 0.5) / _SHADOW_TAPS)
        angle = turn + tap * _GOLDEN
        x = (query[:, 0] + radius * torch.cos(angle)).long().clamp(0, _SHADOW_SIDE - 1)
        y = (query[:, 1] + radius * torch.sin(angle)).long().clamp(0, _SHADOW_SIDE - 1)
        lit += (nearest[views, y, x] < reached).to(lit.dtype)
    result = torch.ones_like(position[..., 0])
    result[views, rows, columns] = lit / _SHADOW_TAPS
    return _softened(result, covered)
