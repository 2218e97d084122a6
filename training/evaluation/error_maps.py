# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a reconstruction is wrong, as a picture: normals beside the true ones, and errors as colours.

Above: the photograph, the true and the predicted normals from the front, the viewer's right and behind.
Below: the same views of the prediction and of the truth, coloured by how far the other surface is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..occupancy import inside
from ..render.rasterise import barycentric, rasterise
from ..sampling import surface_points
from ..whole import written_whole
from .cases import Case
from .meshes import Mesh, aligned
from .metrics import MeshMetrics
from .outcomes import Score
from .renderings import FRAME, frame_pixels, framing, normal_map

Picture = NDArray[np.uint8]
"""(H, W, 3) sRGB."""
VIEWS = {"front": 0, "side": -90, "back": 180}
"""Degrees that the meshes are turned by; the photograph is the front."""
LARGEST = 5.0  # cm: what is farther has the colour of the ramp's end
BLUE, GREY, RED = (np.array(lab, np.float32) for lab in ([34, 15, -47], [90, 0, 0], [34, 51, 37]))
"""CIELAB of the ramp's ends and middle."""
TARGETS = 200_000  # area-weighted samples that stand for a surface: about 3 mm apart on a person
PAPER = 255  # sRGB grey round the panels
GAP = 8  # pixels
LEGEND = 400  # pixels a side of the photograph and of the legend below it


