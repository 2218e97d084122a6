# SPDX-License-Identifier: GPL-3.0-or-later
"""Telling people apart in a mask, and following one of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.photo import cut_sides, part_box, person_part
from engine.photo.parts import split_people
from engine.space import Crop


def solid(*boxes, side=100):
    mask = np.zeros((side, side), np.bool_)
    for x0, y0, x1, y1 in boxes:
        mask[y0:y1, x0:x1] = True
    return mask


@pytest.mark.parametrize(
    "boxes, people",
    [
        ([(40, 5, 60, 40), (42, 43, 58, 60), (41, 63, 59, 95)], 1),  # divided twice
        ([(20, 10, 45, 90), (48, 10, 70, 90)], 2),  # side by side
        ([(40, 2, 55, 48), (40, 50, 55, 98)], 2),  # two whole people, one above the other
        ([(10, 10, 40, 50), (38, 52, 70, 90)], 2),  # hardly above one another
        ([(40, 10, 60, 50), (40, 52, 60, 90), (80, 80, 82, 82)], 1),  # and a speck
    ],
)
def test_pieces_of_one_person_are_told_from_people(boxes, people):
    parts = split_people(solid(*boxes))
    assert len(parts) == people
    assert sum(part.sum() for part in parts) == sum(
        (b[2] - b[0]) * (b[3] - b[1]) for b in boxes[:3] if b[0] < 80
    )
    assert split_people(solid()) == []


RECTANGLES = st.tuples(*[st.integers(0, 60)] * 2, *[st.integers(1, 39)] * 2)


@settings(max_examples=60, deadline=None)
@given(st.lists(RECTANGLES, min_size=1, max_size=6))
def test_people_never_share_a_pixel_and_the_largest_comes_first(rectangles):
    mask = solid(*[(x, y, x + w, y + h) for x, y, w, h in rectangles])
    parts = split_people(mask)
    stack = np.array(parts).astype(int)
    assert stack.sum(axis=0).max() == 1
    assert (stack.any(axis=0) <= mask).all()
    areas = stack.sum(axis=(1, 2)).tolist()
    assert areas == sorted(areas, reverse=True)
    assert areas[-1] >= 0.08 * areas[0]


def test_a_person_touching_a_neighbour_is_followed_only_a_little_way():
    view = np.zeros((100, 100), np.float32)
    view[20:80, 20:90] = 1  # two people hand in hand, of whom the box holds the left one
    part = person_part(view, Crop(0, 0, 100), (20.0, 20.0, 50.0, 80.0))
    assert part_box(part) == (20, 20, 59, 80)  # 15 % of 60 beyond


@pytest.mark.parametrize("doubt, size, filled", [(0.4, 8, True), (0.1, 8, False), (0.4, 3, False)])
def test_what_a_person_encloses_is_theirs_where_the_mask_is_in_doubt(doubt, size, filled):
    mask = solid((30, 10, 70, 90)).astype(np.float32)
    mask[40 : 40 + size, 45 : 45 + size] = doubt
    mask[60:68, 70:78] = 0.4  # beside the person, not enclosed
    part = person_part(mask, Crop(0, 0, 100), (30, 10, 70, 90))
    assert part[40 + size // 2, 45 + size // 2] == filled
    assert part.sum() == 40 * 80 - (0 if filled else size**2)


def test_the_sides_at_which_the_person_is_cut():
    picture = np.zeros((100, 200, 3), dtype=np.uint8)
    crop = Crop(-10, -10, 128)
    part = np.zeros((64, 64), dtype=np.bool_)
    part[10:40, 20:30] = True
    assert cut_sides(part, crop, picture) == ()
    part[20:56, 5:30] = True  # 5 pixels of two are the picture's left, 55 its bottom
    assert cut_sides(part, crop, picture) == ("left", "bottom")
    assert cut_sides(np.zeros_like(part), crop, picture) == ()
