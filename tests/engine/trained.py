# SPDX-License-Identifier: GPL-3.0-or-later
"""The fields that the embedded weights see in pictures, without the pipeline around them."""

from pathlib import Path

import cv2
import numpy as np
import torch

from engine.weights import DEFAULT_WEIGHTS, load_weights

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
HULL = 0.012  # as the pipeline widens the silhouette


def sample(name):
    """A picture of samples/, (H, W, 3) uint8 RGB."""
    return cv2.cvtColor(cv2.imread(str(SAMPLES / name)), cv2.COLOR_BGR2RGB)


def painted():
    """A figure of four colours before a wall: nothing that the weights were trained on."""
    picture = np.full((512, 512, 3), (60, 90, 60), dtype=np.uint8)
    cv2.circle(picture, (256, 90), 36, (220, 170, 140), -1)
    cv2.rectangle(picture, (206, 130), (306, 290), (190, 40, 40), -1)
    cv2.rectangle(picture, (206, 290), (250, 480), (40, 40, 120), -1)
    cv2.rectangle(picture, (262, 290), (306, 480), (40, 40, 120), -1)
    cv2.line(picture, (300, 150), (420, 240), (220, 170, 140), 24)
    return picture


class Trained:
    """What the embedded weights make of the middle square of a picture."""

    def __init__(self, picture):
        weights = load_weights(DEFAULT_WEIGHTS)
        height, width = picture.shape[:2]
        across, down = ((max(height, width) - side) // 2 for side in (width, height))
        square = cv2.copyMakeBorder(picture, down, down, across, across, cv2.BORDER_REPLICATE)
        sizes = weights.preset.coarse_size, weights.preset.fine_size
        coarse, fine = (self._tensor(square, size) for size in sizes)
        self.network = weights.network
        with torch.inference_mode():
            maps = self.network.predict_normals(coarse)
            self.features = self.network.encode(coarse, fine, maps)
        self.mask = maps.mask[0, 0].numpy()

    @staticmethod
    def _tensor(square, size):
        values = cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) / 127.5 - 1
        return torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1)[None]))

    def __call__(self, points):
        with torch.inference_mode():
            return self.network.occupancy(self.features, torch.from_numpy(points)).numpy()

    def columns(self, resolution):
        """(r, r) bool: the slightly widened silhouette; a band of all where the weights see nobody."""
        side = self.mask.shape[0]
        kernel = np.ones((2 * max(1, round(HULL * side)) + 1,) * 2, dtype=np.uint8)
        wide = cv2.dilate((self.mask > 0.5).astype(np.uint8), kernel) > 0
        if not wide.any():
            wide[:, 3 * side // 8 : 5 * side // 8] = True
        nodes = np.arange(resolution) * 2 / resolution - 1
        x, y = (np.clip(((at + 1) * side / 2).astype(int), 0, side - 1) for at in (nodes, -nodes))
        return wide[y[None, :], x[:, None]]
