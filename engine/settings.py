# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user may choose for a reconstruction, checked on construction."""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass
from typing import Any, Self

from .errors import EngineError
from .sentences import Sentence

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
        check(
            _is_int(self.resolution) and 64 <= self.resolution <= 1024 and self.resolution % 32 == 0,
            Sentence(
                "The resolution {resolution} is not one of 64, 96, ... 1024.",
                resolution=repr(self.resolution),
            ),
            "Choose 256.",
        )
        check(
            _is_number(self.height) and 0.1 <= self.height <= 10.0,
            Sentence("The height {height} is not between 0.1 and 10 metres.", height=repr(self.height)),
            "Give it in metres, as 1.75.",
        )
        check(
            self.span is None or (_is_number(self.span) and 0.01 <= self.span <= 100.0),
            Sentence("The span {span} is not between 0.01 and 100 metres.", span=repr(self.span)),
            "Give what the square around the person measures in metres, or leave it out.",
        )
        check(
            _is_int(self.person) and 1 <= self.person <= 100,
            Sentence("The person {person} is not a whole number from 1 to 100.", person=repr(self.person)),
            "Choose 1, the largest.",
        )
        check(
            self.topology in TOPOLOGIES,
            Sentence("The topology {topology} is unknown.", topology=repr(self.topology)),
            Sentence("Choose one of {topologies}.", topologies=", ".join(TOPOLOGIES)),
        )
        check(
            _is_int(self.faces) and (self.faces == 0 or 100 <= self.faces <= 10_000_000),
            Sentence(
                "The face count {faces} is neither 0 nor between 100 and 10,000,000.", faces=repr(self.faces)
            ),
            "Choose 0 to keep all faces.",
        )
        check(
            self.faces == 0 or self.topology == "triangles",
            "Reducing the faces makes triangles, so it does not go with quads.",
            "Choose triangles, or leave the face count at 0.",
        )
        check(
            isinstance(self.clean, bool),
            Sentence("The clean-up setting {clean} is not a truth value.", clean=repr(self.clean)),
            "Choose true or false.",
        )
        check(
            _is_int(self.smooth) and 0 <= self.smooth <= 50,
            Sentence("The smoothing {smooth} is not a whole number from 0 to 50.", smooth=repr(self.smooth)),
            "Choose 0.",
        )
        check(
            self.colour in COLOURS,
            Sentence("The colour {colour} is unknown.", colour=repr(self.colour)),
            Sentence("Choose one of {colours}.", colours=", ".join(COLOURS)),
        )
        check(
            self.weights is None or _is_plain_path(self.weights),
            Sentence(
                "The weights setting {weights} is no plain path on this machine.",
                weights=f"{self.weights!r:.200}",
            ),
            "Give the path of a weights file.",
        )
        check(
            self.device in DEVICES,
            Sentence("The device {device} is unknown.", device=repr(self.device)),
            Sentence("Choose one of {devices}.", devices=", ".join(DEVICES)),
        )
        check(
            self.precision in PRECISIONS,
            Sentence("The precision {precision} is unknown.", precision=repr(self.precision)),
            Sentence("Choose one of {precisions}.", precisions=", ".join(PRECISIONS)),
        )
        if self.box is not None:
            whole = isinstance(self.box, tuple) and len(self.box) == 4 and all(map(_is_number, self.box))
            check(
                whole and self.box[0] < self.box[2] and self.box[1] < self.box[3],
                Sentence(
                    "The person box {box} is not x0, y0, x1, y1 with x0 < x1 and y0 < y1.", box=repr(self.box)
                ),
                "Draw it around the person again.",
            )

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Settings from the link or the command line; EngineError bad_settings on unknown keys."""
        names = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(str(key) for key in values if key not in names)
        known = Sentence("Known are {names}.", names=", ".join(sorted(names)))
        check(not unknown, Sentence("There are unknown settings: {names}.", names=", ".join(unknown)), known)
        box = values.get("box")
        return cls(**{**values, "box": tuple(box) if isinstance(box, list) else box})


def check(holds: bool, text: str, hint: str) -> None:
    """Raise EngineError bad_settings with text and hint unless it holds."""
    if not holds:
        # The values stand in it, and over the link they may be as long as a header.
        if len(text) > 500:
            text = Sentence("{text}…", text=text[:499])
        raise EngineError("bad_settings", text, hint)


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
