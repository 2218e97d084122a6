# SPDX-License-Identifier: GPL-3.0-or-later
"""Which PyTorch suits this machine: for what device, from which index, how large. Free of bpy.

The indexes are those of PyTorch 2.13: its compatibility matrix has CUDA 12.6, 13.0, 13.2 and ROCm 7.2.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .engine.sentences import Sentence

AUTOMATIC: Final = 'AUTO'
PYTORCH_INDEX: Final = "https://download.pytorch.org/whl/"
CUDA_LATEST: Final = "cu130"
CUDA_OLDER: Final = "cu126"
"""For drivers before 580, which CUDA 13 needs, and for cards before Turing, which its wheels leave out."""


@dataclass(frozen=True)
class Device:
    """What PyTorch can be installed for.

    label: the wheels' local version and the last part of their index; "" where PyPI's own wheels are right.
    download_mb: megabytes of all packages, None where their publisher does not tell; room_mb: free disk space
    that setup needs for the downloads, their copies and the environment.
    """

    key: str
    name: str
    label: str
    download_mb: int | None
    room_mb: int


def in_words(megabytes: float) -> str:
    """Megabytes as a person would say them: 338 MB, 2.9 GB."""
    if megabytes >= 1000:
        return Sentence("{amount} GB", amount=f"{megabytes / 1000:.1f}")
    return Sentence("{amount} MB", amount=f"{megabytes:.0f}")


def _offered() -> tuple[Device, ...]:
    # Sums of the listed wheels for Python 3.13. The environment for the processor has 1.3 GB on disk.
    if sys.platform == "darwin":
        return (Device('MPS', "Apple", "", 230, 2_000),)
    windows = os.name == "nt"
    cuda = Device('CUDA', "NVIDIA", CUDA_LATEST, 2_700 if windows else 2_900, 12_000)
    cpu = Device('CPU', "Processor only", "cpu", 250 if windows else 340, 2_000)
    return (cuda, cpu) if windows else (cuda, Device('ROCM', "AMD", "rocm7.2", None, 25_000), cpu)


OFFERED: Final = _offered()
"""What PyTorch publishes for this platform."""


def unsupported() -> str:
    """Why PyTorch has no packages for this machine, in one sentence; "" where it has."""
    if sys.platform == "darwin" and platform.machine() != "arm64":
        return "PyTorch no longer publishes packages for Macs with Intel processors."
    return ""


def find(key: str) -> Device:
    """The device of a key; AUTOMATIC: the best one whose driver is here. Looks at files only: quick."""
    if key != AUTOMATIC:
        return next(device for device in OFFERED if device.key == key)
    return next((device for device in OFFERED if _FINDERS[device.key]()), OFFERED[-1])


def _has_nvidia() -> bool:
    if os.name == "nt":
        return (Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32" / "nvcuda.dll").is_file()
    return Path("/proc/driver/nvidia/version").is_file() or shutil.which("nvidia-smi") is not None


_FINDERS: Final[dict[str, Callable[[], bool]]] = {
    'CUDA': _has_nvidia,
    'ROCM': Path("/dev/kfd").exists,  # the compute interface of AMD's driver
    'MPS': lambda: True,
    'CPU': lambda: True,
}


def wheel_label(device: Device) -> str:
    """The label of the wheels to install; asks NVIDIA's driver for its version, which may take seconds."""
    if device.key != 'CUDA':
        return device.label
    program = shutil.which("nvidia-smi")
    if program is None:
        return CUDA_LATEST
    try:
        answer = subprocess.run(
            [program, "--query-gpu=driver_version,compute_cap", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=30.0,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return CUDA_LATEST  # the driver is broken, which doctor tells better than a failed setup
    return cuda_label(answer)


def cuda_label(answer: str) -> str:
    """The wheels for what nvidia-smi told: a line of "driver, compute capability" for each card."""
    cards = re.findall(r"^(\d+)[\d.]*, (\d+)\.(\d+)$", answer, re.MULTILINE)
    new = [int(driver) >= 580 and (int(major), int(minor)) >= (7, 5) for driver, major, minor in cards]
    return CUDA_LATEST if not new or any(new) else CUDA_OLDER
