"""Pictures side by side: the photograph beside rows of renders, on a light page. NumPy only.

Pictures are float32 (H, W, 3) sRGB in [0, 1], first row at the top.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]

PAGE = (1.0, 1.0, 1.0)
PANEL = (0.925, 0.925, 0.92)  # behind the renders: light, yet white clothes still show their outline
GAP = 10  # pixels between pictures and around the page


def _weights(source: int, target: int) -> Picture:
    """(target, source) matrix of a triangle filter as wide as a target pixel: no aliasing when shrinking."""
    centres = (np.arange(target) + 0.5) * source / target - 0.5
    reach = max(source / target, 1.0)
    weights = np.clip(1.0 - np.abs(np.arange(source)[None] - centres[:, None]) / reach, 0.0, None)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)


def resize(picture: Picture, height: int, width: int) -> Picture:
    """`picture` (H, W, C) at (height, width, C), filtered."""
    rows = np.tensordot(_weights(picture.shape[0], height), picture, axes=(1, 0))
    resized = np.tensordot(_weights(picture.shape[1], width), rows, axes=(1, 1)).transpose(1, 0, 2)
    return np.asarray(resized, dtype=np.float32)


def over(picture: NDArray[np.float32], background: Sequence[float] = PANEL) -> Picture:
    """`picture` (H, W, 4), straight alpha, on a plain `background`."""
    alpha = picture[..., 3:]
    return np.asarray(picture[..., :3] * alpha + np.asarray(background, np.float32) * (1 - alpha), np.float32)


def compose(photo: Picture, rows: Sequence[Sequence[Picture]]) -> Picture:
    """`photo` at the left, as tall as all `rows` together, and the rows of equal renders at its right.

    A photograph wider than it is tall is shown whole, centred on a square panel, so that it never
    outgrows the renders. Raises ValueError when the renders differ in size or number a row.
    """
    height, width = rows[0][0].shape[:2]
    if any(len(row) != len(rows[0]) or cell.shape != (height, width, 3) for row in rows for cell in row):
        raise ValueError("the renders of a sheet must be equally many a row and equally large")
    tall = len(rows) * height + (len(rows) - 1) * GAP
    scale = tall / max(photo.shape[:2])
    shown = resize(photo, round(photo.shape[0] * scale), round(photo.shape[1] * scale))
    wide = shown.shape[1]
    page = np.empty((tall + 2 * GAP, wide + 2 * GAP + len(rows[0]) * (width + GAP), 3), np.float32)
    page[:] = PAGE
    page[GAP : GAP + tall, GAP : GAP + wide] = PANEL
    top = GAP + (tall - shown.shape[0]) // 2
    page[top : top + shown.shape[0], GAP : GAP + wide] = shown
    for i, row in enumerate(rows):
        for j, cell in enumerate(row):
            y, x = GAP + i * (height + GAP), 2 * GAP + wide + j * (width + GAP)
            page[y : y + height, x : x + width] = cell
    return page
