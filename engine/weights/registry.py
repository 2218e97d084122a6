# SPDX-License-Identifier: GPL-3.0-or-later
"""Weights known by name: where they come from, under which licence, and where they are on this machine.

Standard library only: looking things up must not wait for PyTorch.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from ..errors import EngineError
from ..sentences import Sentence

PUBLISHED_LICENCE: Final = "CC BY-NC 4.0: non-commercial use only, with attribution to the authors of PIFuHD"


@dataclass(frozen=True)
class Entry:
    """Weights with a name. address: where they are downloaded from, None for those that come with the engine;
    about_mb: their download's size in megabytes, roughly; size: exactly, in bytes, and sha256 of it: None
    where we do not know. sha256 of those that come with the engine: of their file.
    """

    name: str
    what: str
    licence: str
    address: str | None
    about_mb: int
    size: int | None = None
    sha256: str | None = None

    @property
    def about(self) -> str:
        """The download's size in words."""
        if self.about_mb >= 1000:
            size = Sentence("{amount} GB", amount=f"{self.about_mb / 1000:.1f}")
        else:
            size = Sentence("{amount} MB", amount=self.about_mb)
        return Sentence("about {size}", size=size)

    @property
    def path(self) -> Path:
        """Where the engine loads them from, whether they are there or not."""
        if self.address is None:
            return Path(__file__).with_name(f"{self.name}.safetensors")
        return weights_folder() / f"{self.name}.safetensors"

    @property
    def record(self) -> Path:
        """Beside downloaded weights: JSON with the hashes at the time of the download."""
        return self.path.with_suffix(".json")

    @property
    def state(self) -> Literal["embedded", "downloaded", "not downloaded"]:
        """Whether they are on this machine."""
        if self.address is None:
            return "embedded"
        return "downloaded" if self.path.is_file() else "not downloaded"


REGISTRY: Final[dict[str, Entry]] = {
    entry.name: entry
    for entry in (
        Entry(
            name="compact",
            what="small weights of this project, trained on synthetic people; come with the engine",
            licence="CC0-1.0",
            address=None,
            about_mb=21,
            sha256="df27dd6d40a2122d84d8598fb2483cf171d8938cd4ea7dfc2d391225b337b45e",
        ),
        Entry(
            name="pifuhd",
            what="the checkpoint its authors released with the paper PIFuHD (CVPR 2020)",
            licence=PUBLISHED_LICENCE,
            address="https://dl.fbaipublicfiles.com/pifuhd/checkpoints/pifuhd.pt",
            about_mb=1548,  # 387,050,393 values of four bytes; its authors tell neither size nor hash
        ),
    )
}
"""The weights that have names. A hash stands here only if those who publish the file told it."""


def weights_folder() -> Path:
    """The folder of downloaded weights: PIFUHD_WEIGHTS, or the user's data folder as the platform has it."""
    chosen = os.environ.get("PIFUHD_WEIGHTS")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        data = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        data = Path.home() / "Library" / "Application Support"
    else:
        data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "pifuhd-blender" / "weights"


def find_weights(name_or_path: str | None) -> Path:
    """The file of a name in the registry, else the path itself, which need not exist; None: the embedded one.

    Raises EngineError("bad_weights") for a name whose file was not downloaded.
    """
    if not name_or_path:
        return REGISTRY["compact"].path
    entry = REGISTRY.get(name_or_path)
    if entry is None:
        return Path(name_or_path).expanduser()
    if entry.state == "not downloaded":
        raise EngineError(
            "bad_weights",
            Sentence("The weights {name} were not downloaded yet.", name=entry.name),
            Sentence(
                "Run `python -m engine weights download {name}` ({about}).",
                name=entry.name,
                about=entry.about,
            ),
        )
    return entry.path


def again(entry: Entry) -> str:
    """What to do where the file of weights on this machine is not what it was: one sentence."""
    if entry.address is None:
        return "Install the add-on again."
    return Sentence(
        "Remove {file} and run `python -m engine weights download {name}`.", file=entry.path, name=entry.name
    )


def read_record(entry: Entry) -> dict[str, str]:
    """What was noted when weights were downloaded: "sha256" of their file, and "source sha256" of what came.

    Raises EngineError("bad_weights").
    """
    try:
        record = json.loads(entry.record.read_text(encoding="utf-8"))
        return {name: str(record[name]) for name in ("source sha256", "sha256")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineError(
            "bad_weights",
            Sentence(
                "{file}, which holds the hashes of {name}, cannot be read.",
                file=entry.record,
                name=entry.name,
            ),
            again(entry),
        ) from error


def recorded_sha256(entry: Entry) -> str | None:
    """What the file of weights on this machine had, when they were packed or downloaded.

    Raises EngineError("bad_weights") where the note of a download cannot be read.
    """
    return entry.sha256 if entry.address is None else read_record(entry)["sha256"]
