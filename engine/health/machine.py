# SPDX-License-Identifier: GPL-3.0-or-later
"""The interpreter, the memory and the disks."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

from ..findings import Finding
from ..sentences import Sentence
from ..weights.registry import REGISTRY, weights_folder
from .packages import Probe

GIB: Final = 2**30
NEEDS: Final = {"compact": 0.6, "pifuhd": 3.1}
"""GiB at 512: what `python -m benchmarks.peak_memory PRESET 512` measures on the processor, rounded up."""

RUN_FOLDER_BYTES: Final = 1 << 20
"""A socket and a line of log need less."""

MEMINFO: Final = Path("/proc/meminfo")
GROUP_LIMITS: Final = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
"""Where Linux tells how much memory a container may have, in version 2 and 1."""


def python() -> Finding:
    """Which Python this is. One that is too old does not come so far: see engine/__main__.py."""
    return Finding(
        "python",
        "ok",
        Sentence("Python {version} in {prefix}.", version=platform.python_version(), prefix=sys.prefix),
    )


def memory(probe: Probe) -> Finding:
    """Whether the machine and its GPU have the memory that the weights on this machine need."""
    names = [name for name, entry in REGISTRY.items() if entry.state != "not downloaded"]
    most = max(names, key=lambda name: NEEDS[name])
    total, free = main_memory()
    here = Sentence(
        "{free} of {total} GiB main memory are free", free=f"{free / GIB:.1f}", total=f"{total / GIB:.1f}"
    )
    close = Sentence("Close other programs before a reconstruction.")
    if total < NEEDS["compact"] * GIB:
        text = Sentence(
            "{here}, and even the compact weights need {needed} GiB.", here=here, needed=NEEDS["compact"]
        )
        return Finding("memory", "problem", text, "Use a machine with more memory.")
    if free < NEEDS[most] * GIB:
        hint = (
            close
            if total > 2 * NEEDS[most] * GIB
            else Sentence("{close} The compact weights need less.", close=close)
        )
        return Finding(
            "memory",
            "warning",
            Sentence(
                "{here}, and {most} weights need {needed} GiB.", here=here, most=most, needed=NEEDS[most]
            ),
            hint,
        )
    if probe.device.get("total"):
        here = Sentence(
            "{here}, {free} of {total} GiB of the GPU's",
            here=here,
            free=f"{probe.device['free'] / GIB:.1f}",
            total=f"{probe.device['total'] / GIB:.1f}",
        )
        if probe.device["free"] < NEEDS[most] * GIB:
            text = Sentence(
                "{here}, and {most} weights need {needed} GiB.", here=here, most=most, needed=NEEDS[most]
            )
            return Finding(
                "memory", "warning", text, Sentence("{close} Or set the device to cpu.", close=close)
            )
    return Finding(
        "memory",
        "ok",
        Sentence("{here}; {most} weights need {needed} GiB.", here=here, most=most, needed=NEEDS[most]),
    )


def main_memory() -> tuple[int, int]:
    """Bytes of main memory that this process may use: in all, and free now."""
    if sys.platform == "win32":
        return _windows_memory()
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    free = total  # macOS hands out what files occupy, and has no plain figure for it
    if MEMINFO.is_file():
        lines = dict(line.split(":") for line in MEMINFO.read_text(encoding="ascii").splitlines())
        free = int(lines["MemAvailable"].split()[0]) * 1024
    for limit in GROUP_LIMITS:
        if limit.is_file() and (text := limit.read_text(encoding="ascii").strip()) != "max":
            total = min(total, int(text))
    return total, min(total, free)


def _windows_memory() -> tuple[int, int]:
    # MEMORYSTATUSEX: its own length and a percentage as 32 bits, then seven sizes as 64
    status = (ctypes.c_uint64 * 8)()
    ctypes.cast(status, ctypes.POINTER(ctypes.c_uint32))[0] = ctypes.sizeof(status)
    if not ctypes.windll.kernel32.GlobalMemoryStatusEx(status):  # type: ignore[attr-defined, unused-ignore]
        raise OSError("Windows does not tell how much memory there is")
    return status[1], status[2]


def disk() -> Finding:
    """Whether there is room where sockets are made, and where weights would be downloaded to."""
    run_folder, folder = Path(tempfile.gettempdir()), weights_folder()
    run_free, free = (shutil.disk_usage(_existing(path)).free for path in (run_folder, folder))
    if run_free < RUN_FOLDER_BYTES:
        hint = "Free some space there, or set TMPDIR to a folder on another disk."
        return Finding("disk", "problem", Sentence("The disk of {folder} is full.", folder=run_folder), hint)
    missing = [entry for entry in REGISTRY.values() if entry.state == "not downloaded"]
    needed = sum(entry.about_mb * 1_500_000 for entry in missing)  # the download, and float16 beside it
    here = Sentence("{free} GB are free in {folder}", free=f"{free / 1e9:.1f}", folder=folder)
    if free < needed:
        names = ", ".join(entry.name for entry in missing)
        text = Sentence(
            "{here}, and downloading {names} needs {needed} GB.",
            here=here,
            names=names,
            needed=f"{needed / 1e9:.1f}",
        )
        hint = "Free some space, or set PIFUHD_WEIGHTS to another folder; the embedded weights need nothing."
        return Finding("disk", "warning", text, hint)
    return Finding(
        "disk",
        "ok",
        Sentence(
            "{here}, {run_free} GB in {folder}.",
            here=here,
            run_free=f"{run_free / 1e9:.1f}",
            folder=run_folder,
        ),
    )


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())
