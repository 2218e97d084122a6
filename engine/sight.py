# SPDX-License-Identifier: GPL-3.0-or-later
"""A photograph as the networks of one weights file see it."""

from __future__ import annotations

import dataclasses
from contextlib import AbstractContextManager, nullcontext

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from .errors import EngineError
from .networks import Features, NormalMaps
from .photo import Box, Mask, Photo, composite, coverage, network_input
from .sentences import Sentence
from .space import Crop
from .weights import LoadedWeights

SURE = 0.9
"""Of the pixels in a user's box, how many may be less sure than what is then taken for sure."""
MOST_GAIN = 4.0
"""How far doubt is overruled: where the networks see next to nothing, there is nothing to strengthen."""
POINT_BYTES = 1 << 24
"""Of a batch's widest activations on a CPU. Blocks over 32 MB glibc gives back and asks for anew: with four
times as many points at once, those of `pifuhd` take 1.3 times as long in float32."""
MOST_POINTS = 65536
"""Of a batch on a GPU, and of very narrow functions on a CPU."""


def believing(maps: NormalMaps, box: Box, crop: Crop) -> NormalMaps:
    """Maps of a crop in whose box (x0, y0, x1, y1, the picture's pixels) the user says that a person is.

    Silhouettes that are faint all over, as of somebody dressed like none of the training people, are
    strengthened until a tenth of the box is sure; those that are not faint stay as they are.
    """
    side = maps.mask.shape[-1]
    ends = crop.source_to_crop(np.array(box).reshape(2, 2), side).round().astype(int).clip(0, side)
    (x0, y0), (x1, y1) = ends.tolist()
    peak = float(torch.quantile(maps.mask[..., y0:y1, x0:x1].float(), SURE))
    gain = min(MOST_GAIN, 1.0 / max(peak, 1.0 / MOST_GAIN))
    mask = (maps.mask * gain).clamp(max=1.0)
    share = mask / maps.mask.clamp(min=1e-6)
    return dataclasses.replace(maps, front=maps.front * share, back=maps.back * share, mask=mask)


def with_normals(maps: NormalMaps | None, given: tuple[NDArray[np.uint8], NDArray[np.uint8]]) -> NormalMaps:
    """Maps with given ones of front and back, (S, S, 3) uint8, (n + 1) / 2. What is longer than the
    silhouette's value there is shortened to it: to a normal within the person, to nothing beside them.

    Raises EngineError bad_settings where maps are None or of another size.
    """
    hint = "Choose the weights that the maps were made with, or reconstruct without maps."
    if maps is None:
        raise EngineError("bad_settings", "These weights use no normal maps.", hint)
    side = maps.front.shape[-1]
    for one in given:
        if one.shape != (side, side, 3):
            text = Sentence("A normal map has {given} pixels where these weights have {wanted}.",
                            given=f"{one.shape[1]} x {one.shape[0]}", wanted=f"{side} x {side}")
            raise EngineError("bad_settings", text, hint)
    front, back = (torch.from_numpy(one.transpose(2, 0, 1)[None].astype(np.float32) / 127.5 - 1.0)
                   for one in given)
    front, back = front.to(maps.front), back.to(maps.back)
    front, back = (one * (maps.mask / one.norm(dim=1, keepdim=True).clamp(min=1e-6)).clamp(max=1.0)
                   for one in (front, back))
    return dataclasses.replace(maps, front=front, back=back)


class Sight:
    """Crops of one photo through one file's networks, which it moves to the device.

    precision: that of the networks' layers, float32 or bfloat16; what they take and give is float32.
    """

    def __init__(
        self, photo: Photo, weights: LoadedWeights, device: torch.device,
        precision: torch.dtype = torch.float32,
    ) -> None:
        self.photo, self.device, self.preset = photo, device, weights.preset
        self.precision = precision
        # float32 convolutions of few channels run up to five times slower on a CPU in the default layout.
        self.layout = torch.channels_last if device.type == "cpu" else torch.contiguous_format
        self.network = weights.network
        # torch's signatures lack this; each walk through the layers takes 2 % of the time until the preview
        self.network.to(device, memory_format=self.layout)  # type: ignore[call-overload]
        self.picture = composite(photo.pixels)
        self._last: tuple[Crop, int, torch.Tensor] | None = None

    def tensor(self, crop: Crop, side: int) -> torch.Tensor:
        """A crop in working pixels as (1, 3, side, side) float32 in [-1, 1]; the last one is kept, for
        normals and coarse features see the same."""
        if self._last is not None and self._last[:2] == (crop, side):
            return self._last[2]
        values = network_input(self.picture, crop, side, self.preset.padding)
        tensor = torch.from_numpy(values).to(self.device).contiguous(memory_format=self.layout)
        self._last = crop, side, tensor
        return tensor

    def normals(self, crop: Crop) -> NormalMaps | None:
        """The maps of a crop; None for presets without normal networks."""
        picture = self.tensor(crop, self.preset.coarse_size)
        with self._layers():
            maps: NormalMaps | None = self.network.predict_normals(picture)
        return maps

    def coarse_features(self, crop: Crop, maps: NormalMaps | None) -> Features:
        """What the coarse level alone decides the crop's points from."""
        image = self.tensor(crop, self.preset.coarse_size)
        with self._layers():
            return Features(self.network.coarse_features(image, maps)[-1].float(), None)

    def features(self, crop: Crop, maps: NormalMaps | None, coarse: Features) -> Features:
        """What the crop's points are decided from: coarse, and the fine level's where there is one."""
        if self.preset.fine is None:
            return coarse
        image = self.tensor(crop, self.preset.fine_size)
        with self._layers():
            fine = self.network.fine_features(image, maps)[-1].float()
        return dataclasses.replace(coarse, fine=fine)

    def points_at_once(self) -> int:
        """How many points are best asked for together."""
        if self.device.type != "cpu":
            return MOST_POINTS
        levels = [level for level in (self.preset.coarse, self.preset.fine) if level is not None]
        widest = max(width for level in levels for width in level.mlp[1:])
        return min(MOST_POINTS, POINT_BYTES // (widest * self.precision.itemsize))

    def occupancy(self, features: Features, points: torch.Tensor) -> torch.Tensor:
        """Occupancy (N,) float32 in [0, 1] of camera-space points (N, 3), on the points' device."""
        with self._layers():
            return self.network.occupancy(features, points.to(self.device)).float().to(points.device)

    def _layers(self) -> AbstractContextManager[object]:
        if self.precision == torch.float32:
            return nullcontext()
        # Each weight is used once a pass: kept, the rounded ones would take 774 MB of `pifuhd`'s networks.
        return torch.autocast(self.device.type, self.precision, cache_enabled=False)

    def mask(self, crop: Crop, maps: NormalMaps | None, side: int) -> Mask:
        """The silhouette (side, side) float32 in [0, 1]: the maps' where there are some, and 0 outside the
        picture and where alpha says that there is nothing."""
        allowed = coverage(self.photo.pixels, crop, side)
        if maps is None:
            return allowed
        seen = maps.mask[0, 0].float().cpu().numpy()
        return np.asarray(allowed * cv2.resize(seen, (side, side), interpolation=cv2.INTER_LINEAR))
