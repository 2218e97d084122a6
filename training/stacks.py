# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that hold many pictures of one size, written once and read by memory mapping."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .whole import written_whole


def write_stack(path: Path, count: int, shape: tuple[int, ...], pictures: Iterable[NDArray[Any]]) -> None:
    """Write `count` uint8 pictures of one shape as a (count, *shape) .npy, one after the other, so that only
    one is in memory. The file appears when it is whole. Raises ValueError where the disk takes no more.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as partial, partial.open("wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": (count, *shape)}
            np.lib.format.write_array_header_1_0(file, header)
            for picture in pictures:
                file.write(np.ascontiguousarray(picture, np.uint8).tobytes())
    except OSError as error:
        raise ValueError(
            f"Could not write {path} ({error.strerror}): free some space or name another folder."
        ) from error
