# SPDX-License-Identifier: GPL-3.0-or-later
"""About how long a reconstruction will take, how much memory, how many vertices. Free of bpy.

Measured with weights compact and one thread on one core of a server's processor, `samples/person_1.jpg`:

    resolution   128     256     512
    seconds      1.7     2.3     5.3     (and 1.4 for loading the weights, once)
    vertices     11,458  46,022  184,532

of pifuhd on two cores 11.6 s at 256, 16.0 at 512 and 36.4 at 1024; and the most memory, in MB, of float32 and
bfloat16 (`python build.py bench`):

    resolution   256     512     1024
    compact      612     827     1,858
    pifuhd       3,264   3,221   4,188

Vertices grow with the square of the resolution, as a surface does, and so do the questions put to the
networks. `measured` then scales the seconds by what the last job of the same kind took on this machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .engine.sentences import Sentence


@dataclass(frozen=True)
class _Cost:
    """seconds = fixed + surface * (resolution / 256)^2; memory in MB likewise."""

    seconds: tuple[float, float]
    memory: tuple[float, float]


COSTS = {
    "compact": _Cost((1.4, 1.0), (480.0, 85.0)),
    "pifuhd": _Cost((10.0, 1.6), (3100.0, 65.0)),
}
VERTICES = 46_000  # at 256, of somebody who stands; wide clothes have more

_factors: dict[tuple[str, str], float] = {}


def kind(settings: Mapping[str, Any]) -> tuple[int, str, str]:
    """(resolution, weights, device) of the engine's settings, which the functions below take."""
    name = settings.get("weights") or "compact"
    return settings.get("resolution", 256), name if name in COSTS else "file", settings.get("device", "auto")


def seconds(resolution: int, weights: str, device: str) -> float:
    """Of a job whose weights are loaded. weights: a key of COSTS; any other counts as the largest."""
    return _predicted(resolution, weights) * _factors.get((weights, device), 1.0)


def megabytes(resolution: int, weights: str) -> float:
    """Memory of the engine's process, with PyTorch, at its peak."""
    fixed, surface = _cost(weights).memory
    return fixed + surface * (resolution / 256) ** 2


def vertices(resolution: int) -> int:
    """Of a mesh of triangles that is not reduced."""
    return round(VERTICES * (resolution / 256) ** 2)


def measured(resolution: int, weights: str, device: str, took: float) -> None:
    """Learn from a job that took so many seconds."""
    factor = took / _predicted(resolution, weights)
    _factors[weights, device] = min(max(factor, 0.01), 100.0)


def forget() -> None:
    _factors.clear()


def cost(resolution: int, weights: str, device: str) -> tuple[str, float, int]:
    """Time in words, gigabytes of memory, and vertices, rounded to what such an estimate is worth."""
    time = duration(seconds(resolution, weights, device))
    return time, megabytes(resolution, weights) / 1000, _rounded(vertices(resolution))


def duration(value: float) -> str:
    """Seconds in words: "less than 1 s", "40 s", "3 min", "1 h 20 min"."""
    if value < 1:
        return Sentence("less than 1 s")
    if value < 90:
        return Sentence("{seconds} s", seconds=_rounded(value) if value >= 20 else round(value))
    minutes = round(value / 60)
    if minutes < 60:
        return Sentence("{minutes} min", minutes=minutes)
    return Sentence("{hours} h {minutes} min", hours=minutes // 60, minutes=minutes % 60)


def _rounded(value: float) -> int:
    """To two digits."""
    step: int = 10 ** max(len(str(int(value))) - 2, 0)
    return round(value / step) * step


def _cost(weights: str) -> _Cost:
    return COSTS.get(weights, COSTS["pifuhd"])


def _predicted(resolution: int, weights: str) -> float:
    fixed, surface = _cost(weights).seconds
    return fixed + surface * (resolution / 256) ** 2
