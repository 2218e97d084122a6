# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures on people that were never trained on: of whole reconstructions, and quick ones on a pool."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from engine.errors import EngineError
from engine.networks import PIFuHD
from engine.photo import from_pixels
from engine.pipeline import Reconstruction, in_camera_space, reconstruct
from engine.settings import Settings
from engine.space import Crop
from engine.weights import DEFAULT_WEIGHTS, LoadedWeights, load_weights

from .backgrounds import cast_shadow, photographic_background
from .camera_noise import degrade
from .humans import make_person
from .losses import point_iou
from .metrics import NEAR, SAMPLES, VOLUME_SAMPLES, Mesh, MeshMetrics, compare, one_part
from .pool import list_pool
from .render import Camera, camera_vertices, random_light, render
from .stages import frozen_maps
from .views import ViewSettings, open_views

SIZE = 1024  # pixels a side of the photographs: what the finest network input asks for
EXTENT = 1.7  # of the picture's 2 camera units: the person's larger extent


@dataclass(frozen=True)
class Case:
    """A photograph with its truth. picture (S, S, 3) uint8 sRGB; true: metres, the middle of the picture
    at x = y = 0; span: metres that the picture's side measures; stature: metres; name: for reports.
    """

    name: str
    picture: NDArray[np.uint8]
    true: Mesh
    span: float
    stature: float


@dataclass(frozen=True)
class Score:
    """Of one weights file: figures of each reconstruction, its scale error |log| of metres given the true
    stature over true metres, and how often each error code came instead.
    """

    weights: str
    figures: list[MeshMetrics]
    scale_errors: list[float]
    failures: Counter[str]


def synthetic_cases(
    seeds: Iterable[int], yaws: Sequence[float], noise: bool, size: int = SIZE
) -> Iterator[Case]:
    """A photograph of each person of `seeds` (see pool.TEST_SEEDS) from each of `yaws` (degrees, 0 from the
    front), over a generated background; noise: with the faults of cameras. Deterministic.
    """
    for seed in seeds:
        person = make_person(seed)
        extent = float((person.vertices.amax(0) - person.vertices.amin(0)).max())
        for yaw in yaws:
            rng = np.random.default_rng([seed, 5, round(yaw) % 360])
            camera = Camera(math.radians(yaw), EXTENT / extent, (0.0, 0.0))
            view = render(person, camera, size, random_light(rng))
            mask, colour = np.asarray(view.mask), np.asarray(view.colour.permute(1, 2, 0))
            cover = mask[0][..., None]
            background = cast_shadow(rng, photographic_background(rng, size, size), mask[0])
            picture = (colour * cover + background * (1 - cover)).astype(np.float32)
            if noise:
                picture = degrade(rng, picture)
            vertices = camera_vertices(person, camera) / camera.scale
            yield Case(
                f"person {seed} from {yaw:g} degrees",
                (picture * 255).round().clip(0, 255).astype(np.uint8),
                Mesh(vertices, person.faces, person.part),
                2 / camera.scale,
                person.stature,
            )


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


def evaluate(paths: Sequence[Path], cases: Iterable[Case], resolution: int, device: str) -> list[Score]:
    """Reconstruct every case with every weights file, the engine's own settings but for the resolution and
    the true stature. A case that the engine refuses is counted, and the other figures leave it out.

    Weights without a silhouette are guided by the embedded ones. Prints a line a reconstruction. Raises
    EngineError bad_weights, bad_settings.
    """
    loaded = [load_weights(path) for path in paths]
    guide: LoadedWeights | None = None
    if not all(weights.preset.has_mask for weights in loaded):
        guide = load_weights(DEFAULT_WEIGHTS)
    scores = [Score(path.name, [], [], Counter()) for path in paths]
    for case in cases:
        photo = from_pixels(case.picture)
        settings = Settings(resolution=resolution, height=case.stature, colour="none", device=device)
        for weights, score in zip(loaded, scores, strict=True):
            own = weights if guide is None or weights.preset.has_mask else guide
            try:
                result = reconstruct(photo, weights, own, settings, lambda *_: None)
            except EngineError as error:
                if error.code == "bad_settings":
                    raise
                score.failures[error.code] += 1
                print(f"{score.weights}, {case.name}: {error.code}", flush=True)
                continue
            mesh, scale_error = predicted_mesh(result, case)
            figures = compare(mesh, case.true)
            score.figures.append(figures)
            score.scale_errors.append(scale_error)
            print(f"{score.weights}, {case.name}: P2S {figures.p2s:.2f} cm", flush=True)
    return scores


