"""The three stages of training (PIFuHD, section 4): normals, coarse, and fine with the coarse one frozen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.networks import NormalMaps, PIFuHD
from engine.networks.normal import maps_of_pair, maps_of_shared, unit

from .losses import extended_bce, gradient_l1, masked_l1
from .views import Batch, StoredViews, ViewSettings

Losses = dict[str, Tensor]
COLUMN_REACH = 0.7
"""Half the depth that columns are sampled over, in camera units: no person of the pool is deeper."""
THICKEST = 0.4
"""Camera units between front and back beyond which there may be a gap."""


@dataclass(frozen=True)
class StageSettings:
    """share of the whole time; batch size; points a view; peak learning rate."""

    share: float
    batch: int
    points: int
    rate: float


SETTINGS = {
    "normals": StageSettings(0.35, 8, 1, 1.2e-3),
    "coarse": StageSettings(0.45, 6, 4000, 1.2e-3),
    "fine": StageSettings(0.2, 4, 8000, 1.2e-3),
}


class NormalStage(nn.Module):
    """Front and back normals and the silhouette from the picture at the coarse size."""

    def __init__(self, network: PIFuHD) -> None:
        super().__init__()
        self.network = network

    def trained(self) -> list[nn.Parameter]:
        kept = [
            p for name, p in self.network.netG.named_parameters() if name.startswith(("netN", "netF", "netB"))
        ]
        return kept

    def views(self, folder: Path, settings: StageSettings, seed: int) -> StoredViews:
        size = self.network.preset.coarse_size
        return StoredViews(folder, ViewSettings(size, size, 0, settings.points, True), seed)

    def forward(self, batch: Batch) -> Losses:
        level = self.network.netG
        losses: Losses = {}
        if level.normals is not None and level.normals.shared:
            raw, span = level.netN(batch.image)
            raw = raw.float()
            normals = [unit(raw[:, k : k + 3]) for k in (0, 3)]
            losses["mask"] = functional.binary_cross_entropy_with_logits(raw[:, 6:7], batch.mask)
            if span is not None:
                losses["span"] = span_loss(span.float(), batch)
        else:
            normals = [level.netF(batch.image).float(), level.netB(batch.image).float()]
        # a generator without mask output tells the background by the zero vector: it is judged there too
        where = batch.mask if "mask" in losses else torch.ones_like(batch.mask)
        for name, predicted, target in zip(
            ("front", "back"), normals, (batch.front, batch.back), strict=True
        ):
            losses[name] = masked_l1(predicted, target, where)
            losses[f"{name} edges"] = gradient_l1(predicted, target, where)
        return losses


def span_loss(span: Tensor, batch: Batch) -> Tensor:
    """Mean absolute error of the span's logarithm (B,) over the pictures that show somebody."""
    somebody = (batch.mask.sum((1, 2, 3)) > 0).float()
    return ((span - batch.span.log()).abs() * somebody).sum() / somebody.sum().clamp(min=1)


