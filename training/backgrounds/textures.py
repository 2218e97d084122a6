"""Noise, colours and repeating materials, the stuff backgrounds are made of.

Pictures are (H, W, 3) and maps (H, W), float32, sRGB values in [0, 1] until they are finished.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Material = Callable[[np.random.Generator, int, int], Array]


def resized(picture: Array, height: int, width: int, smooth: bool = True) -> Array:
    """Scales by cubic (smooth) or nearest-neighbour interpolation."""
    how = cv2.INTER_CUBIC if smooth else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(picture, (width, height), interpolation=how), np.float32)


def blurred(picture: Array, sigma: float) -> Array:
    """Gaussian blur; wide ones are taken at a lower resolution, where they cost a fraction."""
    if sigma < 0.3:
        return picture
    height, width = picture.shape[:2]
    shrink = max(1, min(int(sigma / 2.5), min(height, width) // 8))
    if shrink > 1:
        small = cv2.resize(picture, (width // shrink, height // shrink), interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), sigma / shrink, borderType=cv2.BORDER_REPLICATE)
        return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    soft = cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(soft, np.float32)


def grid(height: int, width: int) -> tuple[Array, Array]:
    """x (W,) and y (H, 1) from 0 to 1 across the picture, to broadcast."""
    x = (np.arange(width) + 0.5) / width
    y = ((np.arange(height) + 0.5) / height)[:, None]
    return x.astype(np.float32), y.astype(np.float32)


def smoothstep(value: Array, low: float, high: float) -> Array:
    """0 below low, 1 above high, smooth between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def noise(
    rng: np.random.Generator,
    height: int,
    width: int,
    cells: float,
    octaves: int = 4,
    fall: float = 0.5,
    stretch: float = 1.0,
) -> Array:
    """Fractal noise (H, W) with mean 0 and deviation 1; `cells` lumps across the picture in the first
    octave, halving in size and weakening by `fall` with each; `stretch` > 1 draws the lumps out sideways.
    """
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        across = max(2, round(cells * 2**octave / stretch))
        down = max(2, round(cells * 2**octave * height / width))
        if across > width or down > height:
            break
        lumps = rng.standard_normal((down + 1, across + 1), dtype=np.float32)
        total += resized(lumps, height, width) * np.float32(fall**octave)
    return np.asarray((total - total.mean()) / (total.std() + 1e-6), np.float32)


def grain(rng: np.random.Generator, height: int, width: int) -> Array:
    """White noise (H, W), deviation 1: a tile of it is shifted about, drawing every pixel would cost 5 ms."""
    tile = rng.standard_normal((128, 128), dtype=np.float32)
    rows, columns = height // 128 + 1, width // 128 + 1
    tiles = [
        [np.roll(tile, tuple(rng.integers(0, 128, 2)), (0, 1)) for _ in range(columns)] for _ in range(rows)
    ]
    return np.asarray(np.block(tiles)[:height, :width], np.float32)


def colour(
    rng: np.random.Generator,
    hue: float | None = None,
    saturation: tuple[float, float] = (0.0, 0.35),
    value: tuple[float, float] = (0.15, 0.9),
) -> Array:
    """A random sRGB colour (3,); without a hue (0 red, 1/3 green, 2/3 blue) warm ones are likelier, as in
    rooms.
    """
    if hue is None:
        hue = rng.normal(0.08, 0.07) if rng.random() < 0.55 else rng.random()
    rgb = colorsys.hsv_to_rgb(hue % 1.0, rng.uniform(*saturation), rng.uniform(*value))
    return np.array(rgb, np.float32)


def tinted(shade: Array, base: Array, variation: Array | None = None) -> Array:
    """(H, W) brightness times a colour (3,) -> (H, W, 3); `variation` (3,) tints by the brightness'
    deviation.
    """
    picture = shade[..., None] * base
    if variation is not None:
        picture = picture + (shade - 1)[..., None] * variation
    return np.asarray(picture, np.float32)


def plaster(rng: np.random.Generator, height: int, width: int) -> Array:
    """A painted, plastered or concrete wall: stains, cloudy patches, pores."""
    rough = rng.uniform(0, 1) ** 2
    shade = 1 + (0.015 + 0.09 * rough) * noise(
        rng, height, width, rng.uniform(2, 5), 5, rng.uniform(0.5, 0.75)
    )
    if rough > 0.25:
        pits = noise(rng, height, width, rng.uniform(25, 60), 2)
        shade -= 0.12 * rough * smoothstep(pits, 1.6, 2.4)
        shade -= 0.05 * rough * np.abs(noise(rng, height, width, 3, 4, stretch=0.3))
    shade += rng.uniform(0.004, 0.03) * grain(rng, height, width)
    base = colour(rng, saturation=(0, 0.25), value=(0.3, 0.95))
    return tinted(shade, base, 0.15 * colour(rng, saturation=(0, 0.6)))


