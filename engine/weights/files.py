# SPDX-License-Identifier: GPL-3.0-or-later
"""Weights as safetensors: float16 or float32 tensors, and in the metadata the preset, the card and what
the bytes of each tensor and of the preset sum up to (CRC-32), because a disk that loses some says nothing.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..errors import EngineError
from ..networks import PIFuHD
from ..sentences import Sentence
from .presets import PRESETS, Preset

DEFAULT_WEIGHTS = Path(__file__).with_name("compact.safetensors")
"""The weights that come with the engine."""
FORMAT = "pifuhd-blender 1"
_DTYPES = {"F16": torch.float16, "F32": torch.float32, "I64": torch.int64}


@dataclass(frozen=True)
class LoadedWeights:
    """A network for inference. card: preset, training, metrics, licence in words; sha256 of the file."""

    preset: Preset
    network: PIFuHD
    card: dict[str, str]
    sha256: str


@dataclass(frozen=True)
class Summary:
    """What a weights file says of itself. dtypes: of its tensors; values: numbers in all of them."""

    preset: Preset
    card: dict[str, str]
    sha256: str
    dtypes: frozenset[str]
    values: int


def save_weights(
    path: Path, network: PIFuHD, card: dict[str, str], dtype: torch.dtype = torch.float16
) -> None:
    """Write a network's tensors as `dtype` with its preset and card; see `save_tensors`."""
    state = network.state_dict()
    tensors = {name: state[name] for name in dict.fromkeys(first_names(network).values())}
    save_tensors(path, network.preset, tensors, card, dtype)


def save_tensors(
    path: Path, preset: Preset, tensors: Mapping[str, Tensor], card: dict[str, str], dtype: torch.dtype
) -> None:
    """Write tensors under the first names of `preset`'s parameters; the file appears whole or not at all.

    Raises EngineError("bad_weights") for values beyond `dtype`, OSError.
    """
    converted, sums = {}, {}
    for name, value in tensors.items():
        value = value.detach().to("cpu", dtype if value.is_floating_point() else None).contiguous()
        if not is_finite(value):
            raise EngineError(
                "bad_weights",
                Sentence(
                    "{name} has values that {dtype} cannot hold.",
                    name=name,
                    dtype=str(dtype).removeprefix("torch."),
                ),
                "Write float32 instead." if dtype != torch.float32 else "Train or download them anew.",
            )
        converted[name] = value
        sums[name] = zlib.crc32(value.numpy().tobytes())
    metadata = {"format": FORMAT, "preset": json.dumps(preset.to_dict()), "card": json.dumps(card)}
    sums["preset"] = zlib.crc32(metadata["preset"].encode())
    metadata["crc32"] = json.dumps(sums)
    partial = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        save_file(converted, partial, metadata)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def load_weights(path: Path | str, device: str | torch.device = "cpu") -> LoadedWeights:
    """Read a weights file into a network in float32 on `device`.

    Raises EngineError("bad_weights"), or "out_of_memory" where the network does not fit. Needs hardly more
    memory than the network itself, and no time for parameters that are drawn only to be replaced.
    """
    path = Path(path)
    with _opened(path) as (file, preset, card):
        network = build_empty(preset)
        _check_file(file, network)
        state, digest = {}, hashlib.sha256()
        for name, value in _read_tensors(path, digest):
            value = value.to(torch.float32 if value.is_floating_point() else None)
            if not is_finite(value):
                raise ValueError(f"{name} has values that are not finite")
            state[name] = value.to(device)
        network.load_state_dict(state, strict=False, assign=True)  # second names follow the first
    return LoadedWeights(preset, network.eval(), card, digest.hexdigest())


def _read_tensors(path: Path, digest: hashlib._Hash) -> Iterator[tuple[str, Tensor]]:
    """Each tensor of a file that safetensors has found sound, in its order; `digest` takes in every byte.

    Not by get_tensor: it maps the file, and all of its 774 MB stay counted to the process until the end, a
    peak of 2474 MiB where reading in turn takes 1712 for `pifuhd`; and hashing would read it a second time.
    """
    with path.open("rb") as file:
        length = file.read(8)
        header = file.read(int.from_bytes(length, "little"))
        digest.update(length + header)
        entries = json.loads(header)
        # Files of the first versions have none, and a flipped bit in them shows only where it makes a value
        # that is not finite.
        metadata = entries.pop("__metadata__")
        sums = json.loads(metadata.get("crc32", "{}"))
        if sums and zlib.crc32(metadata["preset"].encode()) != sums.get("preset"):
            raise ValueError("its preset is not what was written")
        for name, entry in sorted(entries.items(), key=lambda item: item[1]["data_offsets"]):
            begin, end = entry["data_offsets"]
            content = bytearray(end - begin)
            if file.readinto(content) != len(content):
                raise ValueError("it was cut short while being read")
            digest.update(content)
            if sums and zlib.crc32(content) != sums.get(name):
                raise ValueError(f"{name} is not what was written")
            yield name, torch.frombuffer(content, dtype=_DTYPES[entry["dtype"]]).reshape(entry["shape"])


