# SPDX-License-Identifier: GPL-3.0-or-later
"""What the messages of a job carry: the photo to the engine, meshes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from . import protocol
from .errors import EngineError
from .protocol import Message
from .sentences import Sentence

NormalMaps: TypeAlias = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]
"""The maps of front and back, (S,S,3) uint8 as in Result."""


@dataclass(frozen=True)
class Result:
    """A reconstruction as it came from the engine.

    vertices (V,3) float32, Blender frame (x right, y away from the viewer, z up), metres, feet on z = 0;
    faces (F,3|4) int32, counter-clockwise seen from outside, each in [0, V); colors (V,4) uint8 sRGB, alpha
    255; normals_front, normals_back (S,S,3) uint8, (n + 1) / 2, or None where the preset has no normal
    networks; info: what made it (crop, preset, settings, versions, warnings).
    """

    vertices: npt.NDArray[np.float32]
    faces: npt.NDArray[np.int32]
    colors: npt.NDArray[np.uint8]
    normals_front: npt.NDArray[np.uint8] | None
    normals_back: npt.NDArray[np.uint8] | None
    info: dict[str, Any]


@dataclass(frozen=True)
class Preview:
    """The coarse mesh of a job that still runs: vertices (V,3) float32, faces (F,3) int32 and colors (V,4)
    uint8 as in Result; info: its crop, box, people and camera.
    """

    vertices: npt.NDArray[np.float32]
    faces: npt.NDArray[np.int32]
    colors: npt.NDArray[np.uint8]
    info: dict[str, Any]


def photo(image: bytes | npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.uint8]]:
    """The arrays of a `reconstruct`: an image file's bytes, or (H,W,3|4) uint8 pixels.

    Raises EngineError("bad_image") for what the protocol does not carry.
    """
    name, array = (
        ("pixels", image) if isinstance(image, np.ndarray) else ("encoded", np.frombuffer(image, np.uint8))
    )
    if not _fits(name, array):
        raise EngineError(
            "bad_image",
            Sentence(
                "The photo is empty, too large, or of the wrong kind ({dtype} {shape}).",
                dtype=array.dtype,
                shape=array.shape,
            ),
            "Use a JPEG or PNG photo of at most 100 megapixels.",
        )
    if array.nbytes > protocol.MAX_ARRAY:
        raise EngineError(
            "bad_image",
            Sentence(
                "The photo is too large: {width} x {height} pixels.",
                width=array.shape[1],
                height=array.shape[0],
            ),
            "Scale it down to at most 100 megapixels.",
        )
    return {name: array}


def normals(maps: NormalMaps) -> dict[str, npt.NDArray[np.uint8]]:
    """The arrays of a `reconstruct` that hold normal maps.

    Raises EngineError("bad_image") for what the protocol does not carry.
    """
    arrays = dict(zip(("normals_front", "normals_back"), maps, strict=True))
    for name, array in arrays.items():
        if not _fits(name, array):
            raise EngineError(
                "bad_image",
                Sentence(
                    "A normal map is empty, too large, or of the wrong kind ({dtype} {shape}).",
                    dtype=array.dtype,
                    shape=array.shape,
                ),
                "Use the maps of a reconstruction.",
            )
    return arrays


def _fits(name: str, array: npt.NDArray[Any]) -> bool:
    """Whether an array is one that a `reconstruct` may have under a name."""
    rule = protocol.ARRAYS["reconstruct"][name]
    return (
        array.dtype == rule.dtype
        and array.ndim == len(rule.shape)
        and all(low <= n <= high for n, (low, high) in zip(array.shape, rule.shape, strict=True))
    )


def fault(message: Message) -> str:
    """What is wrong with the mesh of a `preview` or a `done`, "" where nothing is.

    Blender reads meshes without bounds checks: a wrong index would crash it.
    """
    vertices, faces, colors = (message.arrays[name] for name in ("vertices", "faces", "colors"))
    if faces.min() < 0 or faces.max() >= len(vertices) or len(colors) != len(vertices):
        return "the mesh's faces or colours do not fit its vertices"
    if not np.isfinite(vertices).all():
        return "the mesh has a vertex that is not finite"
    return ""


def preview(message: Message) -> Preview:
    """The mesh of a `preview` without fault."""
    return Preview(**message.arrays, info=message.fields["info"])


def result(done: Message) -> Result:
    """The reconstruction of a `done` without fault."""
    arrays = done.arrays
    return Result(
        arrays["vertices"],
        arrays["faces"],
        arrays["colors"],
        arrays.get("normals_front"),
        arrays.get("normals_back"),
        done.fields["info"],
    )
