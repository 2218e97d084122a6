# SPDX-License-Identifier: GPL-3.0-or-later
"""A pool of people on disk: what every stage of training reads."""

from .build import build_person, build_pool
from .listing import TEST_SEEDS, list_pool, list_views, read_usable
from .people import PackedPerson, read_packed, read_person
from .pictures import PoolFormat, one_view, read_views

__all__ = [
    "TEST_SEEDS",
    "PackedPerson",
    "PoolFormat",
    "build_person",
    "build_pool",
    "list_pool",
    "list_views",
    "one_view",
    "read_packed",
    "read_person",
    "read_usable",
    "read_views",
]
