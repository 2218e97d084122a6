# SPDX-License-Identifier: GPL-3.0-or-later
"""What is reconstructed to be measured: a photograph, a person's box in it, and networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

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
class Subject:
    """box: of the person, source pixels, given so that nobody looks for them. guide: weights with a
    silhouette, the weights themselves or others.

    body: None where the weights are trained: then what they answer is the body. Random networks see no body
    at all. So they are run in full, but each answer is replaced by what the guide's networks answer at the
    same point, made as steep as a fully trained network's: octree and mesh are then those of a real person.
    """

    photo: Path
    box: Box
    weights: LoadedWeights
    guide: LoadedWeights
    device: torch.device
    body: Answer | None

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
    body = body_of(guide, photo, crop_around(photo.box_to_working(box)), device)
    return Subject(path, box, random_weights(preset, SEED), guide, device, body)


def body_of(guide: LoadedWeights, photo: Photo, crop: Crop, device: torch.device) -> Answer:
    """An Answer that forgets what the networks said and tells what the guide's say of the same picture,
    SHARPNESS times as steep across the surface, which stays where it is."""
    sight = Sight(photo, guide, device)
    with torch.inference_mode():
        features = sight.features(crop, sight.normals(crop))

    def answer(points: torch.Tensor, asked: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            seen = torch.logit(guide.network.occupancy(features, points), eps=1e-6)
            return torch.sigmoid(SHARPNESS * seen)

    return answer
