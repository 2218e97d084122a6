# SPDX-License-Identifier: GPL-3.0-or-later
"""What is reconstructed to be measured: a photograph, a person's box in it, and networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn import functional

from engine.networks.normal import MASK_THRESHOLD
from engine.photo import Box, Photo, crop_around, load_photo
from engine.pipeline import people
from engine.sight import Sight
from engine.space import Crop
from engine.weights import DEFAULT_WEIGHTS, LoadedWeights, load_weights, random_weights

Answer = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""From camera points (N, 3) and the networks' occupancy there (N,) to the occupancy that is gone on with."""

SEED = 1
SHARPNESS = 32.0
"""Factor on the guide's logits where it stands in for random networks: with it the published procedure asks
0.92 million points of samples/person_1.jpg at 512, and 914,350 were measured with the released weights. The
guide's own field, softer than theirs, would have it ask several times as many."""


@dataclass(frozen=True)
class StandIn:
    """What takes the place of what random networks say, for they see nobody, and of what their normal nets
    show: with these the engine would search twice the columns. The networks are run in full all the same.

    body: answers of the guide's networks, as steep as a fully trained network's, so that octree and mesh are
    those of a real person; mask: (1, 1, S, S) float32, 0 or 1, its silhouette, S the preset's coarse size.
    """

    body: Answer
    mask: torch.Tensor


@dataclass(frozen=True)
class Subject:
    """box: of the person, source pixels, given so that nobody looks for them. guide: weights with a
    silhouette, the weights themselves or others. stand_in: None where the weights are trained."""

    photo: Path
    box: Box
    weights: LoadedWeights
    guide: LoadedWeights
    device: torch.device
    stand_in: StandIn | None

    def crop(self, photo: Photo) -> Crop:
        """The square that the engine cuts around the box, working pixels."""
        return crop_around(photo.box_to_working(self.box))


def subject(preset: str, path: Path, device: torch.device) -> Subject:
    """The largest person in a picture: with the embedded weights where they are of that preset, else with
    random networks of it."""
    guide = load_weights(DEFAULT_WEIGHTS)
    photo = load_photo(path)
    box = people(photo, guide, device.type)[0].source_box
    if preset == guide.preset.name:
        return Subject(path, box, guide, guide, device, None)
    weights = random_weights(preset, SEED)
    crop = crop_around(photo.box_to_working(box))
    stand_in = seen_by(guide, photo, crop, weights.preset.coarse_size, device)
    return Subject(path, box, weights, guide, device, stand_in)


def seen_by(guide: LoadedWeights, photo: Photo, crop: Crop, side: int, device: torch.device) -> StandIn:
    """The guide's answers in a picture, SHARPNESS times as steep across the surface, which stays where it is,
    and its silhouette of so many pixels a side."""
    sight = Sight(photo, guide, device)
    with torch.inference_mode():
        maps = sight.normals(crop)
        features = sight.features(crop, maps, sight.coarse_features(crop, maps))
    assert maps is not None  # a guide has a silhouette
    size = (side, side)
    mask = functional.interpolate(maps.mask, size=size, mode="bilinear", align_corners=False) > MASK_THRESHOLD

    def answer(points: torch.Tensor, asked: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            seen = torch.logit(guide.network.occupancy(features, points), eps=1e-6)
            return torch.sigmoid(SHARPNESS * seen)

    return StandIn(answer, mask.float())
