# SPDX-License-Identifier: GPL-3.0-or-later
"""From a picture file to the square crop with the person in its middle.

Nothing here shrinks the picture itself, so that a user's box stays in the pixels of the file; what is heavy
works on reduced crops.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from .errors import EngineError
from .space import Crop

Picture = NDArray[np.uint8]
Mask = NDArray[np.float32]
Box = tuple[float, float, float, float]

SMALLEST_SIDE = 16  # pixels; below it there is nothing to see
PERSON_SHARE = 0.86  # the person's larger extent over the crop's side, as in training
SMALLEST_PERSON = 0.008  # of the square's area: smaller components of the mask are noise
MID_GREY = 127.5  # what alpha is composited over: 0.5, as the released weights expect
DRAW_BOX = "Draw the box around the whole person."
CHANGE_PICTURE = "Choose a PNG, JPEG, WebP, TIFF or BMP picture."


def load_photo(source: str | os.PathLike[str] | bytes) -> Picture:
    """Decode a picture, turned upright, in sRGB.

    source: a path or the encoded bytes. Returns (H, W, 3) or, where the file has transparency, (H, W, 4)
    uint8 RGB(A), alpha straight. EXIF orientation and colour profiles are applied; grey, palette, CMYK and
    16 bit become 8-bit RGB; of an animation the first frame is taken.
    Raises EngineError bad_image when it is missing, unreadable, empty, broken, tiny, or larger than 179
    megapixels.
    """
    if isinstance(source, bytes):
        data, name = source, "The picture"
    else:
        name = f"The picture {os.fspath(source)!r}"
        try:
            data = Path(source).read_bytes()
        except FileNotFoundError as error:
            raise EngineError("bad_image", f"{name} does not exist.", "Check the path.") from error
        except OSError as error:
            text = f"{name} cannot be read ({error.strerror})."
            raise EngineError("bad_image", text, "Choose a file that you may read.") from error
    if not data:
        raise EngineError("bad_image", f"{name} is empty.", CHANGE_PICTURE)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our limit is Pillow's error
            opened = Image.open(io.BytesIO(data))
            picture = _to_rgb(ImageOps.exif_transpose(opened))
    except Image.DecompressionBombError as error:
        raise EngineError("bad_image", f"{name} is too large.", "Scale it below 100 megapixels.") from error
    except UnidentifiedImageError as error:
        raise EngineError("bad_image", f"{name} is not in a known picture format.", CHANGE_PICTURE) from error
    except (OSError, SyntaxError, ValueError, EOFError, IndexError) as error:  # what Pillow's decoders raise
        raise EngineError("bad_image", f"{name} is damaged.", "Save it anew or choose another.") from error
    return check_picture(np.asarray(picture))


def _to_rgb(picture: Image.Image) -> Image.Image:
    """Any Pillow mode to RGB or RGBA in sRGB."""
    if picture.mode.startswith("I"):  # 16 (or 32 in name) bit grey, which convert() would clip at 255
        grey = np.asarray(picture).astype(np.float64)
        return Image.fromarray(np.round(np.clip(grey / 257.0, 0, 255)).astype(np.uint8)).convert("RGB")
    if picture.mode == "F":  # float grey, by convention 0..1
        grey = np.nan_to_num(np.asarray(picture).astype(np.float64))
        return Image.fromarray(np.round(np.clip(grey, 0, 1) * 255).astype(np.uint8)).convert("RGB")
    picture = _to_srgb(picture)
    return picture.convert("RGBA" if picture.has_transparency_data else "RGB")


def _to_srgb(picture: Image.Image) -> Image.Image:
    """Apply an embedded profile: phones save Display P3, and CMYK has no meaning without one."""
    profile = picture.info.get("icc_profile")
    if not profile or picture.mode not in ("RGB", "RGBA", "CMYK"):
        return picture
    mode = "RGBA" if picture.mode == "RGBA" else "RGB"
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        turned = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, OSError):
        return picture  # a profile that is broken or of another mode says nothing: viewers take sRGB then too
    return picture if turned is None else turned


def check_picture(image: NDArray[Any]) -> Picture:
    """Return image if (H, W, 3 or 4) uint8 and at least 16 pixels each way; else EngineError bad_image."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (3, 4):
        text = f"The picture's array is {image.dtype} {image.shape}, not 8-bit RGB or RGBA."
        raise EngineError("bad_image", text, "Convert it to 8-bit RGB.")
    if min(image.shape[:2]) < SMALLEST_SIDE:
        text = f"The picture is only {image.shape[1]} x {image.shape[0]} pixels."
        raise EngineError("bad_image", text, "Choose one in which the person is at least 200 pixels tall.")
    return np.asarray(image)


def has_cutout(image: Picture) -> bool:
    """Whether alpha tells the person from the rest: parts mostly transparent, parts mostly opaque."""
    if image.shape[2] != 4:
        return False
    alpha = image[..., 3]
    return bool(alpha.min() < 128 <= alpha.max())


def composite(image: Picture) -> Picture:
    """(H, W, 3 or 4) to (H, W, 3) uint8, alpha composited over mid-grey."""
    if image.shape[2] == 3:
        return image
    if image[..., 3].min() == 255:
        return np.array(image[..., :3])
    alpha = image[..., 3:].astype(np.float32) / 255.0
    mixed = image[..., :3].astype(np.float32) * alpha + MID_GREY * (1.0 - alpha)
    return np.asarray(np.round(mixed), dtype=np.uint8)


