# SPDX-License-Identifier: GPL-3.0-or-later
"""The main path: photo -> person -> crop -> normals -> features -> surface -> cleaned, coloured mesh."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from .asking import Ask, Told, asking_between_layers
from .colour import colour_vertices, normal_colours
from .devices import choose_device, choose_precision, surface_device, threads
from .errors import EngineError, ProgressCallback
from .memory import spared
from .networks import Features, NormalMaps
from .payload import NormalMaps as GivenNormals
from .photo import FoundPerson, Mask, Photo, choose_person, cut, cut_sides, find_people, person_part, resize
from .scale import Scale, find_scale
from .sentences import Sentence, listed
from .settings import Settings
from .sight import Sight, believing, with_normals
from .space import Crop, Placement, camera_to_image, grid_to_camera, image_to_texel, stand_on_floor
from .surface.cleanup import keep_person, smooth
from .surface.decimate import decimate, nearest_colours
from .surface.field import Field
from .surface.filling import Filling
from .surface.isosurface import isosurface
from .surface.localise import COARSEST, first_points, localise
from .surface.meshes import Faces, Vertices, normals_of
from .surface.relief import follow_normals
from .surface.surface_nets import surface_nets
from .version import VERSION
from .weights import LoadedWeights

HULL = 0.012  # of the crop: how far outside the silhouette the surface may reach
LARGEST_COLOUR_CROP = 2048  # pixels; finer than the vertices of the grids that most people use
UNCOLOURED = 200  # sRGB grey of a mesh without colours
NORM_POINTS = 20000  # how many points a picture's group norms are measured over
PREVIEW_NODES = 64  # a side; searched from half as many, a quarter of the questions that all of them are


@dataclass(frozen=True)
class Reconstruction:
    """A person as a closed, coloured mesh.

    vertices: (V, 3) float32, Blender frame, metres; feet on z = 0, the bounding box centred on x = y = 0,
    facing -Y. faces: (F, 3) or (F, 4) int32, counter-clockwise seen from outside. colors: (V, 4) uint8 sRGB,
    alpha 255. normals_front, normals_back: (S, S, 3) uint8, (n + 1) / 2, camera space; None without normal
    networks. info: JSON-able: crop {x, y, side} and box [x0, y0, x1, y1] in source pixels, and people, the
    boxes of all who were found, the largest first, [] where the box was the user's; camera
    {metres_per_unit, offset}, a space.Placement; scale {source, statures}; back_inferred, whether networks
    told the colours that the photo does not show; normals_given; preset, weights, guide, device,
    precision, versions, settings; mesh, what its steps did; asked, how many points; warnings, sentences.
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    colors: NDArray[np.uint8]
    normals_front: NDArray[np.uint8] | None
    normals_back: NDArray[np.uint8] | None
    info: dict[str, Any]


@dataclass(frozen=True)
class Preview:
    """The coarse level's mesh on a grid of PREVIEW_NODES: vertices (V, 3) float32, faces (F, 3) int32 and
    colors (V, 4) uint8 as in Reconstruction; neither smoothed nor reduced. info: crop, box, people and camera
    as there."""

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    colors: NDArray[np.uint8]
    info: dict[str, Any]


def people(
    photo: Photo, guide: LoadedWeights, device: str = "auto", precision: str = "auto"
) -> list[FoundPerson]:
    """The people in a photo, the largest first; settings.person counts them from 1.

    guide: weights with a silhouette, see reconstruct. device, precision: as in Settings. Raises EngineError
    bad_settings, out_of_memory.
    """
    chosen = choose_device(device)
    with torch.inference_mode(), _exact_arithmetic():
        sight = Sight(photo, guide, chosen, choose_precision(precision, chosen))
        return spared(chosen, guide.preset, lambda _: find_people(photo, _silhouette(sight)))


