# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking hold of the person box and pulling it."""

import pytest

BOX, SIZE = (20, 10, 80, 90), (100, 100)
ALL = {"left", "top", "right", "bottom"}


@pytest.mark.parametrize(
    "x, y, held",
    [
        (22, 50, {"left"}),
        (50, 88, {"bottom"}),
        (83, 12, {"right", "top"}),
        (50, 50, ALL),
        (10, 50, set()),
        (50, 96, set()),
    ],
)
def test_what_a_pointer_takes_hold_of(ext, x, y, held):
    assert ext.box_geometry.grip(BOX, x, y, 4) == held


def test_in_a_small_box_the_nearer_side_is_held(ext):
    assert ext.box_geometry.grip((0, 0, 6, 100), 5, 50, 10) == {"right"}


@pytest.mark.parametrize(
    "sides, moved, box",
    [
        ({"left"}, (-5, 30), (15, 10, 80, 90)),
        ({"left"}, (200, 0), (72, 10, 80, 90)),
        ({"right"}, (-200, 0), (20, 10, 28, 90)),
        ({"top", "right"}, (50, -50), (20, 0, 100, 90)),
        ({"bottom"}, (0, -500), (20, 10, 80, 18)),
        (ALL, (5, -5), (25, 5, 85, 85)),
        (ALL, (500, 500), (40, 20, 100, 100)),
        (ALL, (-500, -500), (0, 0, 60, 80)),
    ],
)
def test_pulling_keeps_the_box_in_the_picture_and_right_way_round(ext, sides, moved, box):
    assert ext.box_geometry.pulled(BOX, frozenset(sides), *moved, SIZE) == box
