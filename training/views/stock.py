# SPDX-License-Identifier: GPL-3.0-or-later
"""The backgrounds and things that a pool's people are photographed with, made once beside them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..backgrounds import build_backgrounds
from ..distractors import build_sprites, sprite_metres
from ..whole import written_whole
from .scene import Props

STOCK_FILE = "stock.json"


@dataclass(frozen=True)
class StockFormat:
    """How many backgrounds, and things of each kind, and their sides in pixels."""

    backgrounds: int = 300
    background_size: int = 512
    things: int = 64
    thing_size: int = 256


def build_stock(folder: Path, form: StockFormat, photographs: Path | None = None, seed: int = 0) -> None:
    """Make the backgrounds and things of a pool, those that are not there yet, and note which it uses.

    photographs: a folder of the user's own to cut backgrounds from. Raises ValueError where it holds none or
    the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    print(f"backgrounds and things to photograph people with: {asdict(form)}", flush=True)
    paths = {
        "backgrounds": build_backgrounds(folder, form.backgrounds, form.background_size, seed, photographs),
        "standing": build_sprites(folder, "standing", form.things, form.thing_size, seed),
        "held": build_sprites(folder, "held", form.things, form.thing_size, seed),
    }
    note = {
        "files": {kind: path.name for kind, path in paths.items()},
        "standing_metres": sprite_metres("standing", form.things, seed),
        "held_metres": sprite_metres("held", form.things, seed),
    }
    with written_whole(folder / STOCK_FILE) as partial:
        partial.write_text(json.dumps(note), encoding="utf-8")


def read_props(folder: Path, people: Tensor, device: torch.device) -> Props:
    """The stock of a pool on a device, mapped from disk on the CPU; people: sprites of other people there.
    Makes a stock where there is none. Raises ValueError where its files are damaged.
    """
    note = folder / STOCK_FILE
    if not note.exists():
        build_stock(folder, StockFormat())
    try:
        told = json.loads(note.read_text(encoding="utf-8"))
        # copy on write: torch takes no arrays that cannot be written to
        loaded: dict[str, Any] = {
            kind: torch.from_numpy(np.load(folder / name, mmap_mode="c")).to(device)
            for kind, name in told["files"].items()
        }
        loaded |= {name: tuple(told[name]) for name in ("standing_metres", "held_metres")}
        return Props(people=people, **loaded)
    except (OSError, ValueError, EOFError, KeyError, TypeError) as error:
        raise ValueError(
            f"The backgrounds or things in {folder} cannot be read ({error}). Delete {note}, and they are "
            "made anew."
        ) from error
