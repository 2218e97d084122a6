# SPDX-License-Identifier: GPL-3.0-or-later
"""The backgrounds and things that a pool's people are photographed with, made once beside them."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..backgrounds import build_backgrounds
from ..distractors import build_sprites

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
    partial = folder / f"{STOCK_FILE}.{os.getpid()}.tmp"
    partial.write_text(json.dumps({kind: path.name for kind, path in paths.items()}), encoding="utf-8")
    partial.replace(folder / STOCK_FILE)


def read_stock(folder: Path) -> dict[str, Tensor]:
    """backgrounds (N, H, W, 3), standing and held (N, s, s, 4) uint8, mapped from disk. Makes a stock where
    there is none. Raises ValueError where its files are damaged.
    """
    note = folder / STOCK_FILE
    if not note.exists():
        build_stock(folder, StockFormat())
    try:
        names: dict[str, str] = json.loads(note.read_text(encoding="utf-8"))
        # copy on write: torch takes no arrays that cannot be written to
        return {kind: torch.from_numpy(np.load(folder / name, mmap_mode="c")) for kind, name in names.items()}
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(
            f"The backgrounds or things in {folder} cannot be read ({error}). Delete {note}, and they are "
            "made anew."
        ) from error
