"""Backgrounds for training pictures, and the person's shadow on them."""

from .cast import cast_shadow
from .photograph import photographic_background

__all__ = ["cast_shadow", "photographic_background"]
