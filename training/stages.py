# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages of training (PIFuHD, section 4): normals, coarse, fine with the coarse level frozen, and on
request both levels end to end.

A stage is a module that turns a batch into its losses, means over views; those with "not minimised" in their
name are for the log. What it draws at random comes from its seed and `Batch.index`.
"""

from __future__ import annotations

from dataclasses import fields, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.networks import NormalMaps, PIFuHD
from engine.networks.hourglass import ConvBlock
from engine.networks.normal import maps_of_pair, maps_of_shared, unit

from .losses import (
    back_colour_loss,
    column_loss,
    extended_bce,
    gradient_l1,
    masked_l1,
    point_iou,
    span_loss,
    view_draws,
)
from .vgg import VGGFeatures
from .views import Batch
from .windows import choose_corners, covered, cut, in_window

Losses = dict[str, Tensor]
COLUMNS = 2000
"""Points a view that `column_loss` is asked at."""
FEATURE_WEIGHT = 0.2
"""Of the VGG19 features beside an L1 of 1: the author recalled 5 to 1."""
COARSE_COLUMNS, FINE_COLUMNS, WINDOWS = range(3)
"""What is drawn for a view: see `view_draws`."""


class NormalStage(nn.Module):
    """Front and back normals, the silhouette and the back's colour from the picture at the coarse size."""

    def __init__(self, network: PIFuHD, features: VGGFeatures | None) -> None:
        super().__init__()
        self.network, self.features = network, features

    def trained(self) -> list[nn.Parameter]:
        named = self.network.netG.named_parameters()
        return [p for name, p in named if name.startswith(("netN", "netF", "netB"))]

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
            if level.normals.back_colour:
                losses["back colour"] = back_colour_loss(torch.sigmoid(raw[:, 7:10]), batch)
        else:
            normals = [level.netF(batch.image).float(), level.netB(batch.image).float()]
        # a generator without mask output tells the background by the zero vector: it is judged there too
        where = batch.mask if "mask" in losses else torch.ones_like(batch.mask)
        known = where * batch.back_known[:, None, None, None]
        for name, predicted, target, judged in (
            ("front", normals[0], batch.front, where),
            ("back", normals[1], batch.back, known),
        ):
            losses[name] = masked_l1(predicted, target, judged)
            if self.features is None:
                losses[f"{name} edges"] = gradient_l1(predicted, target, judged)
            else:
                seen = self.features(predicted * judged, target * judged)
                losses[f"{name} features"] = FEATURE_WEIGHT * seen
        return losses


class CoarseStage(nn.Module):
    """Occupancy over the whole picture from frozen normals.

    A linear head on every stack's features also predicts the depth of the front and back surface and is
    thrown away at export: it is meant to bring depth into the features early, where toy networks without it
    learnt none in a small budget. What it gains here has not been measured on its own.
    """

    def __init__(self, network: PIFuHD, seed: int) -> None:
        super().__init__()
        self.network, self.seed = network, seed
        encoder = network.preset.coarse.encoder
        self.depth = nn.ModuleList(nn.Conv2d(encoder.out_channels, 2, 1) for _ in range(encoder.stacks))

    def trained(self) -> list[nn.Parameter]:
        level = self.network.netG
        return [*_used(level.image_filter), *level.mlp.parameters(), *self.depth.parameters()]

    def forward(self, batch: Batch) -> Losses:
        image = coarse_picture(self.network, batch.image)
        return self.losses(batch, self.network.coarse_features(image, frozen_maps(self.network, image)))

    def losses(self, batch: Batch, stacks: list[Tensor]) -> Losses:
        """The losses of every stack's features, all supervised alike."""
        # points of all stacks in one query: the function is the same
        level = self.network.netG
        logits, _ = level.query(torch.cat(stacks).float(), batch.points.repeat(len(stacks), 1, 1))
        losses = {"occupancy": extended_bce(logits.float(), batch.labels.repeat(len(stacks), 1))}
        draws = _draws(self.seed, COARSE_COLUMNS, batch, (COLUMNS, 2))
        losses["columns"] = column_loss(lambda at: level.query(stacks[-1].float(), at)[0], batch, draws)
        size = stacks[0].shape[-1]
        mask = functional.interpolate(batch.mask, size=(size, size), mode="area")
        target = functional.interpolate(batch.depth, size=(size, size), mode="area") / mask.clamp(min=1e-3)
        mask = (mask > 0.99).float()
        depths = [
            masked_l1(head(x).float(), target, mask) for head, x in zip(self.depth, stacks, strict=True)
        ]
        losses["depth"] = 4 * torch.stack(depths).mean()
        with torch.no_grad():
            losses["iou (not minimised)"] = point_iou(logits[-len(batch.labels) :], batch.labels)
        return losses


