# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's log: a file for each Blender, of bounded size, removed when its Blender is long gone."""

from __future__ import annotations

import io
import os
import re
import time
from pathlib import Path
from typing import Any, Final, NoReturn, TextIO

LOG_BYTES: Final = 1 << 20
"""A longer log becomes its own predecessor, engine-PID.log.1."""

CHECK_SECONDS: Final = 2.0
"""How often a running engine looks at the size of its log."""

KEPT: Final = 4
"""Logs of Blenders that have ended, kept for whoever wants to know why."""

_NAME: Final = re.compile(r"engine-(\d+)\.log(\.1)?")


def log_path(folder: Path) -> Path:
    """The log of this process's engine in a folder that several Blenders share: engine-PID.log."""
    return folder / f"engine-{os.getpid()}.log"


def remove_old(folder: Path) -> None:
    """Remove the logs of Blenders that have ended, except the KEPT newest. Other files are left alone."""
    aged: list[tuple[float, Path]] = []
    for path in folder.iterdir():
        name = _NAME.fullmatch(path.name)
        if name and not _lives(int(name[1])):
            try:
                aged.append((path.stat().st_mtime, path))
            except FileNotFoundError:
                pass  # another Blender tidies up as well
    for _, path in sorted(aged, reverse=True)[KEPT:]:
        try:
            path.unlink()
        except OSError:
            pass  # on Windows a log that an engine still writes to; or another Blender was first


def _lives(pid: int) -> bool:
    if os.name != "posix":
        return False  # Windows keeps open files from being removed, and its os.kill ends the process
    try:
        os.kill(pid, 0)
    except OSError:  # there is no such process, or it is another user's: none of this folder's owner
        return False
    return True


def keep_short(log: Path) -> NoReturn:
    """Rotate this process's log whenever it has grown long. For a thread of its own."""
    while True:
        rotate(log, 2)
        time.sleep(CHECK_SECONDS)


def rotate(log: Path, descriptor: int) -> None:
    """Move a log of more than LOG_BYTES to its predecessor, cut to its last LOG_BYTES.

    descriptor: open for writing; nothing happens where it is not open on `log`. By copying, not by renaming:
    Windows does not rename open files, and the parent's handle would go with it. A line that is written
    meanwhile can be lost.
    """
    try:
        if not os.path.samestat(os.fstat(descriptor), log.stat()):
            return
    except FileNotFoundError:
        return  # removed by the user
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        if size <= LOG_BYTES:
            return
        file.seek(size - LOG_BYTES)
        content = file.read(LOG_BYTES)
    try:
        log.with_name(log.name + ".1").write_bytes(content)
    except OSError:
        pass  # a full disk needs the room more than anybody needs the predecessor
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)  # an inherited handle of Windows writes where it stands


def forgiving(descriptor: int) -> TextIO:
    """A stream to a log that drops what a full disk does not take: the log is help, not a condition."""
    raw = _Forgiving(descriptor, "w", closefd=False)
    return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", write_through=True)


class _Forgiving(io.FileIO):
    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes
