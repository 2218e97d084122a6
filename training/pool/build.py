# SPDX-License-Identifier: GPL-3.0-or-later
"""Fill a pool: people made by CPU workers, with a few rendered views each where no GPU renders them live.

Views of an older pool get the back's colour, which they lack, and stay as they are otherwise.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from concurrent.futures import as_completed
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ..crew import crew
from ..humans import Person, make_person
from ..scans import UnusableScan
from .listing import person_file, view_file
from .people import damaged, read_person, write_arrays, write_person
from .pictures import PoolFormat, add_back_colour, lacks_back_colour, make_views, read_views


def build_person(
    folder: Path, seed: int, form: PoolFormat, make: Callable[[int], Person] = make_person
) -> Path:
    """Make one person's files, those that are not there yet: a broken or half-written one never is. Returns
    the mesh's.

    make: the generator, or `ScanFolder.person`, which raises UnusableScan; what is known of a scan (its name,
    its unit, what was mended) is written beside it as .json. Raises ValueError where the disk is full or a
    file that is there is damaged.
    """
    path, views = person_file(folder, seed), view_file(folder, seed)
    if not path.exists():
        person = make(seed)
        if "scan" in person.description:
            path.with_suffix(".json").write_text(json.dumps(person.description, indent=1), encoding="utf-8")
        write_person(path, person)
    if form.views:
        _make_views(path, views, np.random.default_rng([seed, 1]), form)
    return path


def _make_views(path: Path, views: Path, rng: np.random.Generator, form: PoolFormat) -> None:
    """Of the mesh as it was stored, so that views made later are the same, with what they lack."""
    if not views.exists():
        views.parent.mkdir(exist_ok=True)
        write_arrays(views, make_views(read_person(path), rng, form))
    elif lacks_back_colour(views):
        kept = read_views(views)
        try:
            add_back_colour(kept, read_person(path), rng)
        except ValueError as error:
            raise damaged(views, error) from error
        write_arrays(views, kept)


def _is_whole(folder: Path, seed: int, form: PoolFormat) -> bool:
    path, views = person_file(folder, seed), view_file(folder, seed)
    return path.exists() and (not form.views or (views.exists() and not lacks_back_colour(views)))


def build_pool(
    folder: Path,
    seeds: Iterable[int],
    form: PoolFormat,
    workers: int,
    minutes: float | None = None,
    make: Callable[[int], Person] = make_person,
) -> int:
    """Make the files of all `seeds` with `workers` processes; returns how many people there are now.

    Stops after `minutes` if given: what is made stays, and the next call goes on. Scans that cannot be used
    are printed with the reason and skipped. make: as in `build_person`. Raises ValueError where the disk is
    full: what is made stays here too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [seed for seed in seeds if not _is_whole(folder, seed, form)]
    start, done = time.monotonic(), 0
    print(f"people to make: {len(wanted)} with {workers} workers, {asdict(form)}", flush=True)
    with crew(workers) as pool:
        jobs = [pool.submit(build_person, folder, seed, form, make) for seed in wanted]
        for job in as_completed(jobs):
            if job.cancelled():
                continue
            try:
                job.result()
            except UnusableScan as reason:
                print(f"skipped {reason}", flush=True)
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
            done += 1
            passed = time.monotonic() - start
            if done % 20 == 0:
                print(f"people {done}/{len(wanted)}, {passed / done:.2f} s a person", flush=True)
            if minutes is not None and passed > minutes * 60:
                pool.shutdown(wait=True, cancel_futures=True)
                break
    return len(list(folder.glob("*.npz")))
