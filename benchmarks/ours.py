# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's own main path with a watch on its stages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from engine.mesh_io import write_mesh
from engine.networks import Features, NormalMaps
from engine.photo import load_photo
from engine.pipeline import Reconstruction, in_camera_space, reconstruct
from engine.settings import Settings

from .stopwatch import Stopwatch
from .subjects import Subject


def reconstruct_watched(
    subject: Subject, resolution: int, watch: Stopwatch, target: Path, precision: str = "float32"
) -> Reconstruction:
    """From the photograph to an OBJ in camera space; the result is in camera space too. watch is given the
    stages photo, normals, features, surface, the points asked within it, colour and file."""
    settings = Settings(
        resolution=resolution, box=subject.box, device=subject.device.type, precision=precision
    )
    last = "photo"

    def progress(stage: str, done: int, total: int, unit: str) -> None:
        nonlocal last
        if stage != last:  # told again between layers, where the watch may show what is done within the stage
            last = stage
            watch.begin(stage)

    watch.begin(last)
    with _watched(subject, watch):
        result = reconstruct(load_photo(subject.photo), subject.weights, subject.guide, settings, progress)
    watch.begin("file")
    result = in_camera_space(result)
    write_mesh(result, target, "camera")
    watch.end()
    return result


@contextmanager
def _watched(subject: Subject, watch: Stopwatch) -> Iterator[None]:
    """Count what the networks do with points, their norms' statistics included, as the stage points, and have
    the stand-in, where there is one, answer them and give the silhouette."""
    network, stand_in = subject.weights.network, subject.stand_in
    asked, predicted, normed = network.occupancy, network.predict_normals, network.with_norms

    def occupancy(features: Features, points: torch.Tensor) -> torch.Tensor:
        with watch.within("points"):
            answer: torch.Tensor = asked(features, points)
            if stand_in is not None:
                with watch.aside():
                    answer = stand_in.body(points, answer)
        return answer

    def with_norms(features: Features, points: torch.Tensor) -> Features:
        with watch.within("points"):
            return normed(features, points)

    def predict_normals(image: torch.Tensor) -> NormalMaps | None:
        maps = predicted(image)
        if maps is None or stand_in is None:
            return maps
        return replace(maps, mask=stand_in.mask)

    network.occupancy = occupancy  # type: ignore[method-assign]
    network.predict_normals = predict_normals  # type: ignore[method-assign]
    network.with_norms = with_norms  # type: ignore[method-assign]
    try:
        yield
    finally:
        del network.occupancy, network.predict_normals, network.with_norms
