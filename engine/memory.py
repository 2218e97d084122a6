# SPDX-License-Identifier: GPL-3.0-or-later
"""Running out of memory: told from other defects, tried once more with less, then explained."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import TypeVar

import torch

from .errors import EngineError
from .networks import PIFuHD
from .sentences import Sentence, listed
from .weights import Preset

Outcome = TypeVar("Outcome")

LESS = 8
"""The second try works on batches this many times smaller."""
MAPS = 6
"""Maps of an encoder's full width that are alive at once, at its first and largest size."""


def spared(device: torch.device, preset: Preset, work: Callable[[int], Outcome]) -> Outcome:
    """work(1), and where that runs out of memory work(LESS), the factor by which to make batches smaller.

    Raises EngineError out_of_memory when both do; other errors pass through.
    """
    try:
        return work(1)
    except (MemoryError, RuntimeError) as error:  # torch's CUDA error is a RuntimeError too
        if not _is_lack_of_memory(error):
            raise
    # outside of the handler: there the traceback would keep the failed call's tensors alive
    release(device)
    try:
        return work(LESS)
    except (MemoryError, RuntimeError) as error:
        if not _is_lack_of_memory(error):
            raise
        release(device)
        raise _explained(device, preset) from error


def needed_bytes(preset: Preset) -> int:
    """About what a preset's networks need: their parameters and the widest encoder's maps, in float32."""
    with torch.device("meta"):
        parameters = sum(value.numel() for value in PIFuHD(preset).parameters())
    sizes = [(preset.coarse, preset.coarse_size)] + ([(preset.fine, preset.fine_size)] if preset.fine else [])
    maps = max(
        level.encoder.channels[-1] * (size // (4 if level.encoder.pool else 2)) ** 2 for level, size in sizes
    )
    return 4 * (parameters + MAPS * maps)


def _is_lack_of_memory(error: BaseException) -> bool:
    text = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in text or "allocate memory" in text


def release(device: torch.device) -> None:
    """Give the device's memory back that no tensor uses any more."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def held_bytes(device: torch.device) -> int:
    """Bytes of the device's own memory that this process holds, in use or not; 0 on the CPU."""
    if device.type == "cuda":
        return torch.cuda.memory_reserved(device)
    return torch.mps.driver_allocated_memory() if device.type == "mps" else 0


def _explained(device: torch.device, preset: Preset) -> EngineError:
    needs = needed_bytes(preset) / 2**30
    text = Sentence(
        "The {device} device ran out of memory: {preset} weights need about {needs} GiB",
        device=device.type,
        preset=preset.name,
        needs=f"{needs:.1f}",
    )
    if device.type == "cuda":
        free = f"{torch.cuda.mem_get_info(device)[0] / 2**30:.1f}"
        text = Sentence("{text}, and {free} GiB are free", text=text, free=free)
    ways = [Sentence("close other programs"), Sentence("lower the resolution")]
    if preset.name != "compact":
        ways.append(Sentence("use the embedded compact weights, which need less"))
    if device.type != "cpu":
        ways.append(Sentence("set the device to cpu"))
    hint = Sentence("To go on, {ways}.", ways=listed(ways, ", or "))
    return EngineError("out_of_memory", Sentence("{text}.", text=text), hint)