def whole_picture(image: Picture) -> Crop:
    """The smallest centred square that holds the whole picture."""
    height, width = image.shape[:2]
    side = max(height, width)
    return Crop((width - side) // 2, (height - side) // 2, side)


def crop_around(box: Box) -> Crop:
    """The square centred on a box (x0, y0, x1, y1, source pixels) whose larger extent fills 86 % of it."""
    x0, y0, x1, y1 = box
    side = max(SMALLEST_SIDE, round(max(x1 - x0, y1 - y0) / PERSON_SHARE))
    return Crop(round((x0 + x1 - side) / 2), round((y0 + y1 - side) / 2), side)


def cut(image: NDArray[Any], crop: Crop, padding: str) -> NDArray[Any]:
    """Cut a crop out of (H, W) or (H, W, C); returns (side, side[, C]).

    padding: what lies outside the picture, "black" (zeros) or "edge" (the nearest pixel).
    Raises EngineError bad_settings when the crop does not touch the picture.
    """
    height, width = image.shape[:2]
    left, top = max(crop.x, 0), max(crop.y, 0)
    right, bottom = min(crop.x + crop.side, width), min(crop.y + crop.side, height)
    if left >= right or top >= bottom:
        raise EngineError("bad_settings", "The person box lies outside the picture.", DRAW_BOX)
    border = cv2.BORDER_REPLICATE if padding == "edge" else cv2.BORDER_CONSTANT
    inner = np.ascontiguousarray(image[top:bottom, left:right])
    margins = (top - crop.y, crop.y + crop.side - bottom, left - crop.x, crop.x + crop.side - right)
    return np.asarray(cv2.copyMakeBorder(inner, *margins, border, value=(0, 0, 0, 0)))


def resize(picture: NDArray[Any], side: int, antialias: bool) -> NDArray[Any]:
    """Resize a square picture to side x side, half-pixel centres.

    antialias False: plain bilinear however large the step, what the released weights were trained on;
    True: area averaging where the picture shrinks, so that a large photograph does not turn to noise.
    """
    shrink = antialias and picture.shape[0] > side
    kind = cv2.INTER_AREA if shrink else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (side, side), interpolation=kind))


def coverage(image: Picture, crop: Crop, side: int) -> Mask:
    """How far the picture itself says that a pixel can hold the person: (side, side) float32 in [0, 1].

    0 outside the picture; inside it alpha where that is a cut-out, else 1.
    """
    shape = image.shape[:2]
    known = image[..., 3] if has_cutout(image) else np.full(shape, 255, dtype=np.uint8)
    return (resize(cut(known, crop, "black"), side, antialias=True) / 255.0).astype(np.float32)


def largest_part(mask: Mask) -> NDArray[np.bool_]:
    """The largest 8-connected part of mask > 0.5: same shape, bool; all False when there is none."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((mask > 0.5).astype(np.uint8), connectivity=8)
    if count < 2:
        return np.zeros(mask.shape, dtype=np.bool_)
    return np.asarray(labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])))


def part_box(part: NDArray[np.bool_]) -> Box:
    """The box (x0, y0, x1, y1) of a non-empty bool map, in its pixels, x1 and y1 exclusive."""
    columns, rows = np.flatnonzero(part.any(axis=0)), np.flatnonzero(part.any(axis=1))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def box_to_source(box: Box, crop: Crop, side: int) -> Box:
    """A box in pixels of the crop resized to side x side, to source pixels."""
    x0, y0, x1, y1 = crop.crop_to_source(np.array(box).reshape(2, 2), side).ravel().tolist()
    return x0, y0, x1, y1


def find_person(image: Picture, box: Box | None, predict_mask: Callable[[Crop], Mask | None]) -> Crop:
    """The square crop around the person.

    image: (H, W, 3 or 4) uint8. box: the user's, source pixels, or None.
    predict_mask: crop -> (S, S) float32 in [0, 1], the networks' mask (0 outside the picture), or None from
    presets without normal networks, which then see the whole picture. Order: the user's box, a cut-out's
    alpha, the networks (once on the whole picture, once more on the crop that gives).
    Raises EngineError no_person when the networks find nobody, bad_settings for a box outside the picture.
    """
    if box is not None:
        height, width = image.shape[:2]
        inside = (max(box[0], 0.0), max(box[1], 0.0), min(box[2], float(width)), min(box[3], float(height)))
        if inside[2] - inside[0] < 8 or inside[3] - inside[1] < 8:
            text = "The person box lies outside the picture or is smaller than 8 pixels."
            raise EngineError("bad_settings", text, DRAW_BOX)
        return crop_around(inside)
    if has_cutout(image):
        return crop_around(part_box(largest_part(image[..., 3].astype(np.float32) / 255.0)))
    crop = whole_picture(image)
    for attempt in range(2):
        mask = predict_mask(crop)
        if mask is None:
            break
        part = largest_part(mask)
        if part.mean() >= SMALLEST_PERSON:
            crop = crop_around(box_to_source(part_box(part), crop, mask.shape[0]))
        elif attempt == 0:
            hint = "Draw a box around the person, or choose a picture that shows one whole person."
            raise EngineError("no_person", "No person was found in the picture.", hint)
    return crop


def cut_sides(part: NDArray[np.bool_], crop: Crop, image: Picture) -> list[str]:
    """At which sides of the picture the person is cut: names out of left, top, right, bottom.

    part: (S, S) bool, the person in the crop. Touching means: within one and a half of its pixels.
    """
    if not part.any():
        return []
    side = part.shape[0]
    x0, y0, x1, y1 = box_to_source(part_box(part), crop, side)
    near = 1.5 * crop.side / side
    height, width = image.shape[:2]
    touched = {"left": x0 < near, "top": y0 < near, "right": x1 > width - near, "bottom": y1 > height - near}
    return [name for name, touches in touched.items() if touches]
