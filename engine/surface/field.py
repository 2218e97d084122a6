# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left of an occupancy grid once its surface is found: the cells that the surface crosses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Values = NDArray[np.float32]

LEVEL: Final = 0.5
"""The occupancy of the surface; a node is inside where its own is larger."""
CORNERS: Final = np.array([(i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1)], dtype=np.int64)
"""(8, 3): a cell's corners from its lowest one, in the order of `Field.corners`."""


@dataclass(frozen=True)
class Field:
    """Occupancy around its surface, on a grid of resolution nodes a side of the cube.

    cells: (C, 3) int64, grid index of the lowest corner of each cell whose eight corners disagree about 0.5,
    in the order (x, y, z); -1..resolution - 1, for what lies outside the grid is 0 too. corners: (C, 8)
    float32 in [0, 1], in the order (0, 0, 0), (0, 0, 1), (0, 1, 0), ... (1, 1, 1) of (x, y, z): the networks'
    own answers at the ends of edges that the surface crosses, and at all corners of a cell with a face whose
    corners disagree crosswise; of others no more than their side of 0.5 may be relied on. Both lie on one
    device. asked: how many nodes the networks were asked for.
    """

    cells: Tensor
    corners: Tensor
    resolution: int
    asked: int

    def crossing_cells(self) -> tuple[Tensor, Tensor]:
        """cells and corners: all that a mesh of the surface is made from."""
        return self.cells, self.corners