def ramp(centimetres: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Colours (..., 3), sRGB in [0, 1], of signed errors (...): blue below 0, light grey at 0, red above; the
    same beyond LARGEST.

    Straight lines in CIELAB, equally dark at both ends, so that equal steps look equal and neither sign
    shouts louder.
    """
    share = np.clip(np.asarray(centimetres, np.float32) / LARGEST, -1, 1)
    ends = np.where(share[..., None] < 0, BLUE, RED)
    lab = GREY + np.abs(share)[..., None] * (ends - GREY)
    flat = lab.reshape(1, -1, 3).astype(np.float32)
    return np.asarray(cv2.cvtColor(flat, cv2.COLOR_LAB2RGB), np.float32).clip(0, 1).reshape(lab.shape)


def error_map(label: str, case: Case, predicted: Mesh, figures: MeshMetrics) -> Picture:
    """The picture described above. predicted: in the frame of the case's truth.

    Depth is aligned as for P2S, by the area-weighted medians. Red is where the prediction holds too much:
    where its surface lies outside the true one, or the truth's inside it; blue is where it holds too little.
    """
    predicted, true, target = aligned(predicted, case.true, case.outer)
    scale, middle = framing(true)
    normals, errors = [], []
    for mesh in (true, predicted):
        normals += [_normal_panel(mesh, yaw, scale, middle) for yaw in VIEWS.values()]
    for mesh, other, surface, sign in ((predicted, true, target, 1), (true, predicted, predicted, -1)):
        tree = cKDTree(_samples(surface))
        errors += [_error_panel(mesh, other, tree, sign, yaw, scale, middle) for yaw in VIEWS.values()]
    panels = _cropped(normals + errors)
    upper = [_captioned(panels[:3], "true normals"), _captioned(panels[3:6], "predicted normals")]
    lower = [
        _captioned(panels[6:9], "prediction: distance to the truth"),
        _captioned(panels[9:], "truth: distance to the prediction"),
    ]
    grid = np.concatenate([_side_by_side(upper), _side_by_side(lower)])
    return np.concatenate([_first_column(label, case, figures, len(grid)), grid], 1)


@dataclass(frozen=True)
class ErrorMaps:
    """Error maps of an evaluation as PNG files in `folder`, a folder a row. Sent whole to workers.

    keep: how many of the worst, of the middle and of the best by Chamfer stay in each row; None: all. By P2S
    the best of three was a torso without legs: 1.9 cm, and a completeness of 13.6 cm.
    """

    folder: Path
    keep: int | None = None

    def draw(self, label: str, case: Case, predicted: Mesh, figures: MeshMetrics) -> None:
        """Write one case's picture. Raises OSError where it cannot."""
        path = self._path(label, case.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = error_map(label, case, predicted, figures)
        encoded = cv2.imencode(".png", picture[..., ::-1])[1]
        with written_whole(path) as partial:
            partial.write_bytes(encoded.tobytes())

    def finish(self, scores: Sequence[Score]) -> None:
        """Name what is kept by its rank, from `1 worst`, and remove the rest of what was drawn."""
        if self.keep is None:
            return
        for score in scores:
            drawn = [(one.figures.chamfer, one.case) for one in score.outcomes if one.figures is not None]
            ordered = [self._path(score.weights, case) for _, case in sorted(drawn, reverse=True)]
            chosen = chosen_ranks(len(ordered), self.keep)
            for rank, path in enumerate(ordered):
                if rank in chosen:
                    path.replace(path.with_name(f"{chosen[rank]} {path.name}"))
                else:
                    path.unlink()

    def _path(self, label: str, case: str) -> Path:
        return self.folder / _file_name(label) / f"{_file_name(case)}.png"


def chosen_ranks(count: int, keep: int) -> dict[int, str]:
    """Of `count` ranked from the worst: which stay, with a name each; no rank is named twice."""
    start = max(0, (count - keep) // 2)
    names: dict[int, str] = {}
    for k in range(min(keep, count)):
        names.setdefault(k, f"worst {k + 1}")
        names.setdefault(count - 1 - k, f"best {k + 1}")
    for k in range(start, min(start + keep, count)):
        names.setdefault(k, f"middle {k - start + 1}")
    return names


def _file_name(text: str) -> str:
    """Without what a path or Windows gives a meaning to."""
    return "".join("_" if letter in '\\/:*?"<>|' else letter for letter in text)


def _samples(mesh: Mesh) -> NDArray[np.float32]:
    places = torch.from_numpy(np.random.default_rng(0).random((TARGETS, 3))).to(mesh.faces.device)
    points: NDArray[np.float32] = surface_points(places, mesh.vertices, mesh.faces).cpu().numpy()
    return points


def _normal_panel(mesh: Mesh, yaw: int, scale: float, middle: torch.Tensor) -> Picture:
    normals, seen = normal_map(mesh, yaw, scale, middle)
    picture = torch.where(seen[:, None], (normals * 127.5 + 127.5).round(), PAPER)
    return np.asarray(picture.reshape(FRAME, FRAME, 3).cpu().numpy(), np.uint8)


def _error_panel(
    mesh: Mesh, other: Mesh, tree: cKDTree, sign: int, yaw: int, scale: float, middle: torch.Tensor
) -> Picture:
    """mesh's surface, coloured by sign x distance to the other where it lies outside of it, else -sign x."""
    pixels, _ = frame_pixels(mesh, yaw, scale, middle)
    index, corners, weights = barycentric(pixels, mesh.faces, rasterise(pixels, mesh.faces, FRAME, FRAME)[0])
    points = (mesh.vertices[corners] * weights[..., None]).sum(1)
    distance = tree.query(points.cpu().numpy())[0] * 100
    within = inside(points, other.vertices, other.faces, other.part).cpu().numpy()
    colours = ramp(np.where(within, -sign, sign) * distance)
    # a hint of light from the viewer shows the form and leaves the ramp readable
    facing = normal_map(mesh, yaw, scale, middle)[0][index, 2].abs().cpu().numpy()
    picture = np.full((FRAME * FRAME, 3), PAPER, np.uint8)
    picture[index.cpu().numpy()] = (colours * (178 + 77 * facing[:, None])).round()
    return picture.reshape(FRAME, FRAME, 3)


def _cropped(panels: list[Picture]) -> list[Picture]:
    """All cut to the columns that any of them uses."""
    used = np.any([(panel != PAPER).any((0, 2)) for panel in panels], axis=0)
    columns = np.flatnonzero(used)
    first, last = max(0, columns[0] - GAP), min(FRAME, columns[-1] + 1 + GAP)
    return [panel[:, first:last] for panel in panels]


def _captioned(panels: list[Picture], text: str) -> Picture:
    block = np.concatenate(panels, 1)
    head = np.full((28, block.shape[1], 3), PAPER, np.uint8)
    _write(head, text, (GAP, 19))
    for k, name in enumerate(VIEWS):
        _write(block, name, (k * panels[0].shape[1] + GAP, FRAME - GAP), 0.4)
    return np.concatenate([head, block])


def _side_by_side(blocks: list[Picture]) -> Picture:
    gap = np.full((len(blocks[0]), 2 * GAP, 3), PAPER, np.uint8)
    return np.concatenate([blocks[0], gap, *blocks[1:]], 1)


def _first_column(label: str, case: Case, figures: MeshMetrics, height: int) -> Picture:
    """The photograph, what was measured, and the ramp with its ends."""
    column = np.full((height, LEGEND + 2 * GAP, 3), PAPER, np.uint8)
    photograph = cv2.resize(case.picture, (LEGEND, LEGEND), interpolation=cv2.INTER_AREA)
    column[GAP : GAP + LEGEND, GAP : GAP + LEGEND] = photograph
    angle = "-" if math.isnan(figures.degrees) else f"{figures.degrees:.1f} deg"
    lines = [
        label,
        case.name,
        f"P2S {figures.p2s:.2f} cm, completeness {figures.completeness:.2f} cm",
        f"F-score at 1 cm {figures.f_score:.1f} %, volume IoU {figures.volume_iou:.3f}",
        f"normals {figures.normal:.3f}, {angle}; components {figures.components}",
        f"z offset {figures.z_offset:.1f} cm (medians are aligned)",
    ]
    top = LEGEND + 4 * GAP
    for k, line in enumerate(lines):
        _write(column, line, (GAP, top + 24 * k))
    top += 24 * len(lines) + GAP
    steps = np.linspace(-LARGEST, LARGEST, LEGEND)
    column[top : top + 28, GAP : GAP + LEGEND] = (ramp(steps) * 255).round()
    for value in (-LARGEST, 0.0, LARGEST):
        text = f"{value:+g} cm" if value else "0"
        x = GAP + round((value + LARGEST) / (2 * LARGEST) * LEGEND)
        width = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.45, 1)[0][0]
        _write(column, text, (min(max(GAP, x - width // 2), GAP + LEGEND - width), top + 46))
    _write(column, "too little there", (GAP, top + 68))
    text = "too much there"
    width = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.45, 1)[0][0]
    _write(column, text, (GAP + LEGEND - width, top + 68))
    return column


def _write(picture: Picture, text: str, at: tuple[int, int], size: float = 0.45) -> None:
    """Dark text with its baseline's left end `at` x, y."""
    cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, (40, 40, 40), 1, cv2.LINE_AA)
