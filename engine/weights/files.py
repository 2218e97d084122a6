"""Weights as safetensors: float16 tensors, and in the metadata the preset and the card."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ..errors import EngineError
from ..networks import PIFuHD
from .presets import PRESETS, Preset

DEFAULT_WEIGHTS = Path(__file__).with_name("compact.safetensors")
"""The weights that come with the engine."""
FORMAT = "pifuhd-blender 1"


@dataclass(frozen=True)
class LoadedWeights:
    """A network for inference. card: preset, training, metrics, licence in words; sha256 of the file."""

    preset: Preset
    network: PIFuHD
    card: dict[str, str]
    sha256: str


def save_weights(path: Path, network: PIFuHD, card: dict[str, str]) -> None:
    """Write a network's tensors as float16 with its preset and card; the file appears whole or not at all."""
    tensors = {k: v.detach().to("cpu", torch.float16).contiguous() for k, v in _unique(network).items()}
    metadata = {"format": FORMAT, "preset": json.dumps(network.preset.to_dict()), "card": json.dumps(card)}
    partial = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        save_file(tensors, partial, metadata)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _unique(network: PIFuHD) -> dict[str, torch.Tensor]:
    """The state without the second names that a shared parameter has (see `ConvBlock.bn4`)."""
    first_names: dict[int, str] = {}
    state = network.state_dict()
    for name, value in state.items():
        first_names.setdefault(value.data_ptr(), name)
    return {name: state[name] for name in first_names.values()}


def load_weights(path: Path | str, device: str | torch.device = "cpu") -> LoadedWeights:
    """Read a weights file into a network in float32 on `device`. Raises EngineError("bad_weights")."""
    path = Path(path)
    hint = "Choose another weights file, or leave the choice empty to use the embedded one."
    if not path.is_file():
        raise EngineError("bad_weights", f"There is no weights file {path}.", hint)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise ValueError("it was not written by PIFuHD for Blender")
            preset = Preset.from_dict(json.loads(metadata["preset"]))
            card = {str(k): str(v) for k, v in json.loads(metadata["card"]).items()}
            state = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118  (no iterator)
        network = PIFuHD(preset)
        missing, unexpected = network.load_state_dict(state, strict=False)
        known = set(_unique(network))
        if unexpected or known & set(missing):
            raise ValueError(f"its tensors are not those of preset {preset.name}")
        broken = [key for key, value in state.items() if not torch.isfinite(value).all()]
        if broken:
            raise ValueError(f"{broken[0]} has values that are not finite")
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, OSError, RuntimeError) as error:
        raise EngineError("bad_weights", f"The weights file {path} cannot be used: {error}.", hint) from error
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return LoadedWeights(preset, network.eval().to(device), card, digest)


def random_weights(preset: Preset | str, seed: int) -> LoadedWeights:
    """A network of random parameters, for tests and measurements."""
    chosen = PRESETS[preset] if isinstance(preset, str) else preset
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = PIFuHD(chosen)
    return LoadedWeights(
        chosen, network.eval(), {"training": f"none: random parameters of seed {seed}"}, "0" * 64
    )