class CoarseStage(nn.Module):
    """Occupancy over the whole picture from frozen normals.

    A linear head on every stack's features also predicts the depth of the front and back surface and is
    thrown away at export: it is meant to bring depth into the features early, where toy networks without it
    learnt none in a small budget. What it gains here has not been measured on its own.
    """

    def __init__(self, network: PIFuHD) -> None:
        super().__init__()
        self.network = network
        encoder = network.preset.coarse.encoder
        self.depth = nn.ModuleList(nn.Conv2d(encoder.out_channels, 2, 1) for _ in range(encoder.stacks))

    def trained(self) -> list[nn.Parameter]:
        level = self.network.netG
        return [*level.image_filter.parameters(), *level.mlp.parameters(), *self.depth.parameters()]

    def views(self, folder: Path, settings: StageSettings, seed: int) -> StoredViews:
        size = self.network.preset.coarse_size
        return StoredViews(folder, ViewSettings(size, size, 0, settings.points, False), seed)

    def forward(self, batch: Batch) -> Losses:
        maps = frozen_maps(self.network, batch.image)
        stacks = self.network.coarse_features(batch.image, maps)
        # points of all stacks in one query: the function is the same
        level = self.network.netG
        logits, _ = level.query(torch.cat(stacks).float(), batch.points.repeat(len(stacks), 1, 1))
        losses = {"occupancy": extended_bce(logits.float(), batch.labels.repeat(len(stacks), 1))}
        losses["columns"] = column_loss(lambda at: level.query(stacks[-1].float(), at)[0], batch, 2000)
        size = stacks[0].shape[-1]
        mask = functional.interpolate(batch.mask, size=(size, size), mode="area")
        target = functional.interpolate(batch.depth, size=(size, size), mode="area") / mask.clamp(min=1e-3)
        mask = (mask > 0.99).float()
        for head, features in zip(self.depth, stacks, strict=True):
            predicted = head(features).float()
            losses["depth"] = losses.get("depth", 0) + 4 * masked_l1(predicted, target, mask) / len(stacks)
        with torch.no_grad():
            losses["iou (not minimised)"] = point_iou(logits[-len(batch.labels) :], batch.labels)
        return losses


