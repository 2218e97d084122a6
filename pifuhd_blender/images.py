# SPDX-License-Identifier: GPL-3.0-or-later
"""From a picture in Blender, or a file, to what is sent to the engine."""

from __future__ import annotations

import os
import re
from pathlib import Path

import bpy
import numpy as np

from .engine.errors import EngineError
from .engine.sentences import Sentence

# First bytes of the files that go to the engine as they are, so that it sees the photo's orientation tag.
_PNG, _JPEG, _BMP = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM"
_TIFF = (b"II*\x00", b"MM\x00*")
LARGEST_FILE = 256 * 1024 * 1024  # bytes; a photograph is far below, and a video picked by mistake is not

Picture = bytes | np.ndarray
"""Bytes of a PNG, JPEG, WebP, TIFF or BMP file; or (H, W, 4) uint8 sRGB + straight alpha, top row first."""


def is_reference(item: bpy.types.Object | None) -> bool:
    """Whether an object is an image empty with an image."""
    return (
        item is not None
        and item.type == 'EMPTY'
        and item.empty_display_type == 'IMAGE'
        and item.data is not None
    )


def is_encoded_photo(data: bytes) -> bool:
    """Whether data starts like a file the engine decodes itself."""
    return data.startswith((_PNG, _JPEG, _BMP, *_TIFF)) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")


def read_file(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a photo's file. Raises EngineError "bad_image" where there is none or it is no photo."""
    file = Path(path)
    if not file.is_file():
        raise EngineError(
            "bad_image", Sentence("There is no file {file}.", file=file), "Check the path of the photo."
        )
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise EngineError(
                "bad_image",
                Sentence("{file} is larger than {size} MiB.", file=file.name, size=LARGEST_FILE >> 20),
                "Choose a still photograph.",
            )
        data = file.read_bytes()
    except OSError as error:
        raise EngineError(
            "io",
            Sentence("{file} cannot be read: {reason}.", file=file.name, reason=error.strerror or error),
            "Check the file and its permissions.",
        ) from error
    if not is_encoded_photo(data):
        raise EngineError(
            "bad_image",
            Sentence("{file} is not a picture the engine can read.", file=file.name),
            "Use a PNG, JPEG, WebP, TIFF or BMP file.",
        )
    return data


def encode(image: bpy.types.Image | None) -> Picture:
    """What the engine gets for a Blender image: its file where it is unchanged, else its pixels.

    Raises EngineError "bad_image" for None, for images without pixels and for movies.
    """
    if image is None:
        raise EngineError("bad_image", "No image is chosen.", "Open a photo of one person in the PIFuHD tab.")
    if image.source == 'MOVIE':
        raise EngineError(
            "bad_image", Sentence("{image} is a movie.", image=image.name), "Choose a still photograph."
        )
    if image.source == 'VIEWER':
        raise EngineError(
            "bad_image",
            Sentence("{image} has no pixels that can be read.", image=image.name),
            "Save it as a file and open that file.",
        )
    if image.source == 'FILE' and not image.is_dirty:
        data = _file_bytes(image)
        if data is not None and len(data) <= LARGEST_FILE and is_encoded_photo(data):
            return data
    return pixels(image, linear=image.is_float)


def _file_bytes(image: bpy.types.Image) -> bytes | None:
    if image.packed_file is not None:
        return bytes(image.packed_file.data)
    path = Path(bpy.path.abspath(image.filepath, library=image.library))
    # The pixels in memory serve where the file has gone since it was opened.
    return path.read_bytes() if image.filepath and path.is_file() and os.access(path, os.R_OK) else None


def pixels(image: bpy.types.Image, *, linear: bool) -> np.ndarray:
    """(H, W, 4) uint8, top row first. linear: as for to_rgba8. Raises EngineError "bad_image"."""
    values = np.empty(len(image.pixels), np.float32)  # asking for the length loads the image
    width, height = image.size
    if width == 0 or height == 0 or values.size == 0:
        if image.source == 'FILE' and image.packed_file is None:
            raise EngineError(
                "bad_image",
                Sentence(
                    "The file of {image} cannot be read: {file}.",
                    image=image.name,
                    file=image.filepath or Sentence("it has none"),
                ),
                "Open the photo again, or use File > External Data > Find Missing Files.",
            )
        raise EngineError(
            "bad_image",
            Sentence("{image} has no pixels.", image=image.name),
            "Open a photo of one person instead.",
        )
    image.pixels.foreach_get(values)
    values = values.reshape(height, width, image.channels)[::-1]
    return to_rgba8(values, linear=linear)


def pack(image: bpy.types.Image) -> None:
    """Pack the pixels. Blender packs only what counts as changed: not what was pasted, nor a copy."""
    image.pixels[0] = image.pixels[0]
    image.pack()


def to_rgba8(values: np.ndarray, *, linear: bool) -> np.ndarray:
    """(H, W, C) float32 with C of 1 to 4 -> (H, W, 4) uint8 RGBA.

    linear: scene linear, premultiplied alpha, as Blender keeps float images; else sRGB, straight alpha.
    """
    height, width, channels = values.shape
    alpha = values[..., channels - 1 :] if channels in (2, 4) else np.ones((height, width, 1), np.float32)
    colour = values[..., :3] if channels >= 3 else np.repeat(values[..., :1], 3, axis=2)
    if linear:
        colour = colour / np.maximum(alpha, 1e-6)
        colour = np.where(
            colour <= 0.0031308, colour * 12.92, 1.055 * np.maximum(colour, 0.0031308) ** (1 / 2.4) - 0.055
        )
    rgba = np.concatenate([colour, alpha], axis=2)
    return np.ascontiguousarray(np.rint(np.clip(np.nan_to_num(rgba), 0.0, 1.0) * 255.0).astype(np.uint8))


def object_name(image_name: str) -> str:
    """ "person.jpg" and Blender's "person.jpg.001" -> "person"; a name without a file's ending stays."""
    name = re.sub(r"\.\d{3}$", "", image_name)
    return re.sub(r"\.[A-Za-z][A-Za-z0-9]{1,4}$", "", name) or image_name
