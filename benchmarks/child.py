# SPDX-License-Identifier: GPL-3.0-or-later
"""A process that runs one of the procedures whenever it is told to, so that its memory is its own.

    python -m benchmarks.child '{"procedure": "ours", "preset": "compact", ...}'

It says when it is ready, then answers each line of its standard input, a path, with a run that writes an OBJ
there and its vertices beside it; each answer is one line of JSON. It ends with its input.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

ROOT = Path(__file__).resolve().parents[1]
ROUNDED: Final = "ours in bfloat16"
PROCEDURES: Final = ("ours", ROUNDED, "published")
"""The first and the last in float32."""


@dataclass(frozen=True)
class Case:
    """preset: a name of engine.weights.PRESETS; device: cpu or cuda; photo: path of a picture."""

    preset: str
    resolution: int
    device: str
    photo: str


class ChildEnded(Exception):
    """A measured process ended before it answered."""


class Child:
    """The parent's end. procedure: one of PROCEDURES. ready: seconds of imports and of loading `weights`."""

    def __init__(self, procedure: str, case: Case) -> None:
        spec = json.dumps({"procedure": procedure, **asdict(case)})
        command = [sys.executable, "-m", "benchmarks.child", spec]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        self.ready = self._heard()

    def run(self, target: Path) -> dict[str, Any]:
        """One run: what `measured.Measured` tells of it, and of the first, warm one. Raises ChildEnded."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{target}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it ended while the other one ran; with which code is told below
        return self._heard()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def _heard(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            raise ChildEnded(
                f"A measured process ended with code {code}. The lines above say why; where there are"
                " none, memory ran out: measure lower resolutions."
            )
        heard: dict[str, Any] = json.loads(line)
        return heard


def serve(spec: dict[str, Any]) -> None:
    """Be the child."""
    began = time.perf_counter()
    from engine.weights import DEFAULT_WEIGHTS, load_weights

    from .measured import Measured

    imported = time.perf_counter()
    load_weights(DEFAULT_WEIGHTS)
    loaded = time.perf_counter()
    measured = Measured(spec["procedure"], spec["preset"], Path(spec["photo"]), spec["device"])
    print(json.dumps({"imports": imported - began, "weights": loaded - imported}), flush=True)
    warm: dict[str, Any] = {}
    for line in sys.stdin:
        target = Path(line.strip())
        warm = warm or measured.warm(spec["resolution"], target)
        print(json.dumps(measured.run(spec["resolution"], target) | warm), flush=True)


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))
