# SPDX-License-Identifier: GPL-3.0-or-later
"""What cameras and the web do to pictures: exposure, colour cast, blur, resampling, sensor noise, JPEG."""

from .degrade import degrade, developed, photographed
from .faults import Faults, draw_faults

__all__ = ["Faults", "degrade", "developed", "draw_faults", "photographed"]
