# SPDX-License-Identifier: GPL-3.0-or-later
"""What the server and the command line need around the pipeline: parts loaded late, weights kept."""

from __future__ import annotations

import importlib
import importlib.util
import platform
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .errors import EngineError, ProgressCallback

if TYPE_CHECKING:
    import torch

    from .pipeline import Reconstruction
    from .weights import LoadedWeights


class Worker:
    """Runs jobs one after another and keeps the last weights. PyTorch is loaded by the first call that
    needs it.
    """

    def __init__(self) -> None:
        self._loaded: LoadedWeights | None = None
        self._loaded_from: tuple[object, ...] = ()

    def about(self) -> dict[str, Any]:
        """Versions, the device that "auto" means, and the preset and card of the default weights.
        JSON-able.
        """
        device = load_part(".pipeline").choose_device("auto")
        weights = self._weights(load_part(".weights").DEFAULT_WEIGHTS, device)
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
        self, image: bytes | npt.NDArray[np.uint8], settings: dict[str, Any], progress: ProgressCallback
    ) -> Reconstruction:
        """Reconstruct from an image file's bytes or (H,W,3|4) uint8 pixels. See pipeline.reconstruct.

        Raises EngineError, Cancelled where progress raises it, and whatever defect the pipeline has.
        """
        progress("weights", 0, 1, "file")
        pipeline = load_part(".pipeline")
        checked = pipeline.Settings.from_dict(settings)
        path = Path(checked.weights) if checked.weights else load_part(".weights").DEFAULT_WEIGHTS
        weights = self._weights(path, pipeline.choose_device(checked.device))
        progress("weights", 1, 1, "file")
        pixels = load_part(".photo").load_photo(image) if isinstance(image, bytes) else image
        result: Reconstruction = pipeline.reconstruct(pixels, weights, checked, progress)
        return result

    def _weights(self, path: Path, device: torch.device) -> LoadedWeights:
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


def check_installed() -> None:
    """Raise EngineError("engine_start") where this Python lacks PyTorch; takes no time, unlike importing
    it.
    """
    if importlib.util.find_spec("torch") is None:
        raise EngineError(
            "engine_start",
            f"PyTorch is missing from the engine's Python, {sys.executable}.",
            "Set up the engine again in the add-on's preferences, or install engine/requirements.txt there.",
        )


def load_part(name: str) -> ModuleType:
    """Import a module that needs PyTorch, so that a broken installation is told from a broken job."""
    try:
        return importlib.import_module(name, __package__)
    except (ImportError, OSError) as error:  # OSError: a missing or damaged library of PyTorch
        raise EngineError(
            "engine_start",
            f"The engine cannot load {name.lstrip('.')}: {error}.",
            "Set up the engine again in the add-on's preferences, or install engine/requirements.txt.",
        ) from error
