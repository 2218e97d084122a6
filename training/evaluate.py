"""Figures on people that were never trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from engine.networks import PIFuHD

from .batches import Views
from .pool import list_pool
from .stages import frozen_maps, point_iou


@torch.inference_mode()
def evaluate(network: PIFuHD, pool: Path, views: int = 100, seed: int = 7) -> dict[str, float]:
    """Compare with the truth on `views` views of the people in `pool`, over random, noisy backgrounds.

    Returns: views; people; mask_iou; front_error, back_error: squared length of the difference of unit
    normals, mean over the true silhouette; front_degrees, back_degrees: mean angle there; span_error: mean
    |log| of what the picture's side measures in statures, predicted over true, where the network tells it;
    coarse_iou, fine_iou: intersection over union of inside points among the labelled ones near the surface
    (sigma 5 cm and 3 cm, 1 in 17 uniform), each level on its own.
    """
    preset = network.preset
    sums: dict[str, list[float]] = {}

    def note(key: str, value: torch.Tensor) -> None:
        sums.setdefault(key, []).append(float(value))

    for level in (0, 1) if preset.fine is not None else (0,):
        size = preset.fine_size or preset.coarse_size
        source = torch.utils.data.DataLoader(Views(pool, size, level, 4000, False, seed), 1)
        for _, item in zip(range(views), source, strict=False):
            image = functional.interpolate(item["image"], size=(preset.coarse_size,) * 2, mode="area")
            maps = frozen_maps(network, image)
            if maps is not None and level == 0:
                mask = item["mask"] > 0.5
                predicted = maps.mask > 0.5
                note("mask_iou", (mask & predicted).sum() / (mask | predicted).sum().clamp(min=1))
                if maps.span is not None:
                    note("span_error", (maps.span / item["span"]).log().abs())
                for name, normals, true in zip(
                    ("front", "back"), (maps.front, maps.back), item["normals"].chunk(2, 1), strict=True
                ):
                    unit = functional.normalize(normals, dim=1)
                    error = ((unit - true) ** 2).sum(1, keepdim=True)[mask]
                    note(f"{name}_error", error.mean())
                    note(f"{name}_degrees", torch.rad2deg(torch.arccos((1 - error / 2).clamp(-1, 1))).mean())
            features = network.encode(image, item["image"] if preset.fine is not None else None, maps)
            logits, omega = network.netG.query(features.coarse, item["points"])
            if level == 1 and features.fine is not None:
                logits = network.query_fine(features.fine, item["points"], omega)
            note("fine_iou" if level else "coarse_iou", point_iou(logits, item["labels"]))
    result = {"views": float(views), "people": float(len(list_pool(pool)))}
    return result | {key: round(float(np.mean(values)), 4) for key, values in sums.items()}
