# SPDX-License-Identifier: GPL-3.0-or-later
"""The published procedure, to be measured against: what `pifuhd` networks are asked for, and in what order.

It is written from a description, and uses this engine's networks, so that times compare two procedures and
not two sets of networks. Unlike the engine's it builds the coordinates of all nodes, looks at every point's
pixel anew, runs both functions to their end as convolutions, and colours a vertex by the field's slope, which
takes four more questions.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.measure import marching_cubes

from engine.mesh_io import write_mesh
from engine.networks import Features
from engine.photo import Photo, composite, load_photo, network_input
from engine.space import Crop

from .published_grid import Doubles, occupancy, to_camera
from .published_points import logits_of
from .stopwatch import Stopwatch
from .subjects import Subject

BATCH: Final = 10_000  # points asked for at once
STEP: Final = 0.001  # camera units from a vertex to where the slope is taken
LEVEL: Final = 0.5


@dataclass(frozen=True)
class Outcome:
    """vertices (V, 3) float32, camera space; faces (F, 3) int32, outward; colors (V, 4) uint8; asked: points
    of the grid, and coloured_by: points asked for the colours alone."""

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    colors: NDArray[np.uint8]
    asked: int
    coloured_by: int


class _Asker:
    """Answers points (3, N) in batches, each from the pixel that it lies on, and counts them."""

    def __init__(self, subject: Subject, features: Features, watch: Stopwatch) -> None:
        self.network, self.stand_in = subject.weights.network, subject.stand_in
        self.features, self.watch = features, watch
        self.asked = 0

    def __call__(self, points: Doubles) -> Doubles:
        answers = np.empty(points.shape[1])
        for start in range(0, points.shape[1], BATCH):
            part = points[:, start : start + BATCH]
            at = torch.from_numpy(part.T.astype(np.float32)).to(self.watch.device)
            answers[start : start + part.shape[1]] = self._occupancy(at).cpu().numpy()
        self.asked += points.shape[1]
        return answers

    def _occupancy(self, points: torch.Tensor) -> torch.Tensor:
        """(N,) for (N, 3)."""
        logits = logits_of(self.network, self.features, points[None])
        answer = torch.sigmoid(logits[0]) * (points.abs() <= 1).all(1)
        if self.stand_in is None:
            return answer
        with self.watch.aside():
            return self.stand_in.body(points, answer)


def reconstruct(subject: Subject, resolution: int, watch: Stopwatch, target: Path) -> Outcome:
    """From the photograph to an OBJ in camera space. watch is given the stages photo, networks, coordinates,
    octree, points, marching cubes, colour and file."""
    network = subject.weights.network.to(subject.device)
    # PyTorch's default, in place of the layout that the engine found faster when it looked for the person
    network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    with torch.inference_mode():
        watch.begin("photo")
        photo = load_photo(subject.photo)
        watch.begin("networks")
        ask = _Asker(subject, _features(subject, photo, subject.crop(photo)), watch)
        values = occupancy(ask, resolution, watch)
        asked = ask.asked
        watch.begin("marching cubes")
        nodes, faces = _surface(values)
        scale, origin = to_camera(resolution)
        vertices = (scale @ nodes.T + origin).T
        watch.begin("colour")
        colors = _slope_colours(ask, vertices)
    outcome = Outcome(vertices.astype(np.float32), faces, colors, asked, ask.asked - asked)
    watch.begin("file")
    write_mesh(outcome, target, "camera")
    watch.end()
    return outcome


def _features(subject: Subject, photo: Photo, crop: Crop) -> Features:
    network, preset = subject.weights.network, subject.weights.preset

    def seen(side: int) -> torch.Tensor:
        pixels = network_input(composite(photo.pixels), crop, side, preset.padding)
        return torch.from_numpy(pixels).to(subject.device)

    image = seen(preset.coarse_size)
    fine = seen(preset.fine_size) if preset.fine_size else None
    return network.encode(image, fine, network.predict_normals(image))


def _surface(values: Doubles) -> tuple[Doubles, NDArray[np.int32]]:
    nodes, faces, _, _ = marching_cubes(values, LEVEL, gradient_direction="ascent")  # type: ignore[no-untyped-call]
    return nodes.astype(np.float64), faces.astype(np.int32)


def _slope_colours(ask: _Asker, vertices: Doubles) -> NDArray[np.uint8]:
    """(V, 4): (n + 1) / 2 of the unit normal n, down the field's slope by forward differences."""
    here = ask(vertices.T)
    ahead = [ask((vertices + STEP * axis).T) for axis in np.eye(3)]
    down = here[:, None] - np.stack(ahead, axis=1)
    length = np.linalg.norm(down, axis=1, keepdims=True)
    normals = np.divide(down, length, out=np.zeros_like(down), where=length > 0)
    colors = np.full((len(vertices), 4), 255, dtype=np.uint8)
    colors[:, :3] = np.round((normals + 1) * 127.5)
    return colors
