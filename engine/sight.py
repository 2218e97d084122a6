# SPDX-License-Identifier: GPL-3.0-or-later
"""A photograph as the networks of one weights file see it."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from .networks import Features, NormalMaps
from .photo import Mask, Photo, composite, coverage, network_input
from .space import Crop
from .weights import LoadedWeights


class Sight:
    """Crops of one photo through one file's networks, which it moves to the device."""

    def __init__(self, photo: Photo, weights: LoadedWeights, device: torch.device) -> None:
        self.photo, self.device, self.preset = photo, device, weights.preset
        # float32 convolutions of few channels run up to five times slower on a CPU in the default layout.
        self.layout = torch.channels_last if device.type == "cpu" else torch.contiguous_format
        self.network = weights.network.to(device)
        self.network.to(memory_format=self.layout)  # type: ignore[call-overload]  # missing in torch's signatures
        self.picture = composite(photo.pixels)

    def tensor(self, crop: Crop, side: int) -> torch.Tensor:
        """A crop in working pixels as (1, 3, side, side) float32 in [-1, 1]."""
        values = network_input(self.picture, crop, side, self.preset.padding)
        return torch.from_numpy(values).to(self.device).contiguous(memory_format=self.layout)

    def normals(self, crop: Crop) -> NormalMaps | None:
        """The maps of a crop; None for presets without normal networks."""
        maps: NormalMaps | None = self.network.predict_normals(self.tensor(crop, self.preset.coarse_size))
        return maps

    def features(self, crop: Crop, maps: NormalMaps | None) -> Features:
        """What the crop's points are decided from."""
        fine = self.tensor(crop, self.preset.fine_size) if self.preset.fine_size else None
        features: Features = self.network.encode(self.tensor(crop, self.preset.coarse_size), fine, maps)
        return features

    def mask(self, crop: Crop, maps: NormalMaps | None, side: int) -> Mask:
        """The silhouette (side, side) float32 in [0, 1]: the maps' where there are some, and 0 outside the
        picture and where alpha says that there is nothing."""
        allowed = coverage(self.photo.pixels, crop, side)
        if maps is None:
            return allowed
        seen = maps.mask[0, 0].float().cpu().numpy()
        return np.asarray(allowed * cv2.resize(seen, (side, side), interpolation=cv2.INTER_LINEAR))
