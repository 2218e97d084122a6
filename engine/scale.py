# SPDX-License-Identifier: GPL-3.0-or-later
"""How many metres a camera unit is: from what the user knows, the mesh's extent, or the networks' estimate.

The height a user sets is the person's stature. The mesh's extent is that stature only for somebody upright
who is seen whole; of a sitting, jumping, bent or cut person the networks tell how many statures the crop
spans instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

AGREEMENT = 0.15
"""|log(extent / stature)| up to which somebody seen whole counts as upright: sitting is at 0.25 and more."""


@dataclass(frozen=True)
class Scale:
    """metres_per_unit: of a camera unit, half the crop's side. source: "span" (the user gave it), "extent"
    (of the mesh) or "estimate" (of the networks). statures: the mesh's vertical extent over the estimated
    stature, None without an estimate.
    """

    metres_per_unit: float
    source: str
    statures: float | None


def find_scale(
    vertices: NDArray[np.floating[Any]],
    stature: float,
    span: float | None,
    estimate: float | None,
    whole: bool,
) -> Scale:
    """The scale of a mesh.

    vertices: (V, 3) camera space. stature: metres. span: metres that the crop's side measures, if the user
    gave them. estimate: statures that the crop's side measures, if a network told. whole: whether the person
    is seen from head to feet. Raises ValueError when the mesh has no vertical extent and nothing else tells.
    """
    extent = float(np.ptp(vertices[:, 1]))
    statures = None if estimate is None else extent / (2.0 / estimate)
    if span is not None:
        return Scale(span / 2.0, "span", statures)
    upright = statures is None or (whole and abs(math.log(max(statures, 1e-6))) <= AGREEMENT)
    if estimate is not None and not upright:
        return Scale(stature * estimate / 2.0, "estimate", statures)
    if not extent > 0:
        raise ValueError("the vertices have no vertical extent")
    return Scale(stature / extent, "extent", statures)