def summarise_weights(path: Path | str) -> Summary:
    """Read what a weights file says of itself; checks the names and shapes of its tensors, not their values.

    Raises EngineError("bad_weights").
    """
    path = Path(path)
    with _opened(path) as (file, preset, card):
        _check_file(file, build_empty(preset))
        slices = [file.get_slice(name) for name in file.keys()]  # noqa: SIM118  (no iterator)
        dtypes = frozenset(str(part.get_dtype()) for part in slices)
        values = sum(math.prod(part.get_shape()) for part in slices)
    return Summary(preset, card, sha256_of(path), dtypes, values)


def random_weights(preset: Preset | str, seed: int) -> LoadedWeights:
    """A network of random parameters, for tests and measurements."""
    chosen = PRESETS[preset] if isinstance(preset, str) else preset
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = PIFuHD(chosen)
    return LoadedWeights(
        chosen, network.eval(), {"training": f"none: random parameters of seed {seed}"}, "0" * 64
    )


def build_empty(preset: Preset) -> PIFuHD:
    """A network without storage, on the meta device: to know its names and shapes, or to be given tensors."""
    with torch.device("meta"):
        return PIFuHD(preset)


def first_names(network: PIFuHD) -> dict[str, str]:
    """Every name of the state -> the first name of the same parameter (see `ConvBlock.bn4`)."""
    first: dict[int, str] = {}
    return {
        name: first.setdefault(id(value), name) for name, value in network.state_dict(keep_vars=True).items()
    }


def check_shapes(found: Mapping[str, tuple[int, ...]], network: PIFuHD) -> None:
    """Raise ValueError where tensors are missing, surplus, or of other shapes than those of `network`.

    A parameter with two names may stand under either or both.
    """
    first = first_names(network)
    missing = sorted(set(first.values()) - {first[name] for name in found if name in first})
    surplus = sorted(set(found) - set(first))
    of = f"its tensors are not those of preset {network.preset.name}"
    if missing or surplus:
        lacks = [f"{missing[0]} and {len(missing) - 1} more are missing"] if missing else []
        has = [f"{surplus[0]} and {len(surplus) - 1} more are unknown"] if surplus else []
        raise ValueError(f"{of}: {'; '.join(lacks + has)}")
    for name, value in network.state_dict().items():
        if name in found and found[name] != tuple(value.shape):
            raise ValueError(f"{of}: {name} is {list(found[name])} instead of {list(value.shape)}")


def sha256_of(path: Path) -> str:
    """The file's SHA-256 in hexadecimal digits, read in chunks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_finite(tensor: Tensor) -> bool:
    """Whether all values are finite. Their sum tells in a fifth of the time, unless it overflows itself."""
    return bool(tensor.sum().isfinite()) or bool(tensor.isfinite().all())


def _check_file(file: Any, network: PIFuHD) -> None:
    """Raise ValueError where the tensors in `file` do not fit `network`, or are of a type it never holds."""
    slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118  (no iterator)
    check_shapes({name: tuple(part.get_shape()) for name, part in slices.items()}, network)
    for name, part in slices.items():
        if part.get_dtype() not in _DTYPES:
            raise ValueError(f"{name} is of the type {part.get_dtype()}")


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Preset, dict[str, str]]]:
    """The open file, its preset and its card; what goes wrong in the block is said of `path`."""
    hint = "Choose another weights file, or leave the choice empty to use the embedded one."
    if not path.is_file():
        raise EngineError("bad_weights", Sentence("There is no weights file {path}.", path=path), hint)
    if path.suffix in (".pt", ".pth"):
        hint = Sentence(
            "Convert a checkpoint first: python -m engine weights import {file} NAME.safetensors.",
            file=path.name,
        )
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise ValueError("it was not written by PIFuHD for Blender")
            preset = Preset.from_dict(json.loads(metadata["preset"]))
            card = {str(k): str(v) for k, v in json.loads(metadata["card"]).items()}
            yield file, preset, card
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, OSError, RuntimeError) as error:
        if isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error):
            raise EngineError(
                "out_of_memory",
                Sentence("The weights of {path} do not fit into memory.", path=path),
                "Close other programs, set the device to cpu, or use the compact weights.",
            ) from error
        raise EngineError(
            "bad_weights",
            Sentence("The weights file {path} cannot be used: {error}.", path=path, error=error),
            hint,
        ) from error
