"""Small closed shapes, and slow, plain geometry to hold the fast code against (float64 numpy)."""

from __future__ import annotations

import numpy as np
import torch

from training.humans.person import Person

Shape = tuple[np.ndarray, np.ndarray]
"""Vertices (V, 3) float32 and faces (F, 3) int64, counter-clockwise seen from outside."""


def sphere(radius: float = 1.0, centre: tuple[float, float, float] = (0, 0, 0), rings: int = 24) -> Shape:
    polar = np.linspace(0, np.pi, rings + 1)[1:-1]
    around = np.arange(2 * rings) / rings * np.pi
    body = np.stack(
        [
            np.sin(polar)[:, None] * np.sin(around),
            np.cos(polar)[:, None] * np.ones_like(around),
            np.sin(polar)[:, None] * np.cos(around),
        ],
        axis=-1,
    ).reshape(-1, 3)
    count, n = len(body), 2 * rings
    i, j = np.meshgrid(np.arange(rings - 2), np.arange(n), indexing="ij")
    a, b = (i * n + j).ravel(), (i * n + (j + 1) % n).ravel()
    faces = [np.stack([a, a + n, b + n], 1), np.stack([a, b + n, b], 1)]
    ring = np.arange(n)
    faces.append(np.stack([np.full(n, count), ring, (ring + 1) % n], 1))
    last = count - n
    faces.append(np.stack([np.full(n, count + 1), last + (ring + 1) % n, last + ring], 1))
    vertices = np.concatenate([body, [[0, 1, 0], [0, -1, 0]]]) * radius + np.array(centre)
    return vertices.astype(np.float32), np.concatenate(faces).astype(np.int64)


def box(low: tuple[float, float, float], high: tuple[float, float, float]) -> Shape:
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
    vertices = np.array(low) + corners * (np.array(high) - np.array(low))
    quads = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    faces = [[q[0], q[k], q[k + 1]] for q in quads for k in (1, 2)]
    return vertices.astype(np.float32), np.array(faces, np.int64)


def person(*shapes: Shape, albedo: float = 0.5, gloss: float = 0.0) -> Person:
    """Each shape becomes one closed part."""
    offsets = np.cumsum([0] + [len(v) for v, _ in shapes[:-1]])
    vertices = np.concatenate([v for v, _ in shapes])
    return Person(
        vertices=torch.from_numpy(vertices),
        faces=torch.from_numpy(np.concatenate([f + o for (_, f), o in zip(shapes, offsets)])),
        part=torch.from_numpy(np.repeat(np.arange(len(shapes)), [len(f) for _, f in shapes])),
        albedo=torch.full((len(vertices), 3), albedo),
        gloss=torch.full((len(vertices),), gloss),
        seed=0,
        stature=1.7,
    )


def figure() -> Person:
    """Unlike itself in every mirror: a head on the left, an arm to the right, a nose to the viewer."""
    return person(
        box((-0.25, 0.0, -0.12), (0.25, 1.3, 0.12)),
        sphere(0.18, (-0.12, 1.45, 0.02), rings=10),
        box((0.2, 0.9, -0.05), (0.7, 1.05, 0.06)),
        box((-0.16, 1.4, 0.1), (-0.08, 1.47, 0.4)),
    )


def cast_rays(
    vertices: np.ndarray, faces: np.ndarray, normals: np.ndarray, x: np.ndarray, y: np.ndarray
) -> dict[str, np.ndarray]:
    """Rays along z through (x, y): what they meet nearest to the viewer (largest z) and farthest from it.

    x, y (N,). Returns hit (N,) bool, front_z, back_z (N,), and front, back (N, 3) interpolated unit normals.
    """
    corner = vertices.astype(float)[faces]
    a, b, c = corner[:, 0], corner[:, 1], corner[:, 2]
    double_area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    px, py = x[:, None], y[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        v = ((px - a[:, 0]) * (c[:, 1] - a[:, 1]) - (py - a[:, 1]) * (c[:, 0] - a[:, 0])) / double_area
        w = ((b[:, 0] - a[:, 0]) * (py - a[:, 1]) - (b[:, 1] - a[:, 1]) * (px - a[:, 0])) / double_area
        u = 1 - v - w
    meets = (u >= 0) & (v >= 0) & (w >= 0) & (np.abs(double_area) > 1e-14)
    z = np.where(meets, u * a[:, 2] + v * b[:, 2] + w * c[:, 2], np.nan)
    hit = meets.any(1)
    result = {"hit": hit}
    for name, best in (("front", np.where(meets, z, -np.inf)), ("back", np.where(meets, -z, -np.inf))):
        face = best.argmax(1)
        rows = np.arange(len(x))
        weights = np.stack([u[rows, face], v[rows, face], w[rows, face]], 1)
        normal = (normals.astype(float)[faces[face]] * weights[..., None]).sum(1)
        result[name] = normal / np.linalg.norm(normal, axis=1, keepdims=True)
        result[name + "_z"] = z[rows, face]
    return result


def winding_number(points: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Generalised winding number (Jacobson 2013) by summing solid angles (van Oosterom 1983): (N,)."""
    corner = vertices.astype(float)[faces][None] - points.astype(float)[:, None, None]
    a, b, c = corner[:, :, 0], corner[:, :, 1], corner[:, :, 2]
    la, lb, lc = (np.linalg.norm(t, axis=-1) for t in (a, b, c))
    volume = (a * np.cross(b, c)).sum(-1)
    rest = la * lb * lc + (a * b).sum(-1) * lc + (b * c).sum(-1) * la + (c * a).sum(-1) * lb
    return np.arctan2(volume, rest).sum(1) / (2 * np.pi)
