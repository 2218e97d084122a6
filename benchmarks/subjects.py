# SPDX-License-Identifier: GPL-3.0-or-later
"""What is reconstructed to be measured: a photograph, a person's box in it, networks, and what they answer."""

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


@dataclass(frozen=True)
class Subject:
    """box: of the person, source pixels, given so that nobody looks for them. guide: weights with a
    silhouette, the weights themselves or others.

    body: None where the weights are trained: then what they answer is the body. Random networks see no body
    at all. So they are run in full, but each answer is replaced by what the guide's networks answer at the
    same point: the octree and the mesh are then those of a real person of a learned field's softness.
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
    """An Answer that forgets what the networks said and tells what the guide's say of the same picture."""
    sight = Sight(photo, guide, device)
    with torch.inference_mode():
        features = sight.features(crop, sight.normals(crop))

    def answer(points: torch.Tensor, asked: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            seen: torch.Tensor = guide.network.occupancy(features, points)
        return seen

    return answer
