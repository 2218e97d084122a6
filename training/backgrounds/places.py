"""Backgrounds with things in them: rooms, streets, gardens, lights out of focus, landscapes, clutter."""

from __future__ import annotations

import cv2
import numpy as np

from .studio import pool_of_light
from .textures import (
    FLOORS,
    WALLS,
    Array,
    blurred,
    colour,
    grain,
    grid,
    noise,
    pick,
    resized,
    smoothstep,
    tinted,
)


def _defocus(rng: np.random.Generator, width: int, most: float) -> float:
    """A blur in pixels: often sharp, sometimes far out of focus; `most` as a share of the width."""
    return float(rng.random() ** 2 * most * width)


def _receding(rng: np.random.Generator, texture: Array, height: int, width: int) -> Array:
    """Lays a texture onto a floor that recedes: its far edge spans less of the picture than its near one."""
    tall, wide = texture.shape[:2]
    squeeze = rng.uniform(0.15, 0.45)
    slide = rng.uniform(-0.3, 0.3) * wide
    source = np.array([[0, 0], [wide, 0], [wide, tall], [0, tall]], np.float32)
    middle = width / 2 + slide * np.array([-1, -1, 1, 1], np.float32) * 0.3
    half = width * np.array([-1, 1, 1 / squeeze, -1 / squeeze], np.float32) * 0.75
    target = np.stack([middle + half, [0, 0, height, height]], axis=1).astype(np.float32)
    warp = cv2.getPerspectiveTransform(source, target)
    laid = cv2.warpPerspective(
        texture, warp, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(laid, np.float32)


def _box(rng: np.random.Generator, picture: Array, left: int, top: int, right: int, bottom: int) -> None:
    """Draws a shaded thing with straight sides (door, frame, shelf, car side) into the picture, in place."""
    height, width = picture.shape[:2]
    left, right = max(left, 0), min(right, width)
    top, bottom = max(top, 0), min(bottom, height)
    if right - left < 3 or bottom - top < 3:
        return
    tone = colour(rng, saturation=(0, 0.75 if rng.random() < 0.25 else 0.35), value=(0.05, 0.9))
    patch = tone * np.ones((bottom - top, right - left, 1), np.float32)
    slope = np.linspace(1 + rng.normal(0, 0.15), 1 + rng.normal(0, 0.15), right - left, dtype=np.float32)
    patch = patch * slope[None, :, None]
    if rng.random() < 0.4:
        frame = max(1, int(min(patch.shape[:2]) * rng.uniform(0.03, 0.12)))
        inner = colour(rng, saturation=(0, 0.4), value=(0.1, 1.0))
        rest = patch[frame:-frame, frame:-frame]
        if rest.size:
            clouds = noise(rng, rest.shape[0], rest.shape[1], 3, 3)
            rest[:] = inner * (1 + 0.25 * clouds)[..., None]
    picture[top:bottom, left:right] = patch


def room(rng: np.random.Generator, height: int, width: int) -> Array:
    """A wall with doors, frames and furniture, and a floor that recedes."""
    picture = pick(rng, WALLS, height, width)
    edge = int(height * rng.uniform(0.55, 0.9))
    for _ in range(int(rng.integers(0, 6))):
        left, top = rng.integers(-width // 8, width), rng.integers(0, edge)
        wide, tall = width * rng.uniform(0.06, 0.35), height * rng.uniform(0.06, 0.6)
        bottom = edge if rng.random() < 0.5 else min(int(top + tall), edge)
        _box(rng, picture, int(left), int(top), int(left + wide), bottom)
    picture[edge:] = _receding(rng, pick(rng, FLOORS, height, width), height - edge, width)
    picture = picture * pool_of_light(rng, height, width, rng.uniform(0.1, 1.0))[..., None]
    return blurred(np.asarray(picture, np.float32), _defocus(rng, width, 0.02))


def street(rng: np.random.Generator, height: int, width: int) -> Array:
    """House fronts with rows of windows under a sky, a pavement below."""
    picture = sky(rng, height, width)
    edge = int(height * rng.uniform(0.6, 0.88))
    left = int(-width * rng.uniform(0, 0.3))
    while left < width:
        right = left + int(width * rng.uniform(0.15, 0.6))
        top = int(height * rng.uniform(-0.2, 0.35))
        if rng.random() < 0.9:
            _house(rng, picture, left, top, right, edge)
        left = right + (int(width * rng.uniform(0, 0.15)) if rng.random() < 0.3 else 0)
    for _ in range(int(rng.integers(0, 5))):
        middle = int(rng.integers(0, width))
        wide, tall = int(width * rng.uniform(0.02, 0.3)), int(height * rng.uniform(0.05, 0.25))
        _box(rng, picture, middle - wide // 2, edge - tall, middle + wide // 2, edge + tall // 6)
    picture[edge:] = _receding(rng, pick(rng, FLOORS, height, width), height - edge, width)
    picture = picture * pool_of_light(rng, height, width, rng.uniform(0.1, 0.6))[..., None]
    return blurred(np.asarray(picture, np.float32), _defocus(rng, width, 0.025))


def _house(rng: np.random.Generator, picture: Array, left: int, top: int, right: int, bottom: int) -> None:
    """One front with a grid of windows, drawn in place."""
    height, width = picture.shape[:2]
    first, last, roof = max(left, 0), min(right, width), max(top, 0)
    if last - first < 8:
        return
    front = pick(rng, WALLS, height, width)[roof:bottom, first:last] * np.float32(rng.uniform(0.5, 1.1))
    rows, columns = bottom - roof, last - first
    step_x, step_y = width * rng.uniform(0.05, 0.16), height * rng.uniform(0.08, 0.2)
    x = (np.arange(columns) + first - left) / step_x % 1
    y = (np.arange(rows) + roof - top) / step_y % 1
    wide, tall = rng.uniform(0.3, 0.75), rng.uniform(0.4, 0.75)
    pane = ((x < wide)[None] & (y < tall)[:, None]).astype(np.float32)
    beside, above = np.abs(x - wide / 2) < wide / 2 + 0.05, np.abs(y - tall / 2) < tall / 2 + 0.05
    frame = beside[None] & above[:, None]
    glass = colour(rng, float(rng.uniform(0.5, 0.65)), (0, 0.4), (0.08, 0.6))
    reflection = tinted(1 + 0.35 * noise(rng, rows, columns, 8, 3), glass)
    front = np.where(frame[..., None], colour(rng, saturation=(0, 0.2), value=(0.3, 1)), front)
    picture[roof:bottom, first:last] = front * (1 - pane[..., None]) + reflection * pane[..., None]


def sky(rng: np.random.Generator, height: int, width: int) -> Array:
    """A sky from pale at the horizon to blue, grey or evening above, with clouds."""
    _, y = grid(height, width)
    above = colour(rng, float(rng.normal(0.58, 0.03)), (0.05, 0.6), (0.45, 0.95))
    below = colour(rng, float(rng.choice([0.58, 0.1])), (0, 0.3), (0.7, 1.0))
    t = smoothstep(y, 0, rng.uniform(0.5, 1.1))[..., None]
    picture = np.broadcast_to(above * (1 - t) + below * t, (height, width, 3))
    clouds = smoothstep(noise(rng, height, width, 3, 5, 0.55, stretch=0.6), rng.uniform(-0.5, 1), 2.5)
    clouds = clouds[..., None] * np.float32(rng.uniform(0, 0.9))
    return np.asarray(picture * (1 - clouds) + clouds * np.float32(0.95), np.float32)


def foliage(rng: np.random.Generator, height: int, width: int) -> Array:
    """Leaves in layers from dark to sunlit, trunks, grass or a path below, sky through the gaps."""
    hue = float(rng.uniform(0.14, 0.36)) if rng.random() < 0.85 else float(rng.uniform(0.02, 0.12))
    picture = sky(rng, height, width) if rng.random() < 0.5 else np.zeros((height, width, 3), np.float32)
    picture = picture + colour(rng, hue, (0.3, 0.7), (0.03, 0.15))
    for layer in range(4):
        cells = rng.uniform(4, 10) * 1.7**layer
        leaves = smoothstep(noise(rng, height, width, cells, 4, 0.75), -0.6 + 0.3 * layer, 0.1 + 0.3 * layer)
        bright = (0.1 + 0.12 * layer, 0.25 + 0.2 * layer)
        tone = colour(rng, hue + float(rng.normal(0, 0.02)), (0.25, 0.7), bright)
        lit = tinted(1 + 0.3 * noise(rng, height, width, 12, 4, 0.8), tone)
        picture = picture * (1 - leaves[..., None]) + lit * leaves[..., None]
        if layer == 1:
            for _ in range(int(rng.integers(0, 4))):
                middle, half = int(rng.integers(0, width)), int(width * rng.uniform(0.005, 0.04)) + 1
                bark = colour(rng, 0.07, (0.1, 0.5), (0.08, 0.4))
                picture[:, max(0, middle - half) : middle + half] = bark
    if rng.random() < 0.8:
        edge = int(height * rng.uniform(0.6, 0.95))
        picture[edge:] = _receding(rng, pick(rng, FLOORS[2:], height, width), height - edge, width)
    return blurred(np.asarray(picture, np.float32), _defocus(rng, width, 0.04))


def lights_out_of_focus(rng: np.random.Generator, height: int, width: int) -> Array:
    """Any place far out of focus, with discs where small lights were."""
    scene = (room, street, foliage, clutter)[int(rng.integers(4))](rng, height // 4, width // 4)
    picture = resized(blurred(scene, rng.uniform(0.015, 0.06) * width / 4), height, width)
    picture = picture * np.float32(rng.uniform(0.3, 1.0))
    discs = np.zeros_like(picture)
    radius = width * rng.uniform(0.01, 0.05)
    hue = float(rng.uniform(0.05, 0.15))
    for _ in range(int(rng.integers(0, 60))):
        centre = (int(rng.integers(0, width)), int(rng.integers(0, height)))
        tone = colour(rng, hue if rng.random() < 0.7 else float(rng.random()), (0.1, 0.7), (0.2, 1.0))
        strength = float(rng.uniform(0.1, 0.8))
        disc = tuple(float(c) * strength for c in tone)
        cv2.circle(discs, centre, int(radius * rng.uniform(0.6, 1.2)) + 1, disc, -1, cv2.LINE_AA)
    discs = blurred(discs, max(0.8, radius * 0.06))
    return np.asarray(1 - (1 - np.clip(picture, 0, 1)) * (1 - discs), np.float32)


def clutter(rng: np.random.Generator, height: int, width: int) -> Array:
    """Heaps of textured shapes in no order: shelves, markets, crowds, whatever stands about."""
    picture = pick(rng, WALLS + FLOORS, height, width)
    fills = [pick(rng, WALLS + FLOORS, height, width) for _ in range(2)]
    for _ in range(int(rng.integers(8, 40))):
        centre = rng.uniform(0, 1, 2) * (width, height)
        size = width * rng.uniform(0.02, 0.22)
        corners = int(rng.integers(3, 8))
        if rng.random() < 0.5:
            angles = np.array([0.25, 0.75, 1.25, 1.75]) * np.pi + rng.normal(0, 0.08)
            reach = size * np.array([1, 1, 1, 1]) * rng.uniform(0.4, 1.4)
        else:
            angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
            reach = size * rng.uniform(0.5, 1.3, corners)
        points = (
            centre + np.stack([np.cos(angles), np.sin(angles) * rng.uniform(0.5, 2.5)], 1) * reach[:, None]
        )
        stencil = np.zeros((height, width), np.uint8)
        cv2.fillPoly(stencil, [points.round().astype(np.int32)], 1, cv2.LINE_AA)
        inside = stencil > 0
        tone = colour(rng, float(rng.random()), (0, 0.65), (0.1, 1.1))
        fill = fills[int(rng.integers(2))][inside] if rng.random() < 0.4 else np.float32(1)
        ramp = 1 + rng.normal(0, 0.25) * (np.nonzero(inside)[1] / width - centre[0] / width)
        picture[inside] = fill * tone * ramp[:, None]
    picture = picture * pool_of_light(rng, height, width, rng.uniform(0.1, 1.0))[..., None]
    return blurred(np.asarray(picture, np.float32), _defocus(rng, width, 0.04))


def landscape(rng: np.random.Generator, height: int, width: int) -> Array:
    """Sky over hazy hills or the sea, open ground in front."""
    picture = sky(rng, height, width)
    _, y = grid(height, width)
    horizon = rng.uniform(0.35, 0.75)
    haze = picture[int(horizon * height) - 1].mean(0)
    for layer in range(int(rng.integers(1, 4))):
        rise = rng.uniform(0.0, 0.08) * noise(rng, 2, width, rng.uniform(1.5, 6), 5)[0]
        top = horizon + 0.04 * layer - 0.03 + np.minimum(rise, 0.3)
        hill = colour(rng, float(rng.uniform(0.1, 0.6)), (0.1, 0.5), (0.2, 0.6))
        near = np.float32(0.3 + 0.25 * layer)
        tone = tinted(1 + 0.1 * noise(rng, height, width, 12, 4, 0.7), hill * near + haze * (1 - near))
        below = smoothstep(np.asarray(y - top, np.float32), 0, 0.004)[..., None]
        picture = picture * (1 - below) + tone * below
    edge = int(height * min(0.95, horizon + rng.uniform(0.06, 0.25)))
    picture[edge:] = _receding(rng, pick(rng, FLOORS[2:], height, width), height - edge, width)
    picture = picture * (1 + 0.01 * grain(rng, height, width))[..., None]
    return blurred(np.asarray(picture, np.float32), _defocus(rng, width, 0.02))
