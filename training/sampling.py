"""Where occupancy is asked during training: near the surface, and uniformly in the whole camera cube."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def surface_points(rng: np.random.Generator, vertices: Tensor, faces: Tensor, count: int) -> Tensor:
    """(count, 3) float32 points, uniform by area over the mesh, in the frame and on the device of
    `vertices`.
    """
    a, b, c = vertices[faces].unbind(1)
    running = torch.linalg.cross(b - a, c - a).norm(dim=1).double().cumsum(0)
    u = torch.from_numpy(rng.random((count, 3))).to(vertices.device)
    face = torch.searchsorted(running, u[:, 0] * running[-1]).clamp(max=len(faces) - 1)
    # the square root makes (1 - r, r (1 - s), r s) uniform over the triangle
    r, s = u[:, 1:2].sqrt().to(vertices.dtype), u[:, 2:3].to(vertices.dtype)
    return (1 - r) * a[face] + r * (1 - s) * b[face] + r * s * c[face]


def mixed_points(
    rng: np.random.Generator,
    vertices: Tensor,
    faces: Tensor,
    count: int,
    sigma: float,
    uniform_share: float = 1 / 17,
) -> Tensor:
    """(count, 3) float32 points in the camera cube [-1, 1]^3: 1 uniform to 16 near the surface (PIFu,
    section 4).

    vertices (V, 3) float32 in camera space; faces (F, 3) int64; sigma: standard deviation of the Gaussian
    step off the surface in camera units (metres times the camera's scale). Uniform points fill the WHOLE
    cube: points only round the person leave slabs of matter in the rest. Surface points that fall outside
    the cube (a person partly out of the frame) are drawn again. The two kinds are shuffled together.
    Deterministic from rng.

    Raises ValueError where the mesh lies outside the cube altogether.
    """
    uniform = int(rng.binomial(count, uniform_share))
    kept = [torch.from_numpy(rng.uniform(-1, 1, (uniform, 3))).to(vertices)]
    wanted = count - uniform
    for _ in range(64):
        if wanted == 0:
            break
        near = surface_points(rng, vertices, faces, wanted + 16)
        near = near + sigma * torch.from_numpy(rng.standard_normal(near.shape)).to(vertices)
        near = near[(near.abs() <= 1).all(1)][:wanted]
        kept.append(near)
        wanted -= len(near)
    if wanted:
        raise ValueError("The person lies outside the camera cube: no surface point fell into it.")
    order = torch.from_numpy(rng.permutation(count)).to(vertices.device)
    return torch.cat(kept)[order]
