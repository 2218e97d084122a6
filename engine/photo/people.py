# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the people are: the user's box, a cut-out's alpha, or what the networks tell apart from the rest."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ..errors import EngineError
from ..sentences import Sentence
from ..space import Crop
from .crop import DRAW_BOX, crop_around, cut, has_cutout, whole_picture
from .parts import Part, box_to_source, part_box, person_part, split_people
from .picture import Box, Photo, Picture
from .views import PredictMask, mosaic, tiles

SMALLEST_BOX = 8  # source pixels
SMALLEST_PERSON = 0.008  # of a view's area: smaller parts of the mask are noise
MOST_LOOKS = 3  # at one person, each in the crop around what the one before found
GROWN = 0.05  # of the crop's side: a box that grew by most of its crop's margin, 0.07, may go on beyond it
MOST_TILES = 8  # along the longer side of a panorama, less the overlaps
WIDE = 1.6  # longer over shorter side; beyond it one who is as tall as the picture is small in its square


@dataclass(frozen=True)
class FoundPerson:
    """A person in a picture.

    box: x0, y0, x1, y1 in working pixels; source_box: the same in source pixels. crop: the square to
    reconstruct, working pixels. area: of the silhouette, source pixels (of the box, where the user drew it).
    cut: at which sides of the picture the person ends, out of left, top, right, bottom. everybody: the source
    boxes of all who were found with the person, the largest first; empty where nobody was looked for.
    """

    box: Box
    source_box: Box
    crop: Crop
    area: float
    cut: tuple[str, ...]
    everybody: tuple[Box, ...] = field(default=(), compare=False)


def choose_person(photo: Photo, box: Box | None, number: int, predict_mask: PredictMask) -> FoundPerson:
    """The person to reconstruct, and the square crop around them.

    box: the user's, source pixels, or None; it comes first, and the part outside the picture is left out.
    number: which of find_people, 1 is the largest. Someone found by the networks is looked at a second time,
    in their own crop. Raises EngineError no_person when nobody is found, bad_settings for a box outside the
    picture or smaller than 8 pixels, or when there are fewer people than number.
    """
    if box is not None:
        return _in_users_box(photo, box)
    people = find_people(photo, predict_mask)
    if not people:
        hint = "Draw a box around the person, or choose a picture that shows one whole person."
        raise EngineError("no_person", "No person was found in the picture.", hint)
    if number > len(people):
        several = Sentence("{count} people were", count=len(people))
        were = Sentence("1 person was") if len(people) == 1 else several
        hint = Sentence("Choose one from 1 to {count}, or draw the box around the person.", count=len(people))
        raise EngineError(
            "bad_settings",
            Sentence("Person {number} was asked for, but {were} found.", number=number, were=were),
            hint,
        )
    found = people[number - 1]
    if not has_cutout(photo.pixels):
        found = _looked_at(photo, found, predict_mask)
    return replace(found, everybody=tuple(person.source_box for person in people))


def _in_users_box(photo: Photo, box: Box) -> FoundPerson:
    width, height = photo.size
    x0, y0, x1, y1 = max(box[0], 0.0), max(box[1], 0.0), min(box[2], float(width)), min(box[3], float(height))
    if x1 - x0 < SMALLEST_BOX or y1 - y0 < SMALLEST_BOX:
        text = "The person box lies outside the picture or is smaller than 8 pixels."
        raise EngineError("bad_settings", text, DRAW_BOX)
    inside = photo.box_to_working((x0, y0, x1, y1))
    return FoundPerson(inside, (x0, y0, x1, y1), crop_around(inside), (x1 - x0) * (y1 - y0), ())


def find_people(photo: Photo, predict_mask: PredictMask) -> list[FoundPerson]:
    """Everybody in a picture, the largest first; empty when nobody is found.

    The alpha channel of a cut-out tells, else the networks: on the whole picture, padded to a square; through
    overlapping squares of the shorter side instead where the picture is wide or tall, because one who fills
    it is small in the padded square; and through squares of half the longer side where nobody was found.
    """
    pixels = photo.pixels
    height, width = pixels.shape[:2]
    canvas = whole_picture(pixels)
    if has_cutout(pixels):
        alpha = cut(pixels[..., 3], canvas, "black")
        return [_found(photo, part, canvas) for part in split_people(alpha >= 128)]
    longer, shorter = max(width, height), min(width, height)
    sides = [longer, longer // 2]
    if longer > WIDE * shorter:
        sides.insert(0, max(shorter, longer // MOST_TILES))
    for side in sides:
        mask = mosaic(canvas, tiles((width, height), side), predict_mask)
        if mask is None:
            whole = (0.0, 0.0, float(width), float(height))
            area = float(photo.size[0] * photo.size[1])
            return [FoundPerson(whole, photo.box_to_source(whole), canvas, area, ())]
        parts = split_people(mask > 0.5)
        if parts and parts[0].mean() * canvas.side**2 >= SMALLEST_PERSON * side**2:
            return [_found(photo, part, canvas) for part in parts]
    return []


def _looked_at(photo: Photo, person: FoundPerson, predict_mask: PredictMask) -> FoundPerson:
    """The same person, found more exactly in their own crop; further crops while they reach out of it."""
    for _ in range(MOST_LOOKS):
        mask = predict_mask(person.crop)
        part = None if mask is None else person_part(mask, person.crop, person.box)
        if part is None or part.mean() < SMALLEST_PERSON:
            return person
        before, person = person, _found(photo, part, person.crop)
        grown = np.array([-1, -1, 1, 1]) * (np.array(person.box) - np.array(before.box))
        if grown.max() < GROWN * before.crop.side:
            break
    return person


def _found(photo: Photo, part: Part, view: Crop) -> FoundPerson:
    """A person from their part (S, S) of a view in working pixels."""
    side = part.shape[0]
    height, width = photo.pixels.shape[:2]
    x0, y0, x1, y1 = box_to_source(part_box(part), view, side)
    box = max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height))
    area = float(part.sum()) * (photo.scale * view.side / side) ** 2
    ends = cut_sides(part, view, photo.pixels)
    return FoundPerson(box, photo.box_to_source(box), crop_around(box), area, ends)


def cut_sides(part: Part, crop: Crop, image: Picture) -> tuple[str, ...]:
    """At which sides of the picture the person is cut: out of left, top, right, bottom.

    part: (S, S) bool, the person in the crop; crop: in pixels of image, (H, W, C). Touching means: within one
    and a half pixels of the part, because the mask of a person who is cut fades towards the frame.
    """
    if not part.any():
        return ()
    side = part.shape[0]
    x0, y0, x1, y1 = box_to_source(part_box(part), crop, side)
    near = 1.5 * crop.side / side
    height, width = image.shape[:2]
    touched = {"left": x0 < near, "top": y0 < near, "right": x1 > width - near, "bottom": y1 > height - near}
    return tuple(name for name, touches in touched.items() if touches)
