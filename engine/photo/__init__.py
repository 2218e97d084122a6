# SPDX-License-Identifier: GPL-3.0-or-later
"""From a picture file to the square crop with the person in its middle."""

from .crop import (
    Mask,
    composite,
    coverage,
    crop_around,
    cut,
    has_cutout,
    network_input,
    resize,
    whole_picture,
)
from .decode import load_photo
from .parts import part_box, person_part
from .people import FoundPerson, choose_person, cut_sides, find_people
from .picture import Box, Photo, Picture, from_pixels

__all__ = [
    "Photo", "Picture", "load_photo", "from_pixels",
    "Box", "FoundPerson", "find_people", "choose_person", "person_part", "part_box", "cut_sides",
    "Mask", "composite", "coverage", "crop_around", "cut", "has_cutout", "network_input", "resize",
    "whole_picture",
]
