# SPDX-License-Identifier: GPL-3.0-or-later
"""People made beside the training, by a process of its own, so that one command does everything."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ENOUGH = 100
"""People that training begins with. Each stage reads anew who is there."""
LOOK_SECONDS = 0.5


def pool_command(pool: Path, people: int, makers: int, views: int, size: int) -> list[str]:
    """The command that makes a pool, in this Python; size: pixels a side of its `views` views a person."""
    amounts = {"--people": people, "--workers": makers, "--views": views, "--size": size}
    told = [text for name, amount in amounts.items() for text in (name, str(amount))]
    return [sys.executable, "-m", "training", "pool", str(pool), "--attended", *told]


@contextmanager
def people_made(command: Sequence[str], log: Path, made: Path, enough: int) -> Iterator[None]:
    """Run `command` in the background while the block runs, which begins when the folder `made` holds the
    files of `enough` people; what it prints goes to the file `log`. It is ended with the block, whatever ends
    that.

    Raises ValueError where it ends before there are enough.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as output:
        # a session of its own: ended as a whole, and Ctrl-C is for the training alone; a pipe that closes
        # with this process, also where it is killed
        maker = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=output, stderr=output, start_new_session=True
        )
    # asked to end, Python would do so without a look at what follows
    usual = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        while _count(made) < enough:
            code = maker.poll()
            if code is not None and _count(made) < enough:
                raise ValueError(
                    f"Making people ended with code {code} when {_count(made)} of {enough} were there: "
                    f"{_last_line(log)} The rest is in {log}."
                )
            time.sleep(LOOK_SECONDS)
        yield
    finally:
        signal.signal(signal.SIGTERM, usual)
        _end(maker)


def _count(folder: Path) -> int:
    return len(list(folder.glob("*.npz")))


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing."


def _end(maker: subprocess.Popen[bytes]) -> None:
    """End the process and, where the system knows sessions, the workers that it started."""
    if sys.platform == "win32":
        maker.terminate()
    else:
        try:
            # also after the maker itself has ended: its workers may be left
            os.killpg(maker.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
    maker.wait()
