# SPDX-License-Identifier: GPL-3.0-or-later
"""The main path: photo -> crop -> normals -> features -> surface -> cleaned, coloured mesh."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from .colour import colour_vertices
from .errors import EngineError, ProgressCallback
from .networks import NormalMaps
from .photo import (
    Box,
    FoundPerson,
    Mask,
    Photo,
    Picture,
    choose_person,
    composite,
    coverage,
    cut,
    cut_sides,
    from_pixels,
    network_input,
    part_box,
    person_part,
    resize,
)
from .space import Crop, camera_to_image, grid_to_camera, image_to_texel, stand_on_floor
from .surface.cleanup import keep_person, smooth
from .surface.isosurface import isosurface
from .surface.localise import Field, localise
from .version import VERSION
from .weights import LoadedWeights

DEVICES = ("auto", "cpu", "cuda", "mps")
HULL = 0.012  # of the crop: how far outside the silhouette the surface may reach
LARGEST_COLOUR_CROP = 2048  # pixels; finer than the vertices of the finest grid
UNCOLOURED = 200  # sRGB grey of a mesh without colours
POINT_BATCH = 65536


@dataclass(frozen=True)
class Settings:
    """What a user may choose for a reconstruction. EngineError bad_settings for values out of range."""

    resolution: int = 256  # nodes a side of the occupancy grid: 64..512 in steps of 32
    height: float = 1.75  # metres, 0.1..10: the vertical extent of the mesh
    box: Box | None = None  # x0, y0, x1, y1 around the person, source pixels; None: found by itself
    smooth: int = 0  # Taubin iterations, 0..50
    colour: bool = True  # take colours from the photo; else plain grey
    weights: str | None = None  # path of the weights file, for whoever loads it; None: the embedded one
    device: str = "auto"  # one of DEVICES

    def __post_init__(self) -> None:
        _check(_is_int(self.resolution) and 64 <= self.resolution <= 512 and self.resolution % 32 == 0,
               f"The resolution {self.resolution!r} is not one of 64, 96, ... 512.", "Choose 256.")
        _check(_is_number(self.height) and 0.1 <= self.height <= 10.0,
               f"The height {self.height!r} is not between 0.1 and 10 metres.", "Give it in metres, as 1.75.")
        _check(_is_int(self.smooth) and 0 <= self.smooth <= 50,
               f"The smoothing {self.smooth!r} is not a whole number from 0 to 50.", "Choose 0.")
        _check(isinstance(self.colour, bool), f"The colour setting {self.colour!r} is not a truth value.",
               "Choose true or false.")
        _check(self.weights is None or isinstance(self.weights, str),
               f"The weights setting {self.weights!r} is not a path.", "Give the path of a weights file.")
        _check(self.device in DEVICES, f"The device {self.device!r} is unknown.",
               f"Choose one of {', '.join(DEVICES)}.")
        if self.box is not None:
            whole = isinstance(self.box, tuple) and len(self.box) == 4 and all(map(_is_number, self.box))
            _check(whole and self.box[0] < self.box[2] and self.box[1] < self.box[3],
                   f"The person box {self.box!r} is not x0, y0, x1, y1 with x0 < x1 and y0 < y1.",
                   "Draw it around the person again.")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Settings from the link or the command line; EngineError bad_settings on unknown keys."""
        names = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(str(key) for key in values if key not in names)
        known = f"Known are {', '.join(sorted(names))}."
        _check(not unknown, f"There are unknown settings: {', '.join(unknown)}.", known)
        box = values.get("box")
        return cls(**{**values, "box": tuple(box) if isinstance(box, list) else box})


