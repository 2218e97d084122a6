"""Backgrounds for training pictures, and the person's shadow on them."""

from .bank import build_backgrounds
from .cast import cast_shadow
from .photograph import photographic_background

__all__ = ["build_backgrounds", "cast_shadow", "photographic_background"]
