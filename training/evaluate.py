# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures on people that were never trained on: of whole reconstructions, and quick ones on a pool."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
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
from engine.weights import DEFAULT_WEIGHTS, LoadedWeights, find_weights, load_weights
from engine.weights.files import build_empty

from .evaluation.cases import Case
from .evaluation.metrics import Mesh, MeshMetrics, compare, one_part
from .losses import masked_l1, point_iou
from .pool import list_pool
from .stages import frozen_maps
from .views import ViewSettings, open_views

COARSE = ":coarse"
"""After a file's name: its coarse level alone, as if it had no other."""


@dataclass(frozen=True)
class Entry:
    """What is measured in one row: a file's network under the label of its row."""

    label: str
    weights: LoadedWeights


@dataclass(frozen=True)
class Outcome:
    """Of one case: the figures and the scale error, |log| of the metres given the true stature over the true
    metres; or the code of the error that came instead, and neither.
    """

    case: str
    figures: MeshMetrics | None = None
    scale_error: float | None = None
    failure: str | None = None


@dataclass(frozen=True)
class Score:
    """One row. weights: its label; sha256: of the file; outcomes: in the order of the cases."""

    weights: str
    sha256: str
    outcomes: list[Outcome]

    @property
    def figures(self) -> list[MeshMetrics]:
        """Of the cases that were reconstructed."""
        return [outcome.figures for outcome in self.outcomes if outcome.figures is not None]

    @property
    def scale_errors(self) -> list[float]:
        """Of the same cases."""
        return [outcome.scale_error for outcome in self.outcomes if outcome.scale_error is not None]

    @property
    def failures(self) -> Counter[str]:
        """How often each error code came instead."""
        return Counter(outcome.failure for outcome in self.outcomes if outcome.failure is not None)


def load_entries(names: Sequence[str]) -> list[Entry]:
    """The weights files of `names`, paths or names of the registry, each with or without COARSE behind it.

    A row's label is the file's name, or all that was given where two files have the same name. Raises
    EngineError bad_weights; ValueError where a coarse level is asked of weights that have no other.
    """
    loaded: dict[Path, LoadedWeights] = {}
    labels, chosen = [], []
    for name in names:
        path = find_weights(name.removesuffix(COARSE))
        if path not in loaded:
            loaded[path] = load_weights(path)
        weights, suffix = loaded[path], ""
        if name.endswith(COARSE):
            weights, suffix = coarse_alone(weights), COARSE
        labels.append(path.name + suffix)
        chosen.append(weights)
    return [
        Entry(label if labels.count(label) == 1 else name, weights)
        for label, name, weights in zip(labels, names, chosen, strict=True)
    ]


def coarse_alone(weights: LoadedWeights) -> LoadedWeights:
    """The coarse level of a network of two, with its normal nets, sharing their parameters. Raises ValueError
    for a network of one level."""
    if weights.preset.fine is None:
        raise ValueError(f"The preset {weights.preset.name} is a coarse level alone: leave {COARSE} out.")
    preset = replace(weights.preset, name=weights.preset.name + COARSE, fine_size=0, fine=None)
    network = build_empty(preset)
    network.netG = weights.network.netG
    return replace(weights, preset=preset, network=network.eval())


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


def evaluate(
    entries: Sequence[Entry],
    cases: Iterable[Case],
    resolution: int,
    device: str,
    observe: Callable[[str, Case, Mesh, MeshMetrics], None] | None = None,
) -> list[Score]:
    """Reconstruct every case with every entry, the engine's own settings but for the resolution and the true
    stature. A case that the engine refuses is counted, and the other figures leave it out.

    Weights without a silhouette are guided by the embedded ones. Prints a line a reconstruction. observe: is
    shown each row's label with the case, the predicted mesh (`predicted_mesh`) and its figures. Raises
    EngineError bad_weights, bad_settings.
    """
    guide: LoadedWeights | None = None
    if not all(entry.weights.preset.has_mask for entry in entries):
        guide = load_weights(DEFAULT_WEIGHTS)
    scores = [Score(entry.label, entry.weights.sha256, []) for entry in entries]
    for case in cases:
        photo = from_pixels(case.picture)
        settings = Settings(resolution=resolution, height=case.stature, colour="none", device=device)
        for entry, score in zip(entries, scores, strict=True):
            own = entry.weights if guide is None or entry.weights.preset.has_mask else guide
            try:
                result = reconstruct(photo, entry.weights, own, settings, lambda *_: None)
            except EngineError as error:
                if error.code == "bad_settings":
                    raise
                score.outcomes.append(Outcome(case.name, failure=error.code))
                print(f"{entry.label}, {case.name}: {error.code}", flush=True)
                continue
            mesh, scale_error = predicted_mesh(result, case)
            figures = compare(mesh, case.true)
            score.outcomes.append(Outcome(case.name, figures, scale_error))
            print(f"{entry.label}, {case.name}: P2S {figures.p2s:.2f} cm", flush=True)
            if observe is not None:
                observe(entry.label, case, mesh, figures)
    return scores


@torch.inference_mode()
def quick_figures(network: PIFuHD, pool: Path, views: int = 100, seed: int = 7) -> dict[str, float]:
    """Compare the networks alone, without a surface, with the truth on `views` views of the people in
    `pool`, over random, noisy backgrounds.

    Returns: views; people; mask_iou; front_error, back_error: squared length of the difference of unit
    normals, mean over the true silhouette; front_degrees, back_degrees: mean angle there; span_error: mean
    |log| of what the picture's side measures in statures, predicted over true, where the network tells it;
    back_colour_error: mean absolute difference of the back's sRGB, 0 to 1, there, where the network tells it;
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
