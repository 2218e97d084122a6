"""Synthetic dressed people: a CC0 body, draped garments, hair, poses and colours from one seed."""

from .generate import make_person
from .person import Person

__all__ = ["Person", "make_person"]
