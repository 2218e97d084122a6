"""What cameras and the web do to pictures: exposure, colour cast, blur, resampling, sensor noise, JPEG."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def _developed(rng: np.random.Generator, image: Array) -> Array:
    """Exposure, white balance, contrast and saturation, each slightly wrong."""
    gain = 2 ** rng.normal(0, 0.25) * np.exp(rng.normal(0, 0.04, 3))
    image = image * gain.astype(np.float32)
    grey = image.mean(axis=2, keepdims=True)
    image = grey + (image - grey) * np.float32(rng.uniform(0.65, 1.25))
    middle = np.float32(rng.uniform(0.35, 0.6))
    image = middle + (image - middle) * np.float32(rng.uniform(0.8, 1.2))
    if rng.random() < 0.02:
        image = np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2)
    return np.asarray(np.clip(image, 0, 1) ** np.float32(np.exp(rng.normal(0, 0.12))), np.float32)


def _softened(rng: np.random.Generator, image: Array) -> Array:
    """A little out of focus, shaken, enlarged from a smaller picture, or sharpened."""
    height, width = image.shape[:2]
    kind = rng.choice(["sharp", "focus", "shake", "small", "crisp"], p=[0.35, 0.25, 0.08, 0.2, 0.12])
    if kind == "focus":
        soft = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.3, 1.6)) * width / 512)
    elif kind == "shake":
        length, angle = rng.uniform(2, 7) * width / 512, rng.uniform(0, np.pi)
        side = 2 * int(np.ceil(length / 2)) + 1
        kernel = np.zeros((side, side), np.float32)
        reach = np.array([np.cos(angle), np.sin(angle)]) * length / 2
        start, end = (side // 2 - reach).round().astype(int), (side // 2 + reach).round().astype(int)
        cv2.line(kernel, (int(start[0]), int(start[1])), (int(end[0]), int(end[1])), 1.0)
        soft = cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)
    elif kind == "small":
        share = rng.uniform(0.4, 0.9)
        size = (max(8, round(width * share)), max(8, round(height * share)))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        soft = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    elif kind == "crisp":
        soft = image + rng.uniform(0.2, 0.9) * (image - cv2.GaussianBlur(image, (0, 0), 1.2))
    else:
        return image
    return np.asarray(np.clip(soft, 0, 1), np.float32)


def _noisy(rng: np.random.Generator, image: Array) -> Array:
    """Shot noise grows with the root of the light, read noise is constant; cameras smooth both, colour
    more.
    """
    strength = 0.002 + 0.035 * rng.random() ** 3
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    luminance = noise[..., :1]
    if rng.random() < 0.6:
        noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), float(rng.uniform(0.5, 1.5))), np.float32)
        noise /= noise.std() + 1e-6
    mixed = luminance + np.float32(rng.uniform(0.2, 1.0)) * noise
    deviation = np.float32(strength) * np.sqrt(np.maximum(image, 0) + np.float32(0.15))
    return np.asarray(np.clip(image + mixed * deviation, 0, 1), np.float32)


def _compressed(rng: np.random.Generator, image: Array) -> Array:
    """A round trip through JPEG, quality 35 to 97."""
    quality = int(rng.integers(35, 98))
    bgr = (image[..., ::-1] * 255 + 0.5).astype(np.uint8)
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR) if done else None
    if decoded is None:
        raise RuntimeError(f"OpenCV could not write and read back a JPEG of shape {image.shape}.")
    return np.asarray(decoded[..., ::-1], np.float32) / np.float32(255)


def degrade(rng: np.random.Generator, image: Array) -> Array:
    """Makes a clean rendering look photographed: (H, W, 3) float32 sRGB in [0, 1] -> the same, a new array.

    Geometry is untouched, so normals and silhouettes stay valid. One picture in ten stays clean but for
    exposure. Deterministic from rng.
    """
    image = _developed(rng, image)
    if rng.random() < 0.1:
        return image
    image = _noisy(rng, _softened(rng, image))
    return _compressed(rng, image) if rng.random() < 0.7 else image
