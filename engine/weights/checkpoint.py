# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints in the released format: {'opt', 'opt_netG', 'model_state_dict'}, written by PyTorch.

'opt_netG' describes the coarse level, 'opt' the fine one; the network is built from them. A checkpoint of a
single level has 'opt' alone, and its keys lack the prefix "netG.".
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from ..errors import EngineError
from ..sentences import Sentence
from .files import build_empty, check_shapes, first_names, is_finite, save_tensors, sha256_of
from .presets import PRESETS, Encoder, Level, NormalNets, Preset
from .registry import PUBLISHED_LICENCE

CHANNELS: Final = (64, 128, 128, 256)
"""Of the encoder's stem and blocks; no option changes them."""
GROUPS: Final = 32
"""Of every group norm in the format."""


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds. tensors: under the first names of `preset`'s parameters, float, on the CPU,
    where possible mapped from the file; sha256 of the file."""

    preset: Preset
    tensors: dict[str, Tensor]
    sha256: str


def import_checkpoint(source: Path, target: Path, dtype: torch.dtype = torch.float16) -> Checkpoint:
    """Write a checkpoint as weights of `dtype` to `target`, which appears whole or not at all.

    Raises EngineError: bad_weights as `read_checkpoint` and for values beyond `dtype`, io.
    """
    if target.suffix != ".safetensors":
        raise EngineError(
            "io", Sentence("{file} does not end in .safetensors.", file=target), "Choose such a name."
        )
    if not target.parent.is_dir():
        raise EngineError(
            "io", Sentence("The folder {folder} does not exist.", folder=target.parent), "Make it first."
        )
    checkpoint = read_checkpoint(source)
    card = {
        "preset": checkpoint.preset.name,
        "licence": PUBLISHED_LICENCE,
        "made": f"imported from {source.name}, a checkpoint in the format released by the authors of PIFuHD",
        "source sha256": checkpoint.sha256,
        "precision": str(dtype).removeprefix("torch."),
    }
    try:
        save_tensors(target, checkpoint.preset, checkpoint.tensors, card, dtype)
    except OSError as error:
        raise EngineError(
            "io",
            Sentence("{file} cannot be written: {error}.", file=target, error=error),
            "Make room, or choose another place.",
        ) from error
    return checkpoint


def read_checkpoint(path: Path) -> Checkpoint:
    """Read and check a checkpoint: options, names, shapes, finite values.

    Nothing in the file is executed: PyTorch unpickles tensors, plain values and argparse.Namespace alone.
    Raises EngineError("bad_weights").
    """
    hint = "Choose the checkpoint as it was released, or download it anew."
    if not path.is_file():
        raise EngineError(
            "bad_weights", Sentence("There is no checkpoint {path}.", path=path), "Check the path."
        )
    try:
        content = _unpickled(path)
        coarse, fine, state = _parts(content)
        preset = _preset(coarse, fine, {name: tuple(value.shape) for name, value in state.items()})
        tensors = _tensors(state, preset)
    except (ValueError, TypeError) as error:
        raise EngineError(
            "bad_weights",
            Sentence("The checkpoint {path} cannot be imported: {error}.", path=path, error=error),
            hint,
        ) from error
    return Checkpoint(preset, tensors, sha256_of(path))


def _unpickled(path: Path) -> object:
    # Only PyTorch's newer format, a zip, can be mapped; 2020's is one pickle, which is read into memory.
    # On Windows a mapped file can be neither renamed nor removed, so that a download could not be tidied up.
    mapped = zipfile.is_zipfile(path) and os.name != "nt"
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception as error:  # a damaged pickle can raise anything at all
        other = re.search(r"GLOBAL (\S+)", str(error))
        if other:
            text = f"it holds {other[1]}, which could run code, and not only tensors and options"
            raise ValueError(text) from error
        if isinstance(error, MemoryError) or "allocate memory" in str(error):
            raise EngineError(
                "out_of_memory",
                Sentence("The checkpoint {path} does not fit into memory.", path=path),
                "Close other programs.",
            ) from error
        raise ValueError("it is damaged, cut short, or no checkpoint of PyTorch") from error


Options = Mapping[str, Any]


def _parts(content: object) -> tuple[Options, Options | None, dict[str, Tensor]]:
    """The coarse level's options, the fine level's, and the state with every name as this engine has it."""
    if not isinstance(content, dict):
        raise ValueError("it is no dictionary")
    state = content.get("model_state_dict")
    if not isinstance(state, dict) or not isinstance(content.get("opt"), argparse.Namespace):
        raise ValueError("it lacks 'opt' and 'model_state_dict', without which its sizes are unknown")
    for name, value in state.items():
        plain = isinstance(value, Tensor) and value.layout == torch.strided and not value.is_quantized
        if not isinstance(name, str) or not plain:
            raise ValueError(f"{name!r} is no plain tensor")
    options = vars(content["opt"])
    if "opt_netG" not in content:
        return options, None, {f"netG.{name}": value for name, value in state.items()}
    if not isinstance(content["opt_netG"], argparse.Namespace):
        raise ValueError("'opt_netG' holds no options")
    return vars(content["opt_netG"]), options, dict(state)


def _preset(coarse: Options, fine: Options | None, shapes: Mapping[str, tuple[int, ...]]) -> Preset:
    front, back = (bool(coarse.get(f"use_{side}_normal", False)) for side in ("front", "back"))
    if front != back:
        raise ValueError("it uses only one of the two normal maps (use_front_normal, use_back_normal)")
    channels = 9 if front else 3
    down = coarse.get("hg_down")
    if down not in ("ave_pool", "no_down"):
        raise ValueError(f"its option hg_down is {down!r}; known are 'ave_pool' and 'no_down'")
    size = _whole(coarse, "loadSize")
    level = _level(coarse, channels, pool=down == "ave_pool")
    preset = Preset(
        name="imported",
        coarse_size=size,
        # Not by the stored load sizes, which are those of the training: the published program always takes a
        # fine picture of twice the side.
        fine_size=0 if fine is None else 2 * size,
        padding="black",
        depth_scale=size // 2 / _number(coarse, "z_size"),
        omega_layer=_omega_layer(coarse, len(level.mlp), fine is not None),
        normals=_normal_nets(shapes) if front else None,
        coarse=level,
        # Whatever its options say, the published program never lets the fine level pool.
        fine=None if fine is None else _level(fine, channels, pool=False),
    )
    same = [known for known in PRESETS.values() if replace(known, name=preset.name) == preset]
    return same[0] if same else preset


def _omega_layer(coarse: Options, widths: int, tapped: bool) -> int:
    if not tapped:
        return widths // 2 - 1  # as in the preset `pifu`; a single level hands nothing on
    merge = _whole(coarse, "merge_layer", least=-1)
    return merge if merge > 0 else widths // 2  # what the format means by -1 and 0


def _level(options: Options, channels: int, pool: bool) -> Level:
    norm, mlp_norm = options.get("norm"), options.get("mlp_norm")
    if norm not in ("group", "batch"):
        raise ValueError(f"its option norm is {norm!r}; known are 'group' and 'batch'")
    if mlp_norm not in ("none", "group", "batch"):
        raise ValueError(f"its option mlp_norm is {mlp_norm!r}; known are 'none', 'group' and 'batch'")
    encoder = Encoder(
        in_channels=channels,
        channels=CHANNELS,
        out_channels=_whole(options, "hg_dim"),
        stacks=_whole(options, "num_stack"),
        depth=_whole(options, "hg_depth"),
        pool=pool,
        groups=GROUPS,
        norm=norm,
    )
    return Level(encoder, _wholes(options, "mlp_dim"), _wholes(options, "mlp_res_layers"), mlp_norm)


def _normal_nets(shapes: Mapping[str, tuple[int, ...]]) -> NormalNets:
    """From the shapes of the front net, because no option tells its sizes."""
    def shape(name: str) -> tuple[int, ...]:
        return shapes.get(f"netG.netF.model.{name}.weight", ())

    if len(shape("1")) != 4:
        raise ValueError("its options ask for normal nets, but it holds none")
    channels = [shape("1")[0]]
    for index in itertools.count(4, 3):  # convolution, norm, ReLU
        if len(shape(str(index))) != 4:
            blocks = sum(bool(shape(f"{index + i}.conv_block.1")) for i in range(len(shapes)))
            return NormalNets(False, tuple(channels), blocks)
        channels.append(shape(str(index))[0])
    raise AssertionError  # count never ends


def _tensors(state: Mapping[str, Tensor], preset: Preset) -> dict[str, Tensor]:
    """The tensors under their parameters' first names; of two names the later wins, as in PyTorch."""
    network = build_empty(preset)
    check_shapes({name: tuple(value.shape) for name, value in state.items()}, network)
    floating = {name for name, value in network.state_dict().items() if value.is_floating_point()}
    first = first_names(network)
    tensors = {}
    for name, value in state.items():
        if value.is_floating_point() != (name in floating):
            raise ValueError(f"{name} is of the type {value.dtype}")
        if not is_finite(value):
            raise ValueError(f"{name} has values that are not finite")
        tensors[first[name]] = value
    return tensors


def _whole(options: Options, name: str, least: int = 1) -> int:
    value = options.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"its option {name} is {value!r}, no whole number from {least}")
    return value


def _wholes(options: Options, name: str) -> tuple[int, ...]:
    values = options.get(name)
    if not isinstance(values, (list, tuple)) or not all(type(value) is int for value in values):
        raise ValueError(f"its option {name} is {values!r}, no list of whole numbers")
    return tuple(values)


def _number(options: Options, name: str) -> float:
    value = options.get(name)
    if not isinstance(value, (int, float)) or not math.isfinite(value) or value <= 0:
        raise ValueError(f"its option {name} is {value!r}, no number above 0")
    return float(value)