def reconstruct(
    photo: Photo,
    weights: LoadedWeights,
    guide: LoadedWeights,
    settings: Settings,
    progress: ProgressCallback,
    on_preview: Callable[[Preview], None] | None = None,
    normals: GivenNormals | None = None,
) -> Reconstruction:
    """Reconstruct a person in a photo.

    guide: weights of a preset with a silhouette (Preset.has_mask), which find the person and their scale; may
    be the weights themselves. progress may raise Cancelled, which passes through; it is asked between the
    layers of a network as well. on_preview: called once, before the fine level is encoded, at resolutions
    from 2 PREVIEW_NODES on, if the coarse level sees a body. normals: maps of front and back as in
    Reconstruction, of the same photo and person, to use for those of the networks; the silhouette stays
    theirs. The same input gives the same bytes on the same machine, with a preview and without. Moves the
    networks to the settings' device.
    Raises EngineError: bad_settings, no_person, broken_field, out_of_memory.
    """
    device = choose_device(settings.device)
    precision = choose_precision(settings.precision, device)
    preset = weights.preset
    told = Told(progress)
    networks = [weights.network] if guide is weights else [weights.network, guide.network]
    with torch.inference_mode(), _exact_arithmetic(), asking_between_layers(networks, told.again):
        sight = Sight(photo, weights, device, precision)
        finder = sight if guide is weights else Sight(photo, guide, device, precision)

        told("photo", 0, 1, "pictures")
        found = spared(device, preset, lambda _: choose_person(
            photo, settings.box, settings.person, _silhouette(finder)))
        told("photo", 1, 1, "pictures")

        told("normals", 0, 1, "maps")
        maps = spared(device, preset, lambda _: sight.normals(found.crop))
        seen = maps if finder is sight else spared(device, preset, lambda _: finder.normals(found.crop))
        if settings.box is not None and seen is not None:
            seen = believing(seen, found.box, found.crop)
            maps = seen if finder is sight else maps
        if normals is not None:
            maps = with_normals(maps, normals)
        person = _person(sight, found, maps if maps is not None else seen)
        told("normals", 1, 1, "maps")

        estimate = None if seen is None or seen.span is None else float(seen.span[0])
        sides = cut_sides(person, found.crop, photo.pixels)
        whole = not {"top", "bottom"} & set(sides)

        back = _back_colour(maps, seen) if settings.colour == "photograph" else None

        def finished(mesh: _Mesh, resolution: int) -> tuple[Scale, Placement, NDArray[np.uint8]]:
            scale = find_scale(mesh.vertices, settings.height, settings.span, estimate, whole)
            colors = np.full((len(mesh.vertices), 4), 255, dtype=np.uint8)
            colors[:, :3] = _colours(
                mesh, sight, found.crop, person, back, scale, resolution, settings.colour, told.again)
            return scale, stand_on_floor(mesh.vertices, scale.metres_per_unit), colors

        told("features", 0, 1, "maps")
        coarse = spared(device, preset, lambda _: sight.coarse_features(found.crop, maps))
        batch = sight.points_at_once()
        if on_preview is not None and settings.resolution >= 2 * PREVIEW_NODES:
            first = spared(device, preset, lambda less: _first_look(
                sight, coarse, person, batch // less, told.again))
            if first is not None:
                plain = dataclasses.replace(settings, topology="triangles", smooth=0, faces=0)
                mesh = _mesh(first, person, plain, told.again)
                _, placement, colors = finished(mesh, first.resolution)
                info = _where(photo, found, placement)
                on_preview(Preview(_in_blender(placement, mesh.vertices), mesh.faces, colors, info))
        features = spared(device, preset, lambda _: sight.features(found.crop, maps, coarse))
        told("features", 1, 1, "maps")

        told("surface", 0, 100, "%")
        field = spared(device, preset, lambda less: _occupancy(
            sight, features, person, settings.resolution, batch // less, told))

    followed = maps if preset.has_mask else None
    mesh = spared(device, preset, lambda _: _mesh(field, person, settings, told.again, followed))
    told("surface", 100, 100, "%")

    told("colour", 0, 1, "meshes")
    scale, placement, colors = spared(device, preset, lambda _: finished(mesh, settings.resolution))
    told("colour", 1, 1, "meshes")

    return Reconstruction(
        vertices=_in_blender(placement, mesh.vertices),
        faces=mesh.faces,
        colors=colors,
        normals_front=None if maps is None else _normal_picture(maps.front),
        normals_back=None if maps is None else _normal_picture(maps.back),
        info={
            **_where(photo, found, placement),
            "scale": {"source": scale.source, "statures": scale.statures},
            "back_inferred": back is not None,
            "preset": preset.name,
            "weights": weights.sha256,
            "guide": guide.sha256,
            "device": device.type,
            "precision": str(precision).removeprefix("torch."),
            "versions": {"engine": VERSION, "torch": str(torch.__version__), "numpy": np.__version__},
            "settings": dataclasses.asdict(settings),
            "normals_given": normals is not None,
            "mesh": mesh.steps,
            "asked": field.asked,
            "warnings": _warnings(sides, scale),
        },
    )


def _where(photo: Photo, found: FoundPerson, placement: Placement) -> dict[str, Any]:
    """What info tells of the place of the person and of the mesh."""
    crop = photo.crop_to_source(found.crop)
    return {
        "crop": {"x": crop.x, "y": crop.y, "side": crop.side},
        "box": list(found.source_box),
        "people": [list(box) for box in found.everybody],
        "camera": {"metres_per_unit": placement.metres_per_unit, "offset": list(placement.offset)},
    }


def in_camera_space(result: Reconstruction) -> Reconstruction:
    """The same mesh in the cube [-1, 1]^3 of its crop: x right, y up, z toward the viewer."""
    camera = result.info["camera"]
    placement = Placement(camera["metres_per_unit"], tuple(camera["offset"]))
    vertices = placement.blender_to_camera(result.vertices).astype(np.float32)
    return dataclasses.replace(result, vertices=vertices)


def _in_blender(placement: Placement, vertices: Vertices) -> NDArray[np.float32]:
    return placement.camera_to_blender(vertices).astype(np.float32)


def _silhouette(sight: Sight) -> Callable[[Crop], Mask]:
    return lambda crop: sight.mask(crop, sight.normals(crop), sight.preset.coarse_size)


def _person(sight: Sight, found: FoundPerson, maps: NormalMaps | None) -> NDArray[np.bool_]:
    """(S, S) bool: where in the crop the found person is, S the preset's coarse size."""
    mask = sight.mask(found.crop, maps, sight.preset.coarse_size)
    person = person_part(mask, found.crop, found.box)
    if not person.any():
        hint = "Draw the person box around the whole person, or choose another picture."
        raise EngineError("no_person", "No person was found where the picture was looked at.", hint)
    return person


def _first_look(
    sight: Sight, coarse: Features, person: NDArray[np.bool_], batch: int, ask: Ask
) -> Field | None:
    """The preview's field, of the coarse level alone; None where that sees no body or answers nonsense: the
    search that counts asks the fine level, and has the last word."""
    try:
        return _occupancy(sight, coarse, person, PREVIEW_NODES, batch, lambda *_: ask(), PREVIEW_NODES // 2)
    except EngineError as error:
        if error.code not in ("no_person", "broken_field"):
            raise
        return None


def _occupancy(
    sight: Sight, features: Features, person: NDArray[np.bool_], resolution: int, batch: int,
    progress: ProgressCallback, coarsest: int = COARSEST,
) -> Field:
    """Localise the surface inside the silhouette."""
    where = surface_device(sight.device)
    columns = torch.from_numpy(_hull_columns(person, resolution)).to(where)
    reference = first_points(columns, NORM_POINTS, coarsest)
    fixed = sight.network.with_norms(features, reference.to(sight.device))

    many = torch.get_num_threads()

    def query(points: torch.Tensor) -> torch.Tensor:
        with threads(many):
            return sight.occupancy(fixed, points)

    def tick(share: float) -> None:
        progress("surface", math.floor(99 * share), 100, "%")

    # networks without a silhouette of their own are asked as they were published
    filling = Filling(person, where) if sight.preset.has_mask else None
    with threads(1):
        return localise(query, columns, batch, tick, filling, coarsest)


def _hull_columns(person: NDArray[np.bool_], resolution: int) -> NDArray[np.bool_]:
    """(r, r) bool [x, y]: grid columns within the slightly widened silhouette (S, S)."""
    side = person.shape[0]
    reach = max(1, round(HULL * side))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    wide = cv2.dilate(person.astype(np.uint8), kernel) > 0
    nodes = grid_to_camera(np.arange(resolution), resolution)
    image = camera_to_image(np.stack([nodes, nodes, np.zeros_like(nodes)], axis=1))
    texel = np.clip(np.round(image_to_texel(image[:, :2], side)), 0, side - 1).astype(np.intp)
    return np.asarray(wide[texel[:, 1][None, :], texel[:, 0][:, None]])


@dataclass(frozen=True)
class _Mesh:
    """vertices (V, 3) float32 in camera space, faces (F, 3 or 4) int32; before they were reduced to the
    settings' face count: whole_vertices, whole_faces. steps: what each step did, JSON-able."""

    vertices: Vertices
    faces: Faces
    whole_vertices: Vertices
    whole_faces: Faces
    steps: dict[str, Any]


@threads(1)
def _mesh(
    field: Field, person: NDArray[np.bool_], settings: Settings, ask: Ask, maps: NormalMaps | None = None
) -> _Mesh:
    """maps: what the surface follows; None for networks that are taken as they were published."""
    ask()
    device = field.corners.device
    vertices, faces = surface_nets(field) if settings.topology == "quads" else isosurface(field, ask)
    steps: dict[str, Any] = {"topology": settings.topology, "extracted": len(faces)}
    ask()
    if settings.clean:
        vertices, faces, dropped = keep_person(vertices, faces, person, device)
        steps["dropped"] = dataclasses.asdict(dropped)
    if maps is not None:
        front, back = (some[0].float().permute(1, 2, 0) for some in (maps.front, maps.back))
        followed = follow_normals(vertices, faces, front, back, field.resolution, ask, device)
        steps["relief"] = round(float(np.abs(followed - vertices).max()), 4)
        vertices = followed
    if settings.smooth:
        vertices = smooth(vertices, faces, settings.smooth, ask)
        steps["smoothed"] = settings.smooth
    ask()
    fewer_vertices, fewer_faces = vertices, faces
    if settings.faces:
        fewer_vertices, fewer_faces = decimate(vertices, faces, settings.faces, ask)
        steps["reduced"] = len(fewer_faces)
    return _Mesh(fewer_vertices, fewer_faces, vertices, faces, steps)


@threads(1)
def _colours(
    mesh: _Mesh, sight: Sight, crop: Crop, person: NDArray[np.bool_], back: NDArray[np.uint8] | None,
    scale: Scale, resolution: int, kind: str, ask: Ask,
) -> NDArray[np.uint8]:
    """(V, 3) uint8 sRGB for the vertices of a mesh from a grid of a resolution; kind: settings' colour; back:
    as for `colour_vertices`."""
    if kind == "none":
        return np.full((len(mesh.vertices), 3), UNCOLOURED, dtype=np.uint8)
    if kind == "normals":
        return normal_colours(normals_of(mesh.vertices, mesh.faces))
    square = cut(sight.picture, crop, "edge")
    if crop.side > LARGEST_COLOUR_CROP:
        square = resize(square, LARGEST_COLOUR_CROP, True)
    colours = colour_vertices(
        mesh.whole_vertices, mesh.whole_faces, square, person, resolution, scale.metres_per_unit, back, ask,
        surface_device(sight.device))
    ask()
    if mesh.vertices is mesh.whole_vertices:
        return colours
    return nearest_colours(colours, mesh.whole_vertices, mesh.vertices)


def _back_colour(*maps: NormalMaps | None) -> NDArray[np.uint8] | None:
    """(S, S, 3) uint8 sRGB of the side that is not seen, from the first that tells it."""
    told = [some.back_colour for some in maps if some is not None and some.back_colour is not None]
    return _picture(told[0]) if told else None


def _normal_picture(normals: torch.Tensor) -> NDArray[np.uint8]:
    return _picture((normals.float().clamp(-1, 1) + 1) / 2)


def _channels_last(values: torch.Tensor) -> NDArray[np.float32]:
    """(1, 3, S, S) as (S, S, 3)."""
    return np.ascontiguousarray(values[0].float().permute(1, 2, 0).cpu().numpy())


def _picture(values: torch.Tensor) -> NDArray[np.uint8]:
    """(1, 3, S, S) in [0, 1] as (S, S, 3) bytes."""
    return np.asarray(np.round(_channels_last(values) * 255), dtype=np.uint8)


def _warnings(sides: tuple[str, ...], scale: Scale) -> list[str]:
    warnings: list[str] = []
    if sides:
        where = listed([Sentence(side) for side in sides], ", ")
        warnings.append(Sentence(
            "The person reaches the picture's border ({sides}): what lies beyond is missing.", sides=where))
    if scale.source == "estimate":
        warnings.append(
            "The person is not seen standing from head to feet, so the scale is estimated from what is seen; "
            "set the span to give it yourself.")
    return warnings


@contextmanager
def _exact_arithmetic() -> Iterator[None]:
    """The same bytes each time, and true float32 rather than TF32 on NVIDIA devices."""
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield
