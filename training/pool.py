"""A pool of rendered people on disk: what every stage of training reads.

One uncompressed .npz a person, named by seed, with a few views each. Rendering costs seconds a person while a
training step takes a fraction of one, so views are made once, by CPU workers, and varied as they are read
(training/batches.py).
"""

from __future__ import annotations

import json
import os
import time
import zipfile
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from .humans import Person, make_person
from .occupancy import inside
from .render import Camera, View, camera_vertices, random_camera, random_light, render
from .sampling import mixed_points
from .scans import UnusableScan

TEST_SEEDS = 1_000_000
"""Seeds from here on are never trained on."""
COARSE_SIGMA, FINE_SIGMA = 0.05, 0.03
"""Metres that points are moved off the surface (a re-implementation's values; the paper gives none)."""


@dataclass(frozen=True)
class PoolFormat:
    """size: side of the pictures, twice that of normals and depth; points: labelled ones a view and level."""

    size: int = 512
    views: int = 4
    points: int = 12000


def make_views(person: Person, rng: np.random.Generator, form: PoolFormat) -> dict[str, np.ndarray]:
    """Render `form.views` views of a person.

    Returns, N views first: colour (N, S, S, 3) uint8 sRGB; mask (N, S, S) uint8; front, back (N, S/2, S/2, 3)
    uint8 with (n + 1) / 2 * 255 and 128 as the zero vector; depth (N, 2, S/2, S/2) float16, camera z of front
    and back; points (N, 2, P, 3) float32 camera space and labels (N, 2, P) bool for the coarse and the fine
    level; span (N,) float32, what the crop's side measures in the person's statures.
    """
    views = [_one_view(person, random_camera(rng, person), rng, form) for _ in range(form.views)]
    return {key: np.stack([view[key] for view in views]) for key in views[0]}


def _one_view(
    person: Person, camera: Camera, rng: np.random.Generator, form: PoolFormat
) -> dict[str, np.ndarray]:
    view = render(person, camera, form.size, random_light(rng))
    vertices = camera_vertices(person, camera)
    points = [
        mixed_points(rng, vertices, person.faces, form.points, sigma * camera.scale)
        for sigma in (COARSE_SIGMA, FINE_SIGMA)
    ]
    labels = inside(torch.cat(points), vertices, person.faces, person.part)
    half = _halved(view)
    return {
        "colour": _bytes(view.colour).transpose(1, 2, 0),
        "mask": _bytes(view.mask)[0],
        "front": _bytes(half["front"] * 0.5 + 0.5).transpose(1, 2, 0),
        "back": _bytes(half["back"] * 0.5 + 0.5).transpose(1, 2, 0),
        "depth": torch.cat([half["depth_front"], half["depth_back"]]).half().numpy(),
        "points": torch.stack(points).numpy(),
        "labels": labels.reshape(2, -1).numpy(),
        "span": np.float32(2 / (camera.scale * person.stature)),
    }


def _halved(view: View) -> dict[str, torch.Tensor]:
    """Normals and depth at half size: means over the covered pixels of 2 x 2, normals made unit again."""
    solid = (view.mask >= 0.5).float()
    share = functional.avg_pool2d(solid[None], 2)[0]
    kept = (share >= 0.5).float()
    result = {}
    for name in ("front", "back", "depth_front", "depth_back"):
        mean = functional.avg_pool2d(getattr(view, name)[None] * solid, 2)[0] / share.clamp(min=0.25)
        result[name] = (functional.normalize(mean, dim=0) if len(mean) == 3 else mean) * kept
    return result


def _bytes(picture: torch.Tensor) -> np.ndarray:
    return (picture.clamp(0, 1) * 255).round().to(torch.uint8).numpy()


def build_person(
    folder: Path, seed: int, form: PoolFormat, make: Callable[[int], Person] = make_person
) -> Path:
    """Make one person's file, unless it is there: a broken or half-written one never is.

    make: the generator, or `ScanFolder.person`, which raises UnusableScan; what is known of a scan (its name,
    its unit, what was mended) is written beside it as .json.
    """
    path = folder / f"{seed:07d}.npz"
    if not path.exists():
        torch.set_num_threads(1)
        person = make(seed)
        if "scan" in person.description:
            path.with_suffix(".json").write_text(json.dumps(person.description, indent=1), encoding="utf-8")
        arrays: dict[str, Any] = {**make_views(person, np.random.default_rng([seed, 1]), form)}
        partial = path.with_suffix(f".{os.getpid()}.tmp")
        try:
            with partial.open("wb") as file:
                np.savez(file, **arrays)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    return path


def build_pool(
    folder: Path,
    seeds: Iterable[int],
    form: PoolFormat,
    workers: int,
    minutes: float | None = None,
    make: Callable[[int], Person] = make_person,
) -> int:
    """Make the files of all `seeds` with `workers` processes; returns how many there are now.

    Stops after `minutes` if given: what is made stays, and the next call goes on. Scans that cannot be used
    are printed with the reason and skipped. make: as in `build_person`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [seed for seed in seeds if not (folder / f"{seed:07d}.npz").exists()]
    start, done = time.monotonic(), 0
    print(f"people to make: {len(wanted)} with {workers} workers, {asdict(form)}", flush=True)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(build_person, folder, seed, form, make) for seed in wanted]
        for job in as_completed(jobs):
            if job.cancelled():
                continue
            try:
                job.result()
            except UnusableScan as reason:
                print(f"skipped {reason}", flush=True)
            done += 1
            passed = time.monotonic() - start
            if done % 20 == 0:
                print(f"people {done}/{len(wanted)}, {passed / done:.2f} s a person", flush=True)
            if minutes is not None and passed > minutes * 60:
                pool.shutdown(wait=True, cancel_futures=True)
                break
    return len(list_pool(folder))


def list_pool(folder: Path) -> list[Path]:
    """The people of a pool in order of their seeds. Raises ValueError where there are none."""
    files = sorted(folder.glob("*.npz"))
    if not files:
        raise ValueError(
            f"No rendered people in {folder}. Make some with `python -m training pool {folder}`."
        )
    return files


def read_person(path: Path) -> dict[str, np.ndarray]:
    """The arrays of `make_views`. Raises ValueError where the file is not one of a pool."""
    try:
        with np.load(path) as data:
            return {key: data[key] for key in data.files}
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise ValueError(
            f"{path} is not a person of a pool ({error}). Delete it and build the pool again."
        ) from error
