# SPDX-License-Identifier: GPL-3.0-or-later
"""From the bytes of a picture file to an upright 8-bit picture in sRGB."""

from __future__ import annotations

import io
import os
import struct
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageCms, UnidentifiedImageError

from ..errors import EngineError
from ..sentences import Sentence
from .deep import decode_deep, eight_bit
from .picture import WORKING_SIDE, Photo, Picture, check_size, reduced, reduction

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "AVIF")
"""What is opened, whatever the file's suffix says. Pillow would also run Ghostscript on an EPS file."""
MOST_PIXELS = 2**28  # 268 megapixels, 1 GiB decoded; phones take up to 200
DAMAGES = (OSError, SyntaxError, ValueError, EOFError, IndexError, RuntimeError, TypeError, struct.error)
"""What the decoders raised for 110,000 damaged files: 16 kinds of picture with a few bytes changed."""
ORIENTATION = 0x0112  # the tag's number
CHANGE_PICTURE = "Choose a PNG, JPEG, WebP, TIFF, BMP, GIF or AVIF picture."

# Pillow refuses pictures of twice this many pixels before it decodes them. Its own limit is 179 megapixels.
Image.MAX_IMAGE_PIXELS = MOST_PIXELS // 2


def load_photo(source: str | os.PathLike[str] | bytes, limit: int = WORKING_SIDE) -> Photo:
    """Decode a picture, turned upright, in sRGB, its longer side reduced to at most limit pixels.

    source: a path or the encoded bytes. The pixels have alpha, straight, where the file has transparency.
    EXIF orientation and colour profiles are applied; grey, palette, CMYK, 16 bit and float (0 to 1) become
    8-bit RGB, premultiplied alpha becomes straight; of an animation the first frame is taken.
    Memory: JPEG is decoded at the reduced size; other formats as a whole at four bytes a pixel, then reduced
    strip by strip. Peak of a process that loads 11648 x 8736 pixels (102 megapixels): JPEG 133 MiB,
    progressive JPEG 363, PNG with 8 or 16 bit 478, TIFF 480, with LZW 698; 47 MiB of it are the libraries.
    Raises EngineError bad_image when it is missing, unreadable, empty, broken, smaller than 16 pixels a side
    or larger than 268 megapixels, and out_of_memory when it does not fit.
    """
    if isinstance(source, bytes):
        name = Sentence("The picture")
    else:
        name = Sentence("The picture {file}", file=repr(os.fspath(source)))
    with _opened(source, name) as stream:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Pillow warns of what is decoded or refused all the same
                return _decoded(stream, limit)
        except Image.DecompressionBombError as error:
            raise _too_large(name) from error
        except UnidentifiedImageError as error:
            text = Sentence("{name} is not in a known picture format.", name=name)
            raise EngineError("bad_image", text, CHANGE_PICTURE) from error
        except MemoryError as error:
            text = Sentence("{name} does not fit into memory.", name=name)
            raise EngineError("out_of_memory", text, "Scale it down, or close other programs.") from error
        except DAMAGES as error:
            text = Sentence("{name} is damaged or of an unusual kind.", name=name)
            raise EngineError("bad_image", text, "Save it anew as PNG or JPEG, or choose another.") from error


def _opened(source: str | os.PathLike[str] | bytes, name: str) -> BinaryIO:
    """The file to read from, not empty. A file of the disk is not read into memory as a whole."""
    if isinstance(source, bytes):
        stream: BinaryIO = io.BytesIO(source)
        length = len(source)
    else:
        path = Path(source)
        try:
            if path.exists() and not path.is_file():  # reading a pipe would wait for ever
                raise EngineError(
                    "bad_image", Sentence("{name} cannot be read: it is no file.", name=name), CHANGE_PICTURE
                )
            stream = path.open("rb")
            length = path.stat().st_size
        except FileNotFoundError as error:
            raise EngineError(
                "bad_image", Sentence("{name} does not exist.", name=name), "Check the path."
            ) from error
        except (OSError, ValueError) as error:  # ValueError: a path with a zero byte in it
            reason = getattr(error, "strerror", None) or error
            text = Sentence("{name} cannot be read ({reason}).", name=name, reason=reason)
            raise EngineError("bad_image", text, "Choose a file that you may read.") from error
    if not length:
        stream.close()
        raise EngineError("bad_image", Sentence("{name} is empty.", name=name), CHANGE_PICTURE)
    return stream


def _too_large(name: str) -> EngineError:
    return EngineError(
        "bad_image", Sentence("{name} is too large.", name=name), "Scale it below 100 megapixels."
    )


def _decoded(stream: BinaryIO, limit: int) -> Photo:
    try:
        opened = Image.open(stream, formats=FORMATS)
    except UnidentifiedImageError:
        stream.seek(0)
        return decode_deep(stream, limit)  # Pillow knows no colour TIFF beyond 16 bit
    width, height = opened.size
    check_size((width, height), limit)
    factor = reduction((width, height), limit)
    drawn = opened.draft(None, (width // factor, height // factor))  # JPEG only: at 1/2, 1/4 or 1/8
    done = 1 if drawn is None else round(width / drawn[1][2])
    opened.load()
    if drawn is None:
        width, height = opened.size  # Pillow turns TIFF upright itself, and only now
    pixels = reduced(lambda top, bottom: _to_rgb(opened.crop((0, top, opened.width, bottom))), opened.size,
                     factor // done)
    return _upright(pixels, factor, (width, height), opened.getexif().get(ORIENTATION))


def _upright(pixels: Picture, scale: int, stored: tuple[int, int], orientation: object) -> Photo:
    """A Photo of pixels (H, W, C) as they are stored, turned as the value of the orientation tag says.

    stored: the source's (width, height) as stored. Values other than 2 to 8 turn nothing.
    """
    width, height = stored
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
        width, height = height, width
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return Photo(np.ascontiguousarray(pixels), scale, (width, height))


def _to_rgb(picture: Image.Image) -> Image.Image:
    """Any Pillow mode to RGB or RGBA in sRGB."""
    if picture.mode.startswith("I;16"):  # convert() would clip at 255
        return eight_bit(np.asarray(picture), 65535.0)
    if picture.mode == "I":
        return eight_bit(np.asarray(picture).view(np.uint32), 2.0**32 - 1)
    if picture.mode == "F":
        return eight_bit(np.asarray(picture), 1.0)
    if picture.mode == "La":  # grey and premultiplied alpha, which convert() takes one step at a time
        picture = picture.convert("LA")
    if picture.mode not in ("RGB", "RGBA", "CMYK"):
        picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    picture = _to_srgb(picture)
    return picture.convert("RGBA" if picture.has_transparency_data else "RGB")


def _to_srgb(picture: Image.Image) -> Image.Image:
    """Apply an embedded profile: phones save Display P3, and CMYK has no meaning without one."""
    profile = picture.info.get("icc_profile")
    if not profile:
        return picture
    mode = "RGBA" if picture.mode == "RGBA" else "RGB"
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        turned = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, OSError):
        return picture  # a profile that is broken or of another mode says nothing: viewers take sRGB then too
    return picture if turned is None else turned
