# SPDX-License-Identifier: GPL-3.0-or-later
"""From what the user set in the panel to what the engine and Blender are asked for, or why they cannot be."""

from __future__ import annotations

from typing import Any, NamedTuple

import bpy

from . import estimate, images, orientation, weights
from .engine.client import NormalMaps
from .engine.errors import EngineError
from .finish import ONE, Finish
from .labels import words


class Order(NamedTuple):
    """A job: what its object is to be called, the picture, the engine's settings, what Blender does with the
    mesh, and maps to make it of in the place of new ones."""

    name: str
    picture: images.Picture
    settings: dict[str, Any]
    finish: Finish
    normals: NormalMaps | None = None


def problem(settings: Any, image: bpy.types.Image | None = None) -> EngineError | None:
    """Why Reconstruct cannot be pressed; None where it can. Reads nothing from disk.

    image: the one to reconstruct where it is not the panel's.
    """
    if image is None and settings.image is None:
        hint = "Open a photo of one person in the PIFuHD tab."
        return EngineError("bad_settings", "No image is chosen.", hint)
    if settings.place == 'IMAGE' and settings.reference is None:
        hint = "Choose one under Placement, or another place."
        return EngineError("bad_settings", "No image empty is chosen.", hint)
    return weights.problem(settings.weights, settings.weights_file)


def engine_settings(settings: Any, turned: int) -> dict[str, Any]:
    """The engine's settings. turned: orientation of the image's file."""
    chosen = {
        "resolution": settings.resolution,
        "height": round(settings.height, 4),  # Blender keeps 1.75 as 1.75 but 1.68 as 1.6799999475479126
        "topology": settings.topology,
        "smooth": settings.smooth,
        "colour": settings.colour,
        "weights": weights.engine_name(settings.weights, bpy.path.abspath(settings.weights_file)),
        "device": settings.device,
        "person": settings.person if settings.people == ONE else 1,
    }
    if settings.reduce and settings.topology == "triangles":
        chosen["faces"] = settings.faces
    if settings.own_box:
        chosen["box"] = _upright_box(settings, turned)
    return chosen


def make(context: bpy.types.Context, image: bpy.types.Image) -> tuple[images.Picture, dict[str, Any], Finish]:
    """The picture, the engine's settings and the finish for an image. Raises EngineError."""
    settings = context.scene.pifuhd
    missing = weights.missing_file(settings.weights, bpy.path.abspath(settings.weights_file))
    if missing:
        raise missing
    picture = images.encode(image)
    turned = orientation.of_picture(picture)
    place = settings.place
    finish = Finish(
        point=tuple(context.scene.cursor.location) if place == 'CURSOR' else (0.0, 0.0, 0.0),
        floor=settings.floor,
        reference=settings.reference.name if place == 'IMAGE' and settings.reference else "",
        shade_smooth=settings.shade_smooth,
        texture=settings.texture and settings.colour != "none",
        keep_normals=settings.keep_normals,
        image=image.name,
        people=ONE if settings.own_box else settings.people,
        turned=turned,
    )
    return picture, engine_settings(settings, turned), finish


def with_person_of(chosen: dict[str, Any], older: dict[str, Any]) -> dict[str, Any]:
    """The settings, with the box and the person's number of older ones."""
    kept = {key: value for key, value in chosen.items() if key not in {"box", "person"}}
    return kept | {key: older[key] for key in ("box", "person") if key in older}


def cost(settings: Any) -> str:
    """The estimate of time and memory, in words."""
    kind = weights.NAMES.get(settings.weights, "file")
    time, memory, vertices = estimate.cost(settings.resolution, kind, settings.device)
    text = "About {time}, {memory:.1f} GB, {vertices:,} vertices"
    return words(text, time=words(time), memory=memory, vertices=vertices)


def _upright_box(settings: Any, turned: int) -> list[float]:
    """The box of the upright picture, x0, y0, x1, y1."""
    upright = orientation.turned_size(settings.image.size, turned)
    box = tuple(settings.box)
    return list(orientation.boxed(orientation.to_upright([box[:2], box[2:]], upright, turned)))
