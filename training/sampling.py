# SPDX-License-Identifier: GPL-3.0-or-later
"""Where occupancy is asked during training: near the surface, and uniformly in the whole camera cube.

Random numbers come from a torch generator on the device of the mesh, and no step depends on a count that only
the device knows: nothing waits for a GPU.
"""

from __future__ import annotations

import torch
from torch import Tensor

UNIFORM_SHARE = 1 / 17
"""One uniform point to sixteen near the surface (PIFu, section 4)."""
COARSE_SIGMA, FINE_SIGMA = 0.05, 0.03
"""Metres that points are moved off the surface (a re-implementation's values; the paper gives none)."""


def surface_points(u: Tensor, vertices: Tensor, faces: Tensor, wanted: Tensor | None = None) -> Tensor:
    """(N, 3) float32 points, uniform by area over the mesh or over its `wanted` faces (F,) bool, in the frame
    and on the device of `vertices`.

    u (N, 3) float64 on the same device: what places them, uniform in [0, 1).
    """
    a, b, c = vertices[faces].unbind(1)
    areas = torch.linalg.cross(b - a, c - a).norm(dim=1).double()
    running = (areas if wanted is None else areas * wanted).cumsum(0)
    face = torch.searchsorted(running, u[:, 0] * running[-1], right=True).clamp(max=len(faces) - 1)
    # the square root makes (1 - r, r (1 - s), r s) uniform over the triangle
    r, s = u[:, 1:2].sqrt().to(vertices.dtype), u[:, 2:3].to(vertices.dtype)
    return (1 - r) * a[face] + r * (1 - s) * b[face] + r * s * c[face]


def first_of(chosen: Tensor, count: int, start: Tensor | None = None) -> Tensor:
    """Numbers (..., count) int64 of those among (..., N) that are `chosen` (bool), in their order, beginning
    with the one numbered `start` (...,) and again from the first where there are too few. Where none is
    chosen it is item 0 throughout.
    """
    order = (~chosen).to(torch.uint8).sort(dim=-1, stable=True).indices
    steps = torch.arange(count, device=chosen.device)
    steps = steps if start is None else start[..., None] + steps
    return order.gather(-1, steps % chosen.sum(-1, keepdim=True).clamp(min=1))


def mixed_points(
    generator: torch.Generator,
    vertices: Tensor,
    faces: Tensor,
    count: int,
    sigma: float,
    uniform_share: float = UNIFORM_SHARE,
) -> Tensor:
    """(count, 3) float32 points in the camera cube [-1, 1]^3: 1 uniform to 16 near the surface (PIFu,
    section 4), shuffled.

    vertices (V, 3) float32 in camera space; faces (F, 3) int64; sigma: standard deviation of the Gaussian
    step off the surface in camera units (metres times the camera's scale); generator: on their device.
    Uniform points fill the WHOLE cube: points only round the person leave slabs of matter in the rest. A
    surface point that leaves the cube (a person partly out of the frame) gives way to one that does not;
    where no surface is near the cube, all points are uniform. Deterministic from the generator.
    """
    device = vertices.device
    corners = vertices[faces]
    reaches = ((corners.amin(1) < 1) & (corners.amax(1) > -1)).all(1)
    # a quarter to spare: about a tenth leaves the cube where the frame cuts a person
    spare = count + count // 4 + 16
    u = torch.rand(spare, 3, generator=generator, device=device, dtype=torch.float64)
    near = surface_points(u, vertices, faces, reaches)
    near = near + sigma * torch.randn(near.shape, generator=generator, device=device)
    within = (near.abs() <= 1).all(1)
    near = near[first_of(within, count)]
    uniform = torch.rand(count, 3, generator=generator, device=device) * 2 - 1
    apart = torch.rand(count, generator=generator, device=device) < uniform_share
    return torch.where((apart | ~within.any())[:, None], uniform, near)
