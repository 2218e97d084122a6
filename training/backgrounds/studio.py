"""Plain backgrounds: seamless paper, painted or concrete walls, a wall with a floor, lit unevenly."""

from __future__ import annotations

import numpy as np

from .textures import FLOORS, Array, colour, grain, grid, noise, pick, plaster, smoothstep, tinted


def pool_of_light(rng: np.random.Generator, height: int, width: int, strength: float) -> Array:
    """(H, W) brightness about 1 with a soft spot, a slope and a vignette."""
    x, y = grid(height, width)
    spot_x, spot_y = rng.uniform(0.1, 0.9), rng.uniform(-0.1, 0.8)
    reach = rng.uniform(0.3, 0.9)
    spot = np.exp(-((x - spot_x) ** 2 + (y - spot_y) ** 2) / (2 * reach**2))
    slope = rng.normal(0, 0.5) * (x - 0.5) + rng.normal(0, 0.5) * (y - 0.5)
    corners = ((x - 0.5) ** 2 + (y - 0.5) ** 2) * rng.uniform(0, 1)
    shade = 1 + strength * (spot - spot.mean() + 0.5 * slope - corners)
    return np.asarray(np.clip(shade, 0.1, 1.6), np.float32)


def paper_colour(rng: np.random.Generator) -> Array:
    """White and greys as often as colours, and strong colours as often as muted ones."""
    kind = rng.choice(["white", "grey", "black", "muted", "strong"], p=[0.25, 0.25, 0.06, 0.22, 0.22])
    if kind == "white":
        return colour(rng, saturation=(0, 0.04), value=(0.88, 1.0))
    if kind == "grey":
        return colour(rng, saturation=(0, 0.08), value=(0.2, 0.85))
    if kind == "black":
        return colour(rng, saturation=(0, 0.2), value=(0.02, 0.15))
    if kind == "muted":
        return colour(rng, float(rng.random()), (0.08, 0.4), (0.3, 0.95))
    # reds and blues first: clothes and skin must not be told from the ground by colour alone
    hue = rng.choice([0.0, 0.6, 0.1, 0.35, rng.random()], p=[0.3, 0.3, 0.1, 0.1, 0.2])
    return colour(rng, float(hue + rng.normal(0, 0.03)), (0.5, 0.95), (0.35, 0.95))


def seamless_paper(rng: np.random.Generator, height: int, width: int) -> Array:
    """Paper that runs from the wall onto the floor in one sweep."""
    shade = pool_of_light(rng, height, width, rng.uniform(0, 1) ** 1.5 * 0.9)
    _, y = grid(height, width)
    if rng.random() < 0.6:
        edge, soft = rng.uniform(0.6, 0.95), rng.uniform(0.02, 0.3)
        shade = shade * (1 + rng.normal(0, 0.12) * smoothstep(y, edge - soft, edge + soft))
    if rng.random() < 0.3:
        shade = shade * (1 + 0.02 * noise(rng, height, width, 3, 3))
    shade = shade + rng.uniform(0, 0.008) * grain(rng, height, width)
    return tinted(np.asarray(shade, np.float32), paper_colour(rng))


def painted_backdrop(rng: np.random.Generator, height: int, width: int) -> Array:
    """The mottled canvas of portrait studios: two colours, cloudily mixed."""
    clouds = smoothstep(noise(rng, height, width, rng.uniform(1.5, 5), 4, 0.6), -2, 2)[..., None]
    first, second = paper_colour(rng), paper_colour(rng)
    second = first + (second - first) * np.float32(rng.uniform(0.1, 0.5))
    shade = pool_of_light(rng, height, width, rng.uniform(0.1, 0.9))[..., None]
    return np.asarray((first * clouds + second * (1 - clouds)) * shade, np.float32)


def wall_and_floor(rng: np.random.Generator, height: int, width: int) -> Array:
    """A bare wall, most often with a floor, a dark line where they meet and sometimes a skirting board."""
    picture = plaster(rng, height, width) * pool_of_light(rng, height, width, rng.uniform(0, 0.6))[..., None]
    if rng.random() < 0.75:
        edge = int(height * rng.uniform(0.7, 0.97))
        board = int(height * rng.uniform(0.01, 0.04)) if rng.random() < 0.4 else 0
        if board:
            picture[edge - board : edge] = colour(rng, saturation=(0, 0.1), value=(0.3, 0.98))
        floor = pick(rng, FLOORS, height - edge, width)
        fade = pool_of_light(rng, height, width, rng.uniform(0, 0.6))[edge:, :, None]
        picture[edge:] = floor * fade
        _, y = grid(height, width)
        seam = np.exp(-np.abs(y - edge / height) / rng.uniform(0.005, 0.04)) * rng.uniform(0.05, 0.35)
        picture = picture * (1 - seam[..., None])
    return np.asarray(picture, np.float32)
