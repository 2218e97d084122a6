# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user may choose for a reconstruction, checked on construction."""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass
from typing import Any, Self

from .errors import EngineError

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "float32", "bfloat16")
TOPOLOGIES = ("triangles", "quads")
COLOURS = ("photograph", "normals", "none")
LARGEST = sys.float_info.max  # whole numbers of JSON may be larger, and no float then
LONGEST_PATH = 4096  # characters


@dataclass(frozen=True)
class Settings:
    """What a user may choose for a reconstruction. EngineError bad_settings for values out of range."""

    resolution: int = 256  # nodes a side of the occupancy grid: 64..1024 in steps of 32
    height: float = 1.75  # metres, 0.1..10: the person's stature, whatever the pose and however much is seen
    span: float | None = None  # metres, 0.01..100: what the crop's side measures; None: found from the height
    box: tuple[float, float, float, float] | None = None  # x0, y0, x1, y1, source pixels; None: found
    person: int = 1  # 1..100: which of the people found in the picture, from the largest on
    topology: str = "triangles"  # one of TOPOLOGIES
    faces: int = 0  # 0 (all) or 100..10,000,000: how many triangles to reduce the mesh to
    clean: bool = True  # drop what floats around the person
    smooth: int = 0  # Taubin iterations, 0..50
    colour: str = "photograph"  # one of COLOURS
    weights: str | None = None  # a file of this machine, or a name of the registry; None: the embedded one
    device: str = "auto"  # one of DEVICES
    precision: str = "auto"  # one of PRECISIONS: of the networks' layers; auto: what is fastest on the device

    def __post_init__(self) -> None:
        check(_is_int(self.resolution) and 64 <= self.resolution <= 1024 and self.resolution % 32 == 0,
              f"The resolution {self.resolution!r} is not one of 64, 96, ... 1024.", "Choose 256.")
        check(_is_number(self.height) and 0.1 <= self.height <= 10.0,
              f"The height {self.height!r} is not between 0.1 and 10 metres.", "Give it in metres, as 1.75.")
        check(self.span is None or (_is_number(self.span) and 0.01 <= self.span <= 100.0),
              f"The span {self.span!r} is not between 0.01 and 100 metres.",
              "Give what the square around the person measures in metres, or leave it out.")
        check(_is_int(self.person) and 1 <= self.person <= 100,
              f"The person {self.person!r} is not a whole number from 1 to 100.", "Choose 1, the largest.")
        check(self.topology in TOPOLOGIES, f"The topology {self.topology!r} is unknown.",
              f"Choose one of {', '.join(TOPOLOGIES)}.")
        check(_is_int(self.faces) and (self.faces == 0 or 100 <= self.faces <= 10_000_000),
              f"The face count {self.faces!r} is neither 0 nor between 100 and 10,000,000.",
              "Choose 0 to keep all faces.")
        check(self.faces == 0 or self.topology == "triangles",
              "Reducing the faces makes triangles, so it does not go with quads.",
              "Choose triangles, or leave the face count at 0.")
        check(isinstance(self.clean, bool), f"The clean-up setting {self.clean!r} is not a truth value.",
              "Choose true or false.")
        check(_is_int(self.smooth) and 0 <= self.smooth <= 50,
              f"The smoothing {self.smooth!r} is not a whole number from 0 to 50.", "Choose 0.")
        check(self.colour in COLOURS, f"The colour {self.colour!r} is unknown.",
              f"Choose one of {', '.join(COLOURS)}.")
        check(self.weights is None or _is_plain_path(self.weights),
              f"The weights setting {self.weights!r:.200} is no plain path on this machine.",
              "Give the path of a weights file.")
        check(self.device in DEVICES, f"The device {self.device!r} is unknown.",
              f"Choose one of {', '.join(DEVICES)}.")
        check(self.precision in PRECISIONS, f"The precision {self.precision!r} is unknown.",
              f"Choose one of {', '.join(PRECISIONS)}.")
        if self.box is not None:
            whole = isinstance(self.box, tuple) and len(self.box) == 4 and all(map(_is_number, self.box))
            check(whole and self.box[0] < self.box[2] and self.box[1] < self.box[3],
                  f"The person box {self.box!r} is not x0, y0, x1, y1 with x0 < x1 and y0 < y1.",
                  "Draw it around the person again.")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Settings from the link or the command line; EngineError bad_settings on unknown keys."""
        names = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(str(key) for key in values if key not in names)
        known = f"Known are {', '.join(sorted(names))}."
        check(not unknown, f"There are unknown settings: {', '.join(unknown)}.", known)
        box = values.get("box")
        return cls(**{**values, "box": tuple(box) if isinstance(box, list) else box})


def check(holds: bool, text: str, hint: str) -> None:
    """Raise EngineError bad_settings with text and hint unless it holds."""
    if not holds:
        # The values stand in it, and over the link they may be as long as a header.
        raise EngineError("bad_settings", text if len(text) <= 500 else f"{text[:499]}…", hint)


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= LARGEST


def _is_plain_path(value: object) -> bool:
    """Whether it names nothing but a file here: no address, no Windows share or device (two slashes), which
    would be connected to by looking at it, and nothing that no file system takes."""
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_PATH:
        return False
    strange = any(ord(one) < 32 or 0xD800 <= ord(one) <= 0xDFFF for one in value)
    return not strange and "://" not in value and value.replace("\\", "/")[:2] != "//"
