# SPDX-License-Identifier: GPL-3.0-or-later
"""What the server and the command line need around the pipeline: parts loaded late, weights kept."""

from __future__ import annotations

import platform
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .errors import ProgressCallback
from .parts import load_part
from .payload import NormalMaps
from .settings import Settings
from .weights import find_weights

if TYPE_CHECKING:
    import torch

    from .photo import FoundPerson, Photo
    from .pipeline import Preview, Reconstruction
    from .weights import LoadedWeights

    Image: TypeAlias = bytes | npt.NDArray[np.uint8] | Photo


class Worker:
    """Runs jobs one after another and keeps the last weights. PyTorch is loaded by the first call that
    needs it.
    """

    def __init__(self) -> None:
        self._chosen, self._embedded = _Kept(), _Kept()
        self._device: torch.device | None = None  # that was used last

    def check(self, settings: dict[str, Any]) -> None:
        """Raise EngineError bad_settings or bad_weights for settings that are wrong whatever this machine
        has; needs neither PyTorch nor weights.
        """
        find_weights(Settings.from_dict(settings).weights)

    def state(self) -> dict[str, Any]:
        """device that was used last, "" before PyTorch is loaded; device_memory, the bytes held of it;
        weights that are loaded, each {preset, sha256, device}. JSON-able; at once, in any thread.
        """
        device = self._device
        return {
            "device": "" if device is None else device.type,
            "device_memory": 0 if device is None else load_part(".memory").held_bytes(device),
            "weights": self._embedded.summary() + self._chosen.summary(),
        }

    def unload(self) -> None:
        """Free the weights and what the device keeps for later; the next job loads them again."""
        self._embedded, self._chosen = _Kept(), _Kept()
        if self._device is not None:
            load_part(".memory").release(self._device)

    def about(self) -> dict[str, Any]:
        """Versions, the device that "auto" means, and the preset and card of the default weights.
        JSON-able.
        """
        load_part(".pipeline")  # which the first job then need not wait for
        device = self._device = load_part(".devices").choose_device("auto")
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
        self,
        image: Image,
        settings: dict[str, Any],
        progress: ProgressCallback,
        on_preview: Callable[[Preview], None] | None = None,
        normals: NormalMaps | None = None,
    ) -> Reconstruction:
        """Reconstruct from a file's bytes, (H,W,3|4) uint8 pixels or a Photo. See pipeline.reconstruct.

        Raises EngineError, Cancelled where progress raises it, and whatever defect the pipeline has.
        """
        progress("weights", 0, 1, "file")
        checked = Settings.from_dict(settings)
        pipeline = load_part(".pipeline")
        progress("weights", 0, 1, "file")  # a cancel while PyTorch was being loaded
        weights, guide = self._weights(checked)
        progress("weights", 1, 1, "file")
        photo = _photo(image)
        result: Reconstruction = pipeline.reconstruct(
            photo, weights, guide, checked, progress, on_preview, normals)
        return result

    def people(self, image: Image, settings: dict[str, Any]) -> list[FoundPerson]:
        """The people in a picture, the largest first: settings' person counts them. See pipeline.people."""
        checked = Settings.from_dict(settings)
        _, guide = self._weights(checked)
        people = load_part(".pipeline").people
        found: list[FoundPerson] = people(_photo(image), guide, checked.device, checked.precision)
        return found

    def _weights(self, settings: Settings) -> tuple[LoadedWeights, LoadedWeights]:
        """The weights that were chosen, and those that find people: the same where they have a silhouette."""
        part = load_part(".weights")
        device = self._device = load_part(".devices").choose_device(settings.device)
        path = find_weights(settings.weights)
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
        self._device = ""

    def summary(self) -> list[dict[str, str]]:
        """What is kept: nothing, or one {preset, sha256, device}."""
        loaded = self._loaded
        if loaded is None:
            return []
        return [{"preset": loaded.preset.name, "sha256": loaded.sha256, "device": self._device}]

    def load(self, path: Path, device: torch.device) -> LoadedWeights:
        """The weights of a file on a device. Raises EngineError bad_weights."""
        try:
            status = path.stat()
            wanted: tuple[object, ...] = (str(path), device.type, status.st_mtime_ns, status.st_size)
        except OSError:
            wanted = ()  # load_weights says what is wrong with it
        if not wanted or wanted != self._loaded_from or self._loaded is None:
            self._loaded = None  # first: two sets of the largest weights may not fit into memory
            self._device = device.type
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
