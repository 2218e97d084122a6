# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures on people that were never trained on: of whole reconstructions, and quick ones on a pool."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from engine.errors import EngineError
from engine.networks import PIFuHD
from engine.photo import from_pixels
from engine.pipeline import Reconstruction, in_camera_space, reconstruct
from engine.settings import Settings
from engine.space import Crop
from engine.weights import DEFAULT_WEIGHTS, LoadedWeights, load_weights

from .crew import in_order
from .evaluation.cases import Case, People
from .evaluation.entries import Entry, load_entries
from .evaluation.error_maps import ErrorMaps
from .evaluation.meshes import Mesh, one_part
from .evaluation.metrics import compare
from .evaluation.outcomes import Outcome
from .losses import masked_l1, point_iou
from .pool import list_pool
from .scans import UnusableScan
from .stages import frozen_maps
from .views import ViewSettings, open_views


def predicted_mesh(result: Reconstruction, case: Case) -> tuple[Mesh, float]:
    """The prediction in the frame and the metres of a case's truth, through its crop; and its scale error,
    |log| of the metres a camera unit that it gives over the true ones.
    """
    crop, side = Crop(**result.info["crop"]), len(case.picture)
    camera = in_camera_space(result).vertices.astype(np.float64)
    unit = case.span / side * crop.side / 2  # true metres a camera unit of the crop
    middle = np.array([crop.x + crop.side / 2 - side / 2, side / 2 - crop.y - crop.side / 2, 0.0])
    vertices = camera * unit + middle * (case.span / side)
    given = float(result.info["camera"]["metres_per_unit"])
    mesh = one_part(torch.from_numpy(vertices.astype(np.float32)), torch.from_numpy(result.faces))
    return mesh, abs(math.log(given / unit))


@dataclass(frozen=True)
class Measuring:
    """What is measured and how. names: of weights, as `load_entries` takes them; resolution, device: as in
    engine.settings; maps: what draws error maps, or None. Sent whole to workers.
    """

    names: tuple[str, ...]
    resolution: int
    device: str
    maps: ErrorMaps | None = None


def evaluate(measuring: Measuring, people: People, workers: int = 1) -> Iterator[list[list[Outcome]]]:
    """Reconstruct the people's photographs with every entry, the engine's own settings but for the resolution
    and the true stature; yields, a person at a time, the outcomes of each entry.

    A case that the engine refuses is counted, and the other figures leave it out. Scans that cannot be used
    go into `people.unusable`, are printed and passed over. Weights without a silhouette are guided by the
    embedded ones. Prints a line a reconstruction. workers: processes; more give the same figures in the same
    order. Raises EngineError bad_weights, bad_settings.
    """
    labels = [entry.label for entry in _loaded(measuring.names)]
    person = partial(_measured, measuring, people.photographs)
    for seed, result in in_order(person, people.names, workers):
        name = people.names[seed]
        try:
            rows = result()
        except UnusableScan as error:
            people.unusable[name] = str(error).removeprefix(f"{name}: ")
            print(f"skipped {name}: {people.unusable[name]}", flush=True)
            continue
        for outcomes in zip(*rows, strict=True):
            for label, outcome in zip(labels, outcomes, strict=True):
                found = outcome.failure if outcome.figures is None else f"P2S {outcome.figures.p2s:.2f} cm"
                print(f"{label}, {outcome.case}: {found}", flush=True)
        yield rows


@lru_cache(maxsize=1)
def _loaded(names: tuple[str, ...]) -> list[Entry]:
    """Once a process: every person is measured with them."""
    return load_entries(names)


def _measured(
    measuring: Measuring, photographs: Callable[[int], Iterator[Case]], seed: int
) -> list[list[Outcome]]:
    """Of one person: the outcomes of each entry."""
    entries = _loaded(measuring.names)
    guide: LoadedWeights | None = None
    if not all(entry.weights.preset.has_mask for entry in entries):
        guide = load_weights(DEFAULT_WEIGHTS)
    rows: list[list[Outcome]] = [[] for _ in entries]
    for case in photographs(seed):
        for entry, row in zip(entries, rows, strict=True):
            own = entry.weights if guide is None or entry.weights.preset.has_mask else guide
            row.append(_outcome(measuring, entry, own, case))
    return rows


