# SPDX-License-Identifier: GPL-3.0-or-later
"""What the machine needs to be told before training, and what the card tells of it."""

from __future__ import annotations

import ctypes
import platform
import sys

import torch

from .distributed import Team


def prepare(device: torch.device) -> None:
    """Settings of the process that make its steps faster, and change nothing else."""
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True  # every batch has the same size
        torch.set_float32_matmul_precision("high")
    elif sys.platform == "linux":
        _keep_freed_memory()


def mixed_precision(device: torch.device) -> torch.autocast:
    """Where bfloat16 is at home, forward passes use it; its range needs no scaling of the loss."""
    known = device.type != "cuda" or torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.autocast(device.type, torch.bfloat16, enabled=known)


def describe(team: Team) -> str:
    """The hardware in words."""
    if team.device.type == "cuda":
        return f"{team.world} x {torch.cuda.get_device_name(team.device)}"
    threads = torch.get_num_threads()
    return f"{team.world} x {threads} threads of {platform.processor() or platform.machine()}"


def _keep_freed_memory() -> None:
    """Tell glibc not to hand memory back: `top` showed the kernel busy zeroing pages until this was set."""
    trim_threshold, top_pad, mmap_max = -1, -2, -4
    libc = ctypes.CDLL(None)
    libc.mallopt(mmap_max, 0)
    libc.mallopt(trim_threshold, 2**31 - 1)
    libc.mallopt(top_pad, 2**28)