@dataclass(frozen=True)
class Reconstruction:
    """A person as a closed, coloured mesh.

    vertices: (V, 3) float32, Blender frame, metres; feet on z = 0, the bounding box centred on x = y = 0,
    facing -Y. faces: (F, 3) int32, counter-clockwise seen from outside. colors: (V, 4) uint8 sRGB, alpha 255.
    normals_front, normals_back: (S, S, 3) uint8, (n + 1) / 2, camera space; None without normal networks.
    info: JSON-able: crop, preset, weights, device, versions, settings, asked (points), warnings.
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    colors: NDArray[np.uint8]
    normals_front: NDArray[np.uint8] | None
    normals_back: NDArray[np.uint8] | None
    info: dict[str, Any]


def reconstruct(
    image: Photo | Picture, weights: LoadedWeights, settings: Settings, progress: ProgressCallback
) -> Reconstruction:
    """Reconstruct the person in a picture.

    image: a Photo, or (H, W, 3 or 4) uint8 RGB(A), upright. progress may raise Cancelled, which passes on.
    The same input gives the same bytes on the same machine. Moves weights.network to the settings' device.
    Raises EngineError: bad_image, bad_settings, no_person, broken_field, out_of_memory.
    """
    photo = image if isinstance(image, Photo) else from_pixels(image)
    device = choose_device(settings.device)
    with _memory_errors_named(device), torch.inference_mode(), _exact_arithmetic():
        sight = _Sight(photo.pixels, weights, device)

        progress("photo", 0, 1, "pictures")
        found = choose_person(photo, settings.box, 1, sight.mask)
        crop = found.crop
        progress("photo", 1, 1, "pictures")

        progress("normals", 0, 1, "maps")
        maps = sight.normals(crop)
        person = sight.person(found, maps)
        progress("normals", 1, 1, "maps")

        field = _occupancy(sight, crop, maps, person, settings.resolution, progress)

    vertices, faces, _ = keep_person(*isosurface(field), person)
    if settings.smooth:
        vertices = smooth(vertices, faces, settings.smooth)
    progress("surface", 100, 100, "%")

    progress("colour", 0, 1, "meshes")
    colors = np.full((len(vertices), 4), 255, dtype=np.uint8)
    if settings.colour:
        colors[:, :3] = colour_vertices(vertices, faces, sight.colour_crop(crop), person, settings.resolution)
    else:
        colors[:, :3] = UNCOLOURED
    progress("colour", 1, 1, "meshes")

    source_crop = photo.crop_to_source(crop)
    placement = stand_on_floor(vertices, settings.height / float(np.ptp(vertices[:, 1])))
    return Reconstruction(
        vertices=placement.camera_to_blender(vertices).astype(np.float32),
        faces=faces,
        colors=colors,
        normals_front=None if maps is None else _normal_picture(maps.front),
        normals_back=None if maps is None else _normal_picture(maps.back),
        info={
            "crop": {"x": source_crop.x, "y": source_crop.y, "side": source_crop.side},
            "preset": weights.preset.name,
            "weights": weights.sha256,
            "device": device.type,
            "versions": {"engine": VERSION, "torch": str(torch.__version__), "numpy": np.__version__},
            "settings": dataclasses.asdict(settings),
            "asked": field.asked,
            "warnings": _warnings(photo.pixels, crop, person),
        },
    )


def choose_device(name: str) -> torch.device:
    """The device for a setting of DEVICES; EngineError bad_settings when this machine has none such."""
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if present[kind])
    text = f"This machine has no {name} device that PyTorch can use."
    _check(present[name], text, "Choose the device auto.")
    return torch.device(name)


class _Sight:
    """The picture as the networks of one weights file see it."""

    def __init__(self, image: Picture, weights: LoadedWeights, device: torch.device) -> None:
        self.image, self.device, self.preset = image, device, weights.preset
        # float32 convolutions of few channels run up to five times slower on a CPU in the default layout.
        layout = torch.channels_last if device.type == "cpu" else torch.contiguous_format
        self.layout = layout
        self.network = weights.network.to(device)
        self.network.to(memory_format=layout)  # type: ignore[call-overload]  # missing in torch's signatures
        self.picture = composite(image)

    def tensor(self, crop: Crop, side: int) -> torch.Tensor:
        """The crop as (1, 3, side, side) float32 in [-1, 1]."""
        values = network_input(self.picture, crop, side, self.preset.padding)
        tensor = torch.from_numpy(values).to(self.device)
        return tensor.contiguous(memory_format=self.layout)

    def normals(self, crop: Crop) -> NormalMaps | None:
        """The maps of a crop; None for presets without normal networks."""
        maps: NormalMaps | None = self.network.predict_normals(self.tensor(crop, self.preset.coarse_size))
        return maps

    def mask(self, crop: Crop) -> Mask | None:
        """The networks' silhouette (S, S) float32 in [0, 1], 0 outside the picture and where alpha is."""
        maps = self.normals(crop)
        return None if maps is None else self._limited(crop, maps)

    def _limited(self, crop: Crop, maps: NormalMaps | None) -> Mask:
        allowed = coverage(self.image, crop, self.preset.coarse_size)
        return allowed if maps is None else allowed * maps.mask[0, 0].float().cpu().numpy()

    def person(self, found: FoundPerson, maps: NormalMaps | None) -> NDArray[np.bool_]:
        """(S, S) bool: where the person is; without normal networks and cut-out, the whole picture."""
        person = person_part(self._limited(found.crop, maps), found.crop, found.box)
        hint = "Draw the person box around the whole person, or choose another picture."
        if not person.any():
            raise EngineError("no_person", "No person was found where the picture was looked at.", hint)
        return person

    def colour_crop(self, crop: Crop) -> Picture:
        square = cut(self.picture, crop, "edge")
        return resize(square, LARGEST_COLOUR_CROP, True) if crop.side > LARGEST_COLOUR_CROP else square


