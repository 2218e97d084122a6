"""Pictures of people: colour, silhouette, front and back normals, front and back depth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from .camera import Camera, place
from .light import Light, from_srgb, shade, stack_lights, to_srgb
from .occlusion import ambient_occlusion, shadow
from .rasterise import rasterise_views, resolved, to_pixels

if TYPE_CHECKING:
    from training.humans.person import Person


@dataclass(frozen=True)
class View:
    """One picture, all float32 on the person's device; a pixel spans 2 / size camera units, row 0 on top. In
    a batch each field has a leading axis.

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


def _pooled(pictures: Tensor, factor: int) -> Tensor:
    """(B, R, R, C) -> (B, R / factor, R / factor, C), the mean."""
    return functional.avg_pool2d(pictures.permute(0, 3, 1, 2), factor).permute(0, 2, 3, 1)


def _nearest(depth: Tensor, hit: Tensor, factor: int) -> Tensor:
    """(B, R, R) -> (B, R / factor, R / factor), the largest sample that is hit: a mean over an edge would
    hang in the air."""
    return functional.max_pool2d(torch.where(hit, depth, -1e3)[:, None], factor)[:, 0]


@torch.no_grad()
def render_batch(
    people: Sequence[Person],
    cameras: Sequence[Camera],
    size: int,
    lights: Sequence[Light],
    supersample: int = 2,
) -> View:
    """Renders person i by camera i in light i into size x size pictures, antialiased by supersample^2 samples
    a pixel: a `View` with a leading axis, on the device of the people's tensors.

    Geometry and albedo are sampled finely; light, shadow and occlusion are computed once a final pixel, on
    the mean of its samples, which costs a quarter and differs only at creases. All meshes go through each
    step together, so the number of steps does not depend on that of people. Raises ValueError where the three
    sequences differ in length, are empty, or a camera stands inside its person.
    """
    if not len(people) == len(cameras) == len(lights) > 0:
        counts = f"{len(people)} people, {len(cameras)} cameras and {len(lights)} lights"
        raise ValueError(f"Rendering needs one camera and one light a person, not {counts}.")
    packed = place(people, cameras)
    vertices, faces, count, fine = packed.vertices, packed.faces, len(people), size * supersample
    normals = vertex_normals(vertices, faces)
    pixels = to_pixels(vertices, fine)
    front_face, back_face = rasterise_views(pixels, faces, packed.face_view, count, fine, fine)

    albedo = from_srgb(torch.cat([person.albedo for person in people]))
    gloss = torch.cat([person.gloss for person in people])
    shape = torch.cat([normals, vertices[:, 2:]], dim=1)
    front_fine = resolved(pixels, faces, front_face, torch.cat([shape, albedo, gloss[:, None]], dim=1))
    back_fine = resolved(pixels, faces, back_face, shape)
    hit = front_face >= 0
    mask = _pooled(hit[..., None].to(vertices.dtype), supersample)
    covered, solid = mask[..., 0] > 0, mask >= 0.5

    means = _pooled(front_fine, supersample)
    front = functional.normalize(means[..., :3], dim=-1)
    back = functional.normalize(_pooled(back_fine[..., :3], supersample), dim=-1)
    depth_front = _nearest(front_fine[..., 3], hit, supersample)
    depth_back = -_nearest(-back_fine[..., 3], hit, supersample)

    stacked = stack_lights(lights, vertices.device)
    steps = (torch.arange(size, device=vertices.device, dtype=vertices.dtype) + 0.5) * (2 / size) - 1
    x, y = steps.expand_as(depth_front), -steps[:, None].expand_as(depth_front)
    linear = shade(
        albedo=means[..., 4:7] / mask.clamp(min=1e-3),
        gloss=(means[..., 7] / mask[..., 0].clamp(min=1e-3)).clamp(0, 1),
        normals=front,
        covered=covered,
        lit=shadow(packed, torch.stack([x, y, depth_front], dim=-1), covered, stacked),
        ambient=ambient_occlusion(depth_front, front, covered),
        lights=stacked,
    )

    def channels_first(pictures: Tensor) -> Tensor:
        return pictures.permute(0, 3, 1, 2).contiguous()

    return View(
        colour=channels_first(to_srgb(linear).clamp(0, 1) * covered[..., None]),
        mask=channels_first(mask),
        front=channels_first(front * solid),
        back=channels_first(back * solid),
        depth_front=channels_first(depth_front[..., None] * solid),
        depth_back=channels_first(depth_back[..., None] * solid),
    )


def render(person: Person, camera: Camera, size: int, light: Light, supersample: int = 2) -> View:
    """`render_batch` of one person: a `View` without the leading axis."""
    batch = render_batch([person], [camera], size, [light], supersample)
    return View(**{field.name: getattr(batch, field.name)[0] for field in fields(View)})