def bricks(rng: np.random.Generator, height: int, width: int) -> Array:
    """Courses of bricks with mortar; every brick has its own tone."""
    rows = int(rng.integers(14, 40))
    tall = max(4, height // rows)
    long = int(tall * rng.uniform(2.2, 3.4))
    row, inner_y = np.divmod(np.arange(height), tall)
    start = (row % 2) * (long // 2)
    column, inner_x = np.divmod(np.arange(width)[None] + start[:, None], long)
    tones = rng.normal(1, rng.uniform(0.04, 0.16), (row[-1] + 1, int(column.max()) + 1)).astype(np.float32)
    joint = max(1, round(tall * rng.uniform(0.06, 0.16)))
    mortar = (inner_y[:, None] < joint) | (inner_x < joint)
    painted = rng.random() < 0.3
    hue = None if painted else float(rng.uniform(0.0, 0.07))
    base = colour(rng, hue, (0, 0.15) if painted else (0.25, 0.6), (0.35, 0.9))
    joints = (
        base * rng.uniform(0.75, 1.0) if painted else colour(rng, saturation=(0, 0.15), value=(0.45, 0.85))
    )
    rough = 1 + 0.07 * noise(rng, height, width, 30, 3) + 0.03 * grain(rng, height, width)
    picture = np.where(mortar[..., None], joints, tones[row[:, None], column][..., None] * base)
    return np.asarray(picture * rough[..., None], np.float32)


def planks(rng: np.random.Generator, height: int, width: int) -> Array:
    """Boards along y with wood grain: floors, fences, panelling."""
    count = int(rng.integers(8, 26))
    board, across = np.divmod(np.arange(width) * count / width, 1.0)
    index = board.astype(int)
    tones = rng.normal(1, rng.uniform(0.03, 0.14), count + 1).astype(np.float32)
    fibres = noise(rng, width, height, 2, 5, 0.8, stretch=0.04).T
    shade = tones[index] * (1 + rng.uniform(0.02, 0.1) * np.roll(fibres, int(rng.integers(width)), 1))
    shade = np.where(across < 0.05, shade * rng.uniform(0.35, 0.9), shade).astype(np.float32)
    return tinted(shade, colour(rng, float(rng.uniform(0.04, 0.11)), (0.1, 0.6), (0.25, 0.85)))


def tiles(rng: np.random.Generator, height: int, width: int) -> Array:
    """Square tiles or paving slabs, sometimes as a chequerboard."""
    count = int(rng.integers(5, 18))
    column, x = np.divmod(np.arange(width) * count / width, 1.0)
    row, y = np.divmod(np.arange(height) * count / width, 1.0)
    columns, rows = column.astype(int)[None], row.astype(int)[:, None]
    tones = rng.normal(1, rng.uniform(0.01, 0.08), (int(rows.max()) + 1, int(columns.max()) + 1))
    shade = tones[rows, columns].astype(np.float32)
    if rng.random() < 0.3:
        shade = shade * np.where((columns + rows) % 2 == 0, 1, rng.uniform(0.3, 0.9)).astype(np.float32)
    joint = rng.uniform(0.015, 0.06)
    shade = np.where((x[None] < joint) | (y[:, None] < joint), rng.uniform(0.4, 1.1), shade)
    shade = shade * (1 + rng.uniform(0.01, 0.06) * noise(rng, height, width, 6, 5, 0.7))
    return tinted(shade.astype(np.float32), colour(rng, saturation=(0, 0.25)))


def ground(rng: np.random.Generator, height: int, width: int) -> Array:
    """Asphalt, gravel, sand, carpet or grass: fine lumps of one tone."""
    grass = rng.random() < 0.3
    base = colour(rng, float(rng.uniform(0.2, 0.32)) if grass else None, (0.25, 0.6) if grass else (0, 0.3))
    lumps = noise(rng, height, width, rng.uniform(3, 60), 5, rng.uniform(0.6, 0.95))
    shade = 1 + rng.uniform(0.03, 0.16) * lumps + rng.uniform(0.0, 0.08) * grain(rng, height, width)
    return tinted(shade.astype(np.float32), base, 0.3 * base[::-1])


def stripes(rng: np.random.Generator, height: int, width: int) -> Array:
    """Curtains, wallpaper, corrugated sheet, shutters: soft or hard upright or level stripes."""
    upright = rng.random() < 0.7
    length = width if upright else height
    phase = np.arange(length, dtype=np.float32) / length * rng.uniform(6, 40)
    phase += rng.uniform(0, 0.8) * noise(rng, 2, length, rng.uniform(4, 12), 2)[0]
    wave = np.sin(2 * np.pi * phase)
    if rng.random() < 0.4:
        wave = np.sign(wave) * 0.7
    shade = 1 + rng.uniform(0.03, 0.3) * (wave[None] if upright else wave[:, None])
    shade = np.broadcast_to(shade, (height, width)) * (1 + 0.03 * noise(rng, height, width, 3, 4))
    return tinted(shade.astype(np.float32), colour(rng, saturation=(0, 0.6)))


WALLS: tuple[Material, ...] = (plaster, plaster, plaster, bricks, planks, stripes, tiles)
FLOORS: tuple[Material, ...] = (planks, tiles, ground, ground, plaster)


def pick(rng: np.random.Generator, materials: tuple[Material, ...], height: int, width: int) -> Array:
    """A picture (H, W, 3) of one of the materials."""
    return materials[int(rng.integers(len(materials)))](rng, height, width)
