# SPDX-License-Identifier: GPL-3.0-or-later
"""Which device computes what, and in which precision the layers of the networks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from .sentences import Sentence
from .settings import DEVICES, PRECISIONS, check


def choose_device(name: str) -> torch.device:
    """The device for a setting of DEVICES; EngineError bad_settings when this machine has none such."""
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    check(name in DEVICES, Sentence("The device {device} is unknown.", device=repr(name)),
          Sentence("Choose one of {devices}.", devices=", ".join(DEVICES)))
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if present[kind])
    text = Sentence("This machine has no {device} device that PyTorch can use.", device=name)
    check(present[name], text, "Choose the device auto.")
    return torch.device(name)


def surface_device(device: torch.device) -> torch.device:
    """Where the surface is computed for networks on a device: there on CUDA, on the CPU for MPS, which has no
    float64."""
    return device if device.type == "cuda" else torch.device("cpu")


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """torch.float32 or torch.bfloat16 for a setting of PRECISIONS.

    "auto" is bfloat16 on processors with a matrix unit for it (AMX). With a vector unit alone (AVX-512) the
    encoders and the normal net of `compact` take 1.25 to 1.45 times as long in it as in float32, measured
    with the matrix unit turned off. Raises EngineError bad_settings for bfloat16 on a GPU, where it was never
    measured.
    """
    check(
        name in PRECISIONS,
        Sentence("The precision {precision} is unknown.", precision=repr(name)),
        Sentence("Choose one of {precisions}.", precisions=", ".join(PRECISIONS)),
    )
    on_cpu = device.type == "cpu"
    check(
        name != "bfloat16" or on_cpu,
        Sentence("The {device} device computes in float32 only.", device=device.type),
        "Choose the precision auto, or the device cpu.",
    )
    if name == "auto":
        name = "bfloat16" if on_cpu and torch.cpu.get_capabilities().get("amx_bf16", False) else "float32"
    return torch.bfloat16 if name == "bfloat16" else torch.float32


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Have PyTorch compute on a CPU with so many threads.

    The surface is made of many small steps, at each of which all threads wait for the last: two save a tenth
    of its time where nothing else runs, and take seven times as long as one where another program has a core.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
