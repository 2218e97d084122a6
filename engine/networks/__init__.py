"""The networks of PIFuHD as pure modules; key names follow the released checkpoint."""

from .normal import NormalMaps
from .pifuhd import Features, PIFuHD

__all__ = ["Features", "NormalMaps", "PIFuHD"]