class FineStage(nn.Module):
    """Occupancy within random windows of half the fine picture; the coarse level is frozen."""

    def __init__(self, network: PIFuHD) -> None:
        super().__init__()
        if network.preset.fine is None:
            raise ValueError(f"preset {network.preset.name} has no fine level")
        self.network = network

    def trained(self) -> list[nn.Parameter]:
        return [*self.network.image_filter.parameters(), *self.network.mlp.parameters()]

    def views(self, folder: Path, settings: StageSettings, seed: int) -> StoredViews:
        preset = self.network.preset
        asked = ViewSettings(preset.fine_size, preset.coarse_size, 1, settings.points, False)
        return StoredViews(folder, asked, seed)

    def forward(self, batch: Batch) -> Losses:
        size = self.network.preset.fine_size
        window = size // 2
        corner = _window_corner(batch, size, window)
        with torch.no_grad():
            coarse_image = functional.interpolate(batch.image, size=(size // 2,) * 2, mode="area")
            maps = frozen_maps(self.network, coarse_image)
            coarse = self.network.coarse_features(coarse_image, maps)[-1].float()
            coarse_logits, omega = self.network.netG.query(coarse, batch.points)
            local, inside = _window_points(batch.points, corner, size, window)
        cropped = _cropped(batch.image, maps, corner, size, window)
        features = self.network.image_filter(cropped)[-1].float()
        logits = self.network.query_fine(features, local, omega).float()

        def at_columns(points: Tensor) -> Tensor:
            with torch.no_grad():
                omega = self.network.netG.query(coarse, points)[1]
            return self.network.query_fine(features, _window_points(points, corner, size, window)[0], omega)

        # within the window; the mean over its points is the paper's weight 1 / (share of points inside)
        labels = batch.labels[inside]
        with torch.no_grad():
            iou = point_iou(logits[inside], labels)
            before = point_iou(coarse_logits.float()[inside], labels)
        return {
            "occupancy": extended_bce(logits[inside][None], labels[None]),
            "columns": column_loss(at_columns, batch, 2000, _window_mask(batch.mask, corner, size, window)),
            "iou (not minimised)": iou,
            "coarse iou (not minimised)": before,
        }


def column_loss(
    query: Callable[[Tensor], Tensor], batch: Batch, count: int, allowed: Tensor | None = None
) -> Tensor:
    """Plain cross entropy at points spread evenly along the depth of the person's pixels.

    Points near the surface alone say nothing of how probable each depth is: where the network is unsure of
    the depth, half of those it is shown are inside wherever they are, and legs grow into slabs. Front and
    back depth label a column exactly outside of the two; between them all is taken as inside, but where they
    are far apart (an arm before the body) only the outside is used. query: points (B, count, 3) -> logits
    (B, count); allowed (B, 1, s, s): pixels to draw from.
    """
    size = batch.mask.shape[-1]
    share = batch.mask if allowed is None else batch.mask * allowed
    chosen = torch.multinomial(share.flatten(1) + 1e-9, count, replacement=True)
    front, back = batch.depth.flatten(2).gather(2, chosen[:, None].expand(-1, 2, -1)).unbind(1)
    x = (chosen % size + 0.5) * (2 / size) - 1
    y = 1 - (torch.div(chosen, size, rounding_mode="floor") + 0.5) * (2 / size)
    z = (torch.rand_like(x) * 2 - 1) * COLUMN_REACH
    inside = (z < front) & (z > back)
    known = ~inside | (front - back < THICKEST)
    logits = query(torch.stack([x, y, z], -1)).float()
    losses = functional.binary_cross_entropy_with_logits(logits, inside.float(), reduction="none")
    return (losses * known).sum() / known.sum().clamp(min=1)


def frozen_maps(network: PIFuHD, image: Tensor) -> NormalMaps | None:
    """Normals without gradient, in float32."""
    level = network.netG
    if level.normals is None:
        return None
    with torch.no_grad():
        if level.normals.shared:
            raw, span = level.netN(image)
            return maps_of_shared(raw.float(), span)
        return maps_of_pair(level.netF(image).float(), level.netB(image).float())


def point_iou(logits: Tensor, labels: Tensor) -> Tensor:
    """Intersection over union of predicted and true inside points."""
    predicted, true = logits > 0, labels > 0.5
    return (predicted & true).sum() / (predicted | true).sum().clamp(min=1)


def _window_corner(batch: Batch, size: int, window: int) -> Tensor:
    """(B, 2) x, y of random windows centred on a random point of the person."""
    rows = torch.arange(len(batch.points))
    chosen = torch.multinomial(batch.labels + 1e-3, 1)[:, 0]
    x, y = batch.points[rows, chosen, 0], -batch.points[rows, chosen, 1]
    centre = (torch.stack([x, y], 1) + 1) / 2 * (size - 1) + torch.randn(len(rows), 2) * window / 6
    return (centre - window / 2).round().clamp(0, size - window).long()


def _window_points(points: Tensor, corner: Tensor, size: int, window: int) -> tuple[Tensor, Tensor]:
    """Points in the frame of their window's picture plane, and which lie in it."""
    pixel = torch.stack([points[..., 0], -points[..., 1]], -1).add(1).div(2).mul(size - 1)
    local = (pixel - corner[:, None]) / (window - 1) * 2 - 1
    inside = (local.abs() <= 1).all(-1)
    return torch.stack([local[..., 0], -local[..., 1], points[..., 2]], -1), inside


def _window_mask(mask: Tensor, corner: Tensor, size: int, window: int) -> Tensor:
    """(B, 1, s, s): 1 in the pixels of the smaller picture that each window covers."""
    factor = size // mask.shape[-1]
    inside = torch.zeros_like(mask)
    for view, (x, y) in zip(inside, corner.tolist(), strict=True):
        view[:, -(-y // factor) : (y + window) // factor, -(-x // factor) : (x + window) // factor] = 1
    return inside


def _cropped(image: Tensor, maps: NormalMaps | None, corner: Tensor, size: int, window: int) -> Tensor:
    if maps is not None:
        normals = torch.cat([maps.front, maps.back], 1)
        normals = functional.interpolate(normals, size=(size, size), mode="bilinear", align_corners=True)
        image = torch.cat([image, normals], 1)
    return torch.stack(
        [view[:, y : y + window, x : x + window] for view, (x, y) in zip(image, corner.tolist(), strict=True)]
    )


STAGES: dict[str, type[NormalStage] | type[CoarseStage] | type[FineStage]] = {
    "normals": NormalStage,
    "coarse": CoarseStage,
    "fine": FineStage,
}
