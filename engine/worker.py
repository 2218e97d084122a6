# SPDX-License-Identifier: GPL-3.0-or-later
"""What the server and the command line need around the pipeline: parts loaded late, weights kept."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .errors import ProgressCallback
from .parts import load_part

if TYPE_CHECKING:
    import torch

    from .photo import FoundPerson, Photo
    from .pipeline import Reconstruction
    from .settings import Settings
    from .weights import LoadedWeights

    Image: TypeAlias = bytes | npt.NDArray[np.uint8] | Photo


class Worker:
    """Runs jobs one after another and keeps the last weights. PyTorch is loaded by the first call that
    needs it.
    """

    def __init__(self) -> None:
        self._chosen, self._embedded = _Kept(), _Kept()

    def about(self) -> dict[str, Any]:
        """Versions, the device that "auto" means, and the preset and card of the default weights.
        JSON-able.
        """
        device = load_part(".pipeline").choose_device("auto")
        weights = self._embedded.load(load_part(".weights").DEFAULT_WEIGHTS, device)
        return {
            "python": platform.python_version(),
            "torch": str(load_part("torch").__version__),
            "device": device.type,
            "weights": {
                "preset": weights.preset.name,
                "sha256": weights.sha256,
                "card": dict(weights.card),
            },
        }

    def reconstruct(
        self, image: Image, settings: dict[str, Any], progress: ProgressCallback
    ) -> Reconstruction:
        """Reconstruct from a file's bytes, (H,W,3|4) uint8 pixels or a Photo. See pipeline.reconstruct.

        Raises EngineError, Cancelled where progress raises it, and whatever defect the pipeline has.
        """
        progress("weights", 0, 1, "file")
        pipeline = load_part(".pipeline")
        checked = load_part(".settings").Settings.from_dict(settings)
        weights, guide = self._weights(checked)
        progress("weights", 1, 1, "file")
        result: Reconstruction = pipeline.reconstruct(_photo(image), weights, guide, checked, progress)
        return result

    def people(self, image: Image, settings: dict[str, Any]) -> list[FoundPerson]:
        """The people in a picture, the largest first: settings' person counts them. See pipeline.people."""
        checked = load_part(".settings").Settings.from_dict(settings)
        _, guide = self._weights(checked)
        found: list[FoundPerson] = load_part(".pipeline").people(_photo(image), guide, checked.device)
        return found

    def _weights(self, settings: Settings) -> tuple[LoadedWeights, LoadedWeights]:
        """The weights that were chosen, and those that find people: the same where they have a silhouette."""
        part = load_part(".weights")
        device = load_part(".pipeline").choose_device(settings.device)
        path = part.find_weights(settings.weights)
        kept = self._embedded if path == part.DEFAULT_WEIGHTS else self._chosen
        weights = kept.load(path, device)
        if weights.preset.has_mask:
            return weights, weights
        return weights, self._embedded.load(part.DEFAULT_WEIGHTS, device)


class _Kept:
    """The last weights of their kind, read again when the file or the device has changed."""

    def __init__(self) -> None:
        self._loaded: LoadedWeights | None = None
        self._loaded_from: tuple[object, ...] = ()

    def load(self, path: Path, device: torch.device) -> LoadedWeights:
        """The weights of a file on a device. Raises EngineError bad_weights."""
        try:
            status = path.stat()
            wanted: tuple[object, ...] = (str(path), device.type, status.st_mtime_ns, status.st_size)
        except OSError:
            wanted = ()  # load_weights says what is wrong with it
        if not wanted or wanted != self._loaded_from or self._loaded is None:
            self._loaded = None  # first: two sets of the largest weights may not fit into memory
            self._loaded = load_part(".weights").load_weights(path, device=device)
            self._loaded_from = wanted
        return self._loaded


def _photo(image: Image) -> Photo:
    part = load_part(".photo")
    if isinstance(image, bytes):
        photo: Photo = part.load_photo(image)
    elif isinstance(image, np.ndarray):
        photo = part.from_pixels(image)
    else:
        photo = image
    return photo