def _occupancy(
    sight: _Sight, crop: Crop, maps: NormalMaps | None, person: NDArray[np.bool_], resolution: int,
    progress: ProgressCallback,
) -> Field:
    """Encode the crop and localise its surface inside the silhouette."""
    progress("features", 0, 1, "maps")
    preset = sight.preset
    fine = sight.tensor(crop, preset.fine_size) if preset.fine_size else None
    features = sight.network.encode(sight.tensor(crop, preset.coarse_size), fine, maps)
    progress("features", 1, 1, "maps")

    def query(points: NDArray[np.float32]) -> NDArray[np.float32]:
        answer = sight.network.occupancy(features, torch.from_numpy(points).to(sight.device))
        values: NDArray[np.float32] = answer.float().cpu().numpy()
        return values

    progress("surface", 0, 100, "%")
    return localise(query, _hull_columns(person, resolution), POINT_BATCH,
                    lambda share: progress("surface", math.floor(99 * share), 100, "%"))


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


def _normal_picture(normals: torch.Tensor) -> NDArray[np.uint8]:
    pixels = ((normals[0].float().clamp(-1, 1) + 1) * 127.5).round().byte()
    picture: NDArray[np.uint8] = pixels.permute(1, 2, 0).contiguous().cpu().numpy()
    return picture


def _warnings(image: Picture, crop: Crop, person: NDArray[np.bool_]) -> list[str]:
    found = []
    x0, y0, x1, y1 = part_box(person)
    sides = cut_sides(person, crop, image)
    if sides:
        text = f"The person reaches the picture's border ({', '.join(sides)}): what lies beyond is missing"
        upright_cut = {"top", "bottom"} & set(sides)
        found.append(text + (", and the height is that of the visible part." if upright_cut else "."))
    if x1 - x0 > y1 - y0:
        found.append("The person is wider than tall: the height is the mesh's vertical extent.")
    return found


@contextmanager
def _exact_arithmetic() -> Iterator[None]:
    """The same bytes each time, and true float32 rather than TF32 on NVIDIA devices."""
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield


@contextmanager
def _memory_errors_named(device: torch.device) -> Iterator[None]:
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # torch's CUDA error is a RuntimeError too
        text = str(error).lower()
        full = isinstance(error, MemoryError) or "out of memory" in text or "allocate memory" in text
        if not full:
            raise
        if device.type == "cuda":
            torch.cuda.empty_cache()
        hint = "Lower the resolution, close other programs, " + (
            "or set the device to cpu." if device.type != "cpu" else "or use the compact weights.")
        raise EngineError("out_of_memory", f"The {device.type} device ran out of memory.", hint) from error


def _check(holds: bool, text: str, hint: str) -> None:
    if not holds:
        raise EngineError("bad_settings", text, hint)


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