class FineStage(nn.Module):
    """Occupancy within random windows of half the fine picture; the coarse level is frozen."""

    def __init__(self, network: PIFuHD, seed: int) -> None:
        super().__init__()
        if network.preset.fine is None:
            raise ValueError(f"preset {network.preset.name} has no fine level")
        self.network, self.seed = network, seed

    def trained(self) -> list[nn.Parameter]:
        return [*_used(self.network.image_filter), *self.network.mlp.parameters()]

    def forward(self, batch: Batch) -> Losses:
        image = coarse_picture(self.network, batch.image)
        maps = frozen_maps(self.network, image)
        with torch.no_grad():
            coarse = self.network.coarse_features(image, maps)[-1]
        return self.losses(batch, maps, coarse)

    def losses(self, batch: Batch, maps: NormalMaps | None, coarse: Tensor) -> Losses:
        """The losses in one window a view; gradients reach `coarse` and its function unless frozen."""
        size = self.network.preset.fine_size
        window = size // 2
        draws = _draws(self.seed, WINDOWS, batch, (3,))
        corner = choose_corners(batch.points, batch.labels, draws, size, window)
        coarse = coarse.float()
        coarse_logits, omega = self.network.netG.query(coarse, batch.points)
        local, inside = in_window(batch.points, corner, size, window)
        features = self.network.image_filter(_window(batch.image, maps, corner, window))[-1].float()
        logits = self.network.query_fine(features, local, omega).float()

        def at_columns(points: Tensor) -> Tensor:
            omega = self.network.netG.query(coarse, points)[1]
            return self.network.query_fine(features, in_window(points, corner, size, window)[0], omega)

        allowed = covered(batch.mask, corner, size, window)
        draws = _draws(self.seed, FINE_COLUMNS, batch, (COLUMNS, 2))
        with torch.no_grad():
            iou = point_iou(logits, batch.labels, inside)
            before = point_iou(coarse_logits.float(), batch.labels, inside)
        return {
            "occupancy": extended_bce(logits, batch.labels, inside),
            "columns": column_loss(at_columns, batch, draws, allowed),
            "iou (not minimised)": iou,
            "coarse iou (not minimised)": before,
        }


class EndToEndStage(nn.Module):
    """Both levels at once with both levels' losses, on the fine level's points; the normals stay frozen."""

    def __init__(self, network: PIFuHD, seed: int) -> None:
        super().__init__()
        self.coarse, self.fine = CoarseStage(network, seed), FineStage(network, seed)

    def trained(self) -> list[nn.Parameter]:
        return self.coarse.trained() + self.fine.trained()

    def forward(self, batch: Batch) -> Losses:
        network = self.fine.network
        image = coarse_picture(network, batch.image)
        maps = frozen_maps(network, image)
        stacks = network.coarse_features(image, maps)
        fine = self.fine.losses(batch, maps, stacks[-1])
        return {f"coarse {key}": value for key, value in self.coarse.losses(batch, stacks).items()} | fine


Stage = NormalStage | CoarseStage | FineStage | EndToEndStage


def make_stage(name: str, network: PIFuHD, seed: int, features: VGGFeatures | None = None) -> Stage:
    """The stage `name` of plan.SETTINGS; features: for the normal stage alone."""
    if name == "normals":
        return NormalStage(network, features)
    kinds: dict[str, type[CoarseStage | FineStage | EndToEndStage]] = {
        "coarse": CoarseStage,
        "fine": FineStage,
        "end-to-end": EndToEndStage,
    }
    return kinds[name](network, seed)


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


def on_device(batch: Batch, device: torch.device) -> Batch:
    """The batch on `device`, but for index and person: to read those must not wait for it."""
    names = [field.name for field in fields(Batch) if field.name not in ("index", "person")]
    return replace(batch, **{name: getattr(batch, name).to(device, non_blocking=True) for name in names})


def _used(encoder: nn.Module) -> list[nn.Parameter]:
    """An encoder's parameters without those that the released format has and no output depends on."""
    blocks = [module for module in encoder.modules() if isinstance(module, ConvBlock)]
    idle = {id(p) for block in blocks if block.downsample is None for p in block.bn4.parameters()}
    return [p for p in encoder.parameters() if id(p) not in idle]


def _draws(seed: int, stream: int, batch: Batch, shape: tuple[int, ...]) -> Tensor:
    draws = view_draws(seed, stream, batch.index.tolist(), shape)
    return draws.to(batch.image.device, non_blocking=True)


def coarse_picture(network: PIFuHD, image: Tensor) -> Tensor:
    """A batch's pictures (B, 3, S, S) at the coarse size."""
    size = network.preset.coarse_size
    return image if image.shape[-1] == size else functional.interpolate(image, size=(size, size), mode="area")


def _window(image: Tensor, maps: NormalMaps | None, corner: Tensor, window: int) -> Tensor:
    """The fine encoder's input in the windows: the picture (B, 3, S, S), and the normals at its size."""
    if maps is not None:
        normals = torch.cat([maps.front, maps.back], 1)
        normals = functional.interpolate(normals, size=image.shape[-2:], mode="bilinear", align_corners=True)
        image = torch.cat([image, normals], 1)
    return cut(image, corner, window)