def _outcome(measuring: Measuring, entry: Entry, guide: LoadedWeights, case: Case) -> Outcome:
    settings = Settings(
        resolution=measuring.resolution, height=case.stature, colour="none", device=measuring.device
    )
    try:
        result = reconstruct(from_pixels(case.picture), entry.weights, guide, settings, lambda *_: None)
    except EngineError as error:
        if error.code == "bad_settings":
            raise
        return Outcome(case.name, failure=error.code, traits=case.traits)
    mesh, scale_error = predicted_mesh(result, case)
    figures = compare(mesh, case.true, case.outer, case.span if case.cut else None)
    if measuring.maps is not None:
        measuring.maps.draw(entry.label, case, mesh, figures)
    return Outcome(case.name, figures, scale_error, traits=case.traits)


@torch.inference_mode()
def quick_figures(network: PIFuHD, pool: Path, views: int = 100, seed: int = 7) -> dict[str, float]:
    """Compare the networks alone, without a surface, with the truth on `views` views of the people in
    `pool`, over random, noisy backgrounds.

    Returns: views; people; mask_iou; front_error, back_error: squared length of the difference of unit
    normals, mean over the true silhouette; front_degrees, back_degrees: mean angle there; span_error: mean
    |log| of what the picture's side measures in statures, predicted over true, where the network tells it;
    back_colour_error: mean absolute difference of the back's sRGB, 0 to 1, there, where the network tells it,
    and copied_colour_error, what the picture's own colours in its place would give;
    coarse_iou, fine_iou: intersection over union of inside points among the labelled ones near the surface
    (sigma 5 cm and 3 cm, 1 in 17 uniform), each level on its own.
    """
    preset, device = network.preset, next(network.parameters()).device
    sums: dict[str, list[float]] = {}

    def note(key: str, value: torch.Tensor) -> None:
        sums.setdefault(key, []).append(float(value))

    for level in (0, 1) if preset.fine is not None else (0,):
        size = preset.fine_size or preset.coarse_size
        asked = ViewSettings(size, preset.coarse_size, level, 4000, False)
        source = open_views(pool, asked, seed, device).batches(1, 0)
        for item in itertools.islice(source, views):
            image = functional.interpolate(item.image, size=(preset.coarse_size,) * 2, mode="area")
            maps = frozen_maps(network, image)
            if maps is not None and level == 0:
                mask = item.mask > 0.5
                predicted = maps.mask > 0.5
                note("mask_iou", (mask & predicted).sum() / (mask | predicted).sum().clamp(min=1))
                if maps.span is not None:
                    note("span_error", (maps.span / item.span).log().abs())
                if maps.back_colour is not None and bool(item.colour_known[0]):
                    note("back_colour_error", masked_l1(maps.back_colour, item.back_colour, item.mask))
                    note("copied_colour_error", masked_l1((image + 1) / 2, item.back_colour, item.mask))
                for name, normals, true in zip(
                    ("front", "back"), (maps.front, maps.back), (item.front, item.back), strict=True
                ):
                    unit = functional.normalize(normals, dim=1)
                    error = ((unit - true) ** 2).sum(1, keepdim=True)[mask]
                    note(f"{name}_error", error.mean())
                    note(f"{name}_degrees", torch.rad2deg(torch.arccos((1 - error / 2).clamp(-1, 1))).mean())
            features = network.encode(image, item.image if preset.fine is not None else None, maps)
            logits, omega = network.netG.query(features.coarse, item.points)
            if level == 1 and features.fine is not None:
                logits = network.query_fine(features.fine, item.points, omega)
            note("fine_iou" if level else "coarse_iou", point_iou(logits, item.labels))
    result = {"views": float(views), "people": float(len(list_pool(pool)))}
    return result | {key: round(float(np.mean(values)), 4) for key, values in sums.items()}
