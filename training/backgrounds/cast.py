"""The person's shadow on what stands behind and below."""

from __future__ import annotations

import cv2
import numpy as np

from .textures import Array, blurred


def _shifted(mask: Array, warp: Array) -> Array:
    height, width = mask.shape
    return np.asarray(cv2.warpAffine(mask, warp, (width, height), flags=cv2.INTER_LINEAR), np.float32)


def cast_shadow(rng: np.random.Generator, background: Array, mask: Array) -> Array:
    """Darkens a background where a person would shade it, so that people neither float nor glow.

    background (H, W, 3) float32 sRGB in [0, 1]; mask (H, W) float32 coverage of the person. A soft dark
    patch under the feet (where the feet are in the picture), and mostly a shadow lying on the floor or
    thrown on a wall close behind. Returns a new picture of the same shape and range; a copy where the mask
    is empty.
    """
    height, width = mask.shape
    rows = np.flatnonzero(mask.max(1) > 0.5)
    if len(rows) == 0:
        return background.copy()
    foot = int(rows[-1])
    shade = np.zeros((height, width), np.float32)
    stands = foot < height - 2
    if stands:
        tall = foot - int(rows[0]) + 1
        soles = mask.copy()
        soles[: foot - max(2, tall // 14)] = 0
        reach = tall * float(rng.uniform(0.008, 0.03))
        flat = np.array([[1, 0, 0], [0, 0.35, 0.65 * foot - 0.2 * reach]], np.float32)
        patch = blurred(_shifted(soles, flat), reach)
        shade = np.maximum(shade, patch / max(float(patch.max()), 1e-3) * np.float32(rng.uniform(0.35, 0.8)))
    kind = rng.choice(["none", "floor", "wall"], p=[0.35, 0.4, 0.25])
    if kind == "floor" and stands:
        # the foot line stays where it is; height above it is squashed (behind or before the feet) and leans
        squash = float(rng.uniform(0.08, 0.45)) * rng.choice([-1, 1], p=[0.35, 0.65])
        lean = rng.normal(0, 0.6)
        lying = np.array([[1, lean * abs(squash), 0], [0, squash, 0]], np.float32)
        lying[:, 2] = np.array([0, foot], np.float32) - lying[:, 1] * foot
        soft = blurred(_shifted(mask, lying), width * float(rng.uniform(0.003, 0.03)))
        shade = np.maximum(shade, soft * np.float32(rng.uniform(0.1, 0.6)))
    if kind == "wall":
        offset = rng.normal(0, 0.06, 2) * (width, height * 0.5)
        thrown = np.array([[1, 0, offset[0]], [0, 1, offset[1]]], np.float32)
        soft = blurred(_shifted(mask, thrown), width * float(rng.uniform(0.005, 0.05)))
        shade = np.maximum(shade, soft * np.float32(rng.uniform(0.08, 0.45)))
    # shadows keep a little of the sky's blue
    keep = 1 - shade[..., None] * np.array([1.0, 0.98, 0.94], np.float32)
    return np.asarray(np.clip(background * keep, 0, 1), np.float32)