COLUMNS = {
    "p2s": "P2S cm",
    "completeness": "Completeness cm",
    "chamfer": "Chamfer cm",
    "f_score": "F-score %",
    "normal": "Normal",
    "degrees": "Normal angle deg",
    "silhouette_iou": "Silhouette IoU",
    "side_iou": "Side IoU",
    "volume_iou": "Volume IoU",
    "components": "Components",
    "z_offset": "z offset cm (mean of sizes)",
    "z_p2s": "P2S z cm",
    "z_completeness": "Completeness z cm",
    "z_chamfer": "Chamfer z cm",
    "z_f_score": "F-score z %",
}


def table(scores: Sequence[Score]) -> str:
    """The scores as a Markdown table, means over the reconstructions of each row, under what they mean."""
    names = [field.name for field in dataclasses.fields(MeshMetrics)]
    heads = ["Weights", "Reconstructed", "Failed", *(COLUMNS[name] for name in names), "Scale error %"]
    rows = []
    for score in scores:
        count = len(score.figures)
        why = ", ".join(f"{code} {times}" for code, times in sorted(score.failures.items()))
        row = [score.weights, str(count), why or "0"]
        for name in names:
            values = np.array([getattr(figures, name) for figures in score.figures], float)
            values = np.abs(values) if name == "z_offset" else values
            row.append(_mean(values))
        row.append(_mean(100 * np.expm1(score.scale_errors)))
        rows.append(row)
    lines = ["| " + " | ".join(row) + " |" for row in (heads, ["---"] * len(heads), *rows)]
    return "\n".join([
        f"P2S: from {SAMPLES:,} area-weighted samples of the prediction to the true surface. Completeness:",
        f"from {SAMPLES:,} of the truth to the predicted surface. Chamfer: the mean of the two. F-score at",
        f"{100 * NEAR:g} cm.",
        "Normal: squared L2, mean over all pixels of 512 x 512 at yaw 0, 90, 180, 270; the angle where both",
        "are. Silhouette at yaw 0, side at yaw 90, yaw 0 being the photograph's view. Volume: "
        f"{VOLUME_SAMPLES:,} samples.",
        "Depth: area-weighted medians aligned; columns with z: by the mean signed depth offset instead.",
        "Metres: the truth's. Scale error: of the metres the engine gives when told the true stature.",
        "Means over the reconstructed pictures alone: compare rows with the same failures.",
        "",
        *lines,
    ])  # fmt: skip


def _mean(values: NDArray[Any]) -> str:
    return f"{np.nanmean(values):.4g}" if np.isfinite(values).any() else "-"


@torch.inference_mode()
def quick_figures(network: PIFuHD, pool: Path, views: int = 100, seed: int = 7) -> dict[str, float]:
    """Compare the networks alone, without a surface, with the truth on `views` views of the people in
    `pool`, over random, noisy backgrounds.

    Returns: views; people; mask_iou; front_error, back_error: squared length of the difference of unit
    normals, mean over the true silhouette; front_degrees, back_degrees: mean angle there; span_error: mean
    |log| of what the picture's side measures in statures, predicted over true, where the network tells it;
    coarse_iou, fine_iou: intersection over union of inside points among the labelled ones near the surface
    (sigma 5 cm and 3 cm, 1 in 17 uniform), each level on its own.
    """
    preset = network.preset
    sums: dict[str, list[float]] = {}

    def note(key: str, value: torch.Tensor) -> None:
        sums.setdefault(key, []).append(float(value))

    for level in (0, 1) if preset.fine is not None else (0,):
        size = preset.fine_size or preset.coarse_size
        asked = ViewSettings(size, preset.coarse_size, level, 4000, False)
        source = open_views(pool, asked, seed, next(network.parameters()).device).batches(1, 0)
        for item in itertools.islice(source, views):
            image = functional.interpolate(item.image, size=(preset.coarse_size,) * 2, mode="area")
            maps = frozen_maps(network, image)
            if maps is not None and level == 0:
                mask = item.mask > 0.5
                predicted = maps.mask > 0.5
                note("mask_iou", (mask & predicted).sum() / (mask | predicted).sum().clamp(min=1))
                if maps.span is not None:
                    note("span_error", (maps.span / item.span).log().abs())
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
