"""Orthographic pictures of a person: colour, silhouette, front and back normals, front and back depth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .light import Light, ambient_occlusion, shade, shadow
from .rasterise import barycentric, rasterise, to_pixels

if TYPE_CHECKING:
    from training.humans.person import Person


@dataclass(frozen=True)
class Camera:
    """yaw: turn of the person about +y (radians; 0 faces the viewer, positive turns it to the viewer's
    right); scale: camera units (half the crop's width) a metre; shift: where the middle of the person's box
    goes (x right, y up, camera units); tilt: turn about +x (radians; positive = seen from above).
    """

    yaw: float
    scale: float
    shift: tuple[float, float]
    tilt: float = 0.0


@dataclass(frozen=True)
class View:
    """One picture, all float32 on the person's device; a pixel spans 2 / size camera units, row 0 on top.

    colour (3, H, W) sRGB in [0, 1], not multiplied by the mask, meaningful only where mask > 0; mask (1, H,
    W) coverage in [0, 1]. Where mask >= 0.5: front and back (3, H, W) unit normals in CAMERA space (x
    right, y up, z to the viewer) of the surface nearest to and farthest from the viewer along the SAME
    pixel's ray, so the back map's z is mostly negative; depth_front and depth_back (1, H, W) their camera
    z. Elsewhere these four are zero.
    """

    colour: Tensor
    mask: Tensor
    front: Tensor
    back: Tensor
    depth_front: Tensor
    depth_back: Tensor


def vertex_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Unit normals (V, 3), area-weighted mean of the faces round each vertex. Parts share no vertex, so
    none mix.
    """
    a, b, c = vertices[faces].unbind(1)
    per_face = torch.linalg.cross(b - a, c - a)
    total = torch.zeros_like(vertices).index_add_(0, faces.reshape(-1), per_face.repeat_interleave(3, 0))
    return functional.normalize(total, dim=1, eps=1e-20)


def _turned(vertices: Tensor, yaw: float, tilt: float) -> Tensor:
    cy, sy, ct, st = math.cos(yaw), math.sin(yaw), math.cos(tilt), math.sin(tilt)
    about_y = vertices.new_tensor([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = vertices.new_tensor([[1, 0, 0], [0, ct, -st], [0, st, ct]])
    return vertices @ (about_x @ about_y).T


def _median_depth(vertices: Tensor, faces: Tensor) -> Tensor:
    """Area-weighted median of the faces' depth: the z that becomes 0."""
    a, b, c = vertices[faces].unbind(1)
    areas = torch.linalg.cross(b - a, c - a).norm(dim=1)
    depth, order = ((a + b + c)[:, 2] / 3).sort()
    running = areas[order].double().cumsum(0)
    return depth[torch.searchsorted(running, running[-1:] / 2)[0]]


def camera_vertices(
    person: Person, yaw: float, scale: float, shift: tuple[float, float], tilt: float = 0.0
) -> Tensor:
    """The person's vertices in camera space: (V, 3) float32, x right, y up, z to the viewer, the crop is
    [-1, 1].

    Turned by yaw about +y, then by tilt about +x; the middle of the turned box goes to `shift`; z = 0 is
    the area-weighted median depth of the surface.
    """
    turned = _turned(person.vertices, yaw, tilt)
    middle = (turned.amin(0) + turned.amax(0)) / 2
    middle[2] = _median_depth(turned, person.faces)
    return (turned - middle) * scale + turned.new_tensor([shift[0], shift[1], 0.0])


def random_camera(rng: np.random.Generator, person: Person) -> Camera:
    """A camera as photographs have them: mostly from the front, the person filling most of the square crop.

    55 % within 40 degrees of the front, else uniform; the larger extent fills 0.8 to 0.95 of the crop
    (three in four) or 0.55 to 0.8; three in twenty are portraits, cut anywhere from the shins to the chest;
    one in twenty is partly out of the frame on any side.
    """
    yaw = math.radians(rng.uniform(-40, 40) if rng.random() < 0.55 else rng.uniform(-180, 180))
    tilt = math.radians(rng.uniform(-5, 5))
    turned = _turned(person.vertices, yaw, tilt)
    extent = (turned.amax(0) - turned.amin(0))[:2]
    larger = float(extent.amax())
    share = rng.uniform(0.8, 0.95) if rng.random() < 0.75 else rng.uniform(0.55, 0.8)
    kind = rng.random()
    if kind < 0.15:
        share = rng.uniform(1.1, 2.6)
        top = rng.uniform(0.6, 0.95)  # camera y of the crown; the feet fall below the frame
        return Camera(
            yaw, 2 * share / larger, (rng.uniform(-0.2, 0.2), top - share * float(extent[1]) / larger), tilt
        )
    if kind < 0.2:
        share = rng.uniform(1.0, 1.6)
        room = np.array([0.15, max(0.15, share - 0.8)])
    else:
        room = np.minimum(1 - share * extent.cpu().numpy() / larger, 0.12)
    shift = rng.uniform(-1, 1, 2) * room
    return Camera(yaw, 2 * share / larger, (float(shift[0]), float(shift[1])), tilt)


def _linear(colour: Tensor) -> Tensor:
    return torch.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)


def _encoded(linear: Tensor) -> Tensor:
    curved = 1.055 * linear.clamp(min=1e-8) ** (1 / 2.4) - 0.055
    return torch.where(linear <= 0.0031308, linear * 12.92, curved)


def _pooled(picture: Tensor, factor: int) -> Tensor:
    """(R, R, C) -> (R / factor, R / factor, C), the mean."""
    return functional.avg_pool2d(picture.permute(2, 0, 1)[None], factor)[0].permute(1, 2, 0)


def _nearest(depth: Tensor, factor: int) -> Tensor:
    """(R, R) -> (R / factor, R / factor), the largest sample: a mean over an edge would hang in the air."""
    return functional.max_pool2d(depth[None, None], factor)[0, 0]


def _resolved(pixels: Tensor, faces: Tensor, winner: Tensor, values: Tensor) -> Tensor:
    """Interpolates per-vertex values (V, C) over a face-id picture: (R, R, C), zero where nothing is hit."""
    index, corners, weights = barycentric(pixels, faces, winner)
    picture = values.new_zeros(winner.numel(), values.shape[1])
    first, second, third = (values[corners[:, k]] * weights[:, k, None] for k in range(3))
    picture[index] = first + second + third
    return picture.reshape(*winner.shape, -1)


@torch.no_grad()
def render(person: Person, camera: Camera, size: int, light: Light, supersample: int = 2) -> View:
    """Renders the person into a size x size `View`, antialiased by supersample^2 samples a pixel.

    Geometry and albedo are sampled finely; light, shadow and occlusion are computed once a final pixel, on
    the mean of its samples, which costs a quarter and differs only at creases.
    """
    faces = person.faces
    vertices = camera_vertices(person, camera.yaw, camera.scale, camera.shift, camera.tilt)
    normals = vertex_normals(vertices, faces)
    pixels = to_pixels(vertices, size * supersample)
    front_face, back_face = rasterise(pixels, faces, size * supersample, size * supersample)

    depth = vertices[:, 2:]
    surface = torch.cat([normals, depth, _linear(person.albedo), person.gloss[:, None]], dim=1)
    front_fine = _resolved(pixels, faces, front_face, surface)
    back_fine = _resolved(pixels, faces, back_face, torch.cat([normals, depth], dim=1))
    hit = (front_face >= 0).to(vertices.dtype)
    mask = _pooled(hit[..., None], supersample)[..., 0]
    covered, solid = mask > 0, (mask >= 0.5)[..., None]

    means = _pooled(front_fine, supersample)
    front = functional.normalize(means[..., :3], dim=-1)
    back = functional.normalize(_pooled(back_fine[..., :3], supersample), dim=-1)
    outside = torch.full_like(hit, -1e3)
    depth_front = _nearest(torch.where(hit > 0, front_fine[..., 3], outside), supersample)
    depth_back = -_nearest(torch.where(hit > 0, -back_fine[..., 3], outside), supersample)

    steps = (torch.arange(size, device=vertices.device, dtype=vertices.dtype) + 0.5) * (2 / size) - 1
    x, y = steps.expand(size, size), -steps[:, None].expand(size, size)
    position = torch.stack([x, y, depth_front], dim=-1)
    linear = shade(
        albedo=means[..., 4:7] / mask.clamp(min=1e-3)[..., None],
        gloss=(means[..., 7] / mask.clamp(min=1e-3)).clamp(0, 1),
        normals=front,
        covered=covered,
        lit=shadow(vertices, faces, position, covered, light),
        ambient=ambient_occlusion(depth_front, front, covered),
        light=light,
    )
    colour = _encoded(linear).clamp(0, 1) * covered[..., None]

    def channels_first(picture: Tensor) -> Tensor:
        return picture.permute(2, 0, 1).contiguous()

    return View(
        colour=channels_first(colour),
        mask=mask[None],
        front=channels_first(front * solid),
        back=channels_first(back * solid),
        depth_front=(depth_front * solid[..., 0])[None],
        depth_back=(depth_back * solid[..., 0])[None],
    )
