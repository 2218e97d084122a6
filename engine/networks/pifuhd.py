# SPDX-License-Identifier: GPL-3.0-or-later
"""Both levels of PIFuHD (section 3.2): a coarse function over the whole picture, a fine one that refines it.

Points are in camera space: x right, y up, z to the viewer, the crop's cube is [-1, 1]^3. A checkpoint's
top-level keys are the fine level's, `netG` holds the coarse level and the normal nets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..weights.presets import Preset
from .columns import along_columns, columns_of
from .hourglass import HourglassEncoder
from .mlp import MLP, Affine
from .normal import GlobalGenerator, NormalMaps, SharedNormalNet, maps_of_pair, maps_of_shared


@dataclass(frozen=True)
class Norms:
    """What the norms of both implicit functions amount to in one picture, a layer each (`MLP.affines`)."""

    coarse: Sequence[Affine | None]
    fine: Sequence[Affine | None]


@dataclass(frozen=True)
class Features:
    """What one picture's points are decided from: coarse (B, C, h, w); fine (B, C', h', w') or None; norms,
    or None where each set of points that is asked for gets its own."""

    coarse: Tensor
    fine: Tensor | None
    norms: Norms | None = None


def sample(features: Tensor, points: Tensor) -> Tensor:
    """Bilinear features (B, C, N) of (B, C, h, w) at the pixels of camera-space points (B, N, 3)."""
    image = torch.stack([points[..., 0], -points[..., 1]], -1)[:, :, None]
    return functional.grid_sample(features, image, mode="bilinear", align_corners=True)[..., 0]


class CoarseLevel(nn.Module):
    """Normal nets, image encoder and implicit function of the whole picture (`netG` in checkpoints)."""

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        self.depth_scale, self.omega_layer = preset.depth_scale, preset.omega_layer
        self.image_filter = HourglassEncoder(preset.coarse.encoder)
        self.mlp = MLP(preset.coarse.mlp, preset.coarse.residual, preset.coarse.mlp_norm)
        if preset.normals is not None:
            nets = preset.normals
            channels, blocks = nets.channels, nets.blocks
            if nets.shared:
                self.netN = SharedNormalNet(channels, blocks, nets.span, nets.back_colour)
            else:
                self.netF = GlobalGenerator(channels, blocks)
                self.netB = GlobalGenerator(channels, blocks)
        self.normals = preset.normals

    def predict_normals(self, image: Tensor) -> NormalMaps:
        """image (B, 3, S, S) RGB in [-1, 1] -> maps of side S. Raises ValueError without normal nets."""
        if self.normals is None:
            raise ValueError("this preset has no normal nets")
        if self.normals.shared:
            return maps_of_shared(*self.netN(image))
        return maps_of_pair(self.netF(image), self.netB(image))

    def depth(self, points: Tensor) -> Tensor:
        """The depth that the implicit function sees, (..., 1), of points (..., 3)."""
        return points[..., 2:] * self.depth_scale

    def query(self, features: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """features (B, C, h, w), points (B, N, 3) -> occupancy logits (B, N) and Omega (B, W, N)."""
        depth = self.depth(points).transpose(1, 2)
        logits, omega = self.mlp(torch.cat([sample(features, points), depth], 1), self.omega_layer)
        return logits[:, 0], cast(Tensor, omega)


class PIFuHD(nn.Module):
    """The network of a preset, from the single-level `pifu` to the published `pifuhd`."""

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        self.preset = preset
        self.netG = CoarseLevel(preset)
        if preset.fine is not None:
            self.image_filter = HourglassEncoder(preset.fine.encoder)
            self.mlp = MLP(preset.fine.mlp, preset.fine.residual, preset.fine.mlp_norm)

    def predict_normals(self, image: Tensor) -> NormalMaps | None:
        """image (B, 3, S, S) RGB in [-1, 1], S = coarse_size; None for presets without normal nets."""
        return None if self.preset.normals is None else self.netG.predict_normals(image)

    def coarse_features(self, image: Tensor, maps: NormalMaps | None) -> list[Tensor]:
        """One feature map a stack from the picture (B, 3, S, S) at coarse_size and its normals."""
        return cast(list[Tensor], self.netG.image_filter(_with_normals(image, maps)))

    def fine_features(self, image_fine: Tensor, maps: NormalMaps | None) -> list[Tensor]:
        """The same from the picture at fine_size; normals are resized to it."""
        return cast(list[Tensor], self.image_filter(_with_normals(image_fine, maps)))

    def encode(self, image: Tensor, image_fine: Tensor | None, maps: NormalMaps | None) -> Features:
        """All that is computed once a picture: image (B, 3, S, S) of side coarse_size, image_fine of side
        fine_size, both in [-1, 1]. Features are float32, also under autocast: points are sampled from them.
        Raises ValueError where the fine level lacks its picture."""
        coarse = self.coarse_features(image, maps)[-1].float()
        if self.preset.fine is None:
            return Features(coarse, None)
        if image_fine is None:
            raise ValueError(
                f"preset {self.preset.name} needs the picture at {self.preset.fine_size} pixels too"
            )
        return Features(coarse, self.fine_features(image_fine, maps)[-1].float())

    def query_fine(self, features: Tensor, points: Tensor, omega: Tensor) -> Tensor:
        """Occupancy logits (B, N) of the fine level; omega (B, W, N): the coarse level's at these points."""
        return cast(Tensor, self.mlp(torch.cat([sample(features, points), omega], 1))[0][:, 0])

    def with_norms(self, features: Features, points: Tensor) -> Features:
        """features whose group norms have the statistics of points (N, 3) of their picture, once for all.

        Without, occupancy takes them from the points asked for together. No matter without group norms.
        """
        coarse, reference = self.netG.mlp, None
        if coarse.norm == "group":
            reference = torch.cat([_pixels(features.coarse, points), self.netG.depth(points)], 1).T[None]
        norms = Norms(coarse.affines(reference), ())
        if features.fine is not None:
            reference = None
            if self.mlp.norm == "group":
                omega = self._omega(features.coarse, *columns_of(points), points, norms)
                reference = torch.cat([_pixels(features.fine, points), omega], 1).T[None]
            norms = replace(norms, fine=self.mlp.affines(reference))
        return replace(features, norms=norms)

    def occupancy(self, features: Features, points: Tensor) -> Tensor:
        """Occupancy (N,) in [0, 1] of camera-space points (N, 3) in a picture of batch 1.

        Outside the cube it is 0; the fine level cuts in x and y only. Points of one depth column that follow
        each other share the work on their pixel.
        """
        norms = features.norms or cast(Norms, self.with_norms(features, points).norms)
        columns, column = columns_of(points)
        if features.fine is None:
            mlp, shared, own = self.netG.mlp, _pixels(features.coarse, columns), self.netG.depth(points)
            affines, inside = norms.coarse, (points.abs() <= 1).all(1)
        else:
            mlp, shared = self.mlp, _pixels(features.fine, columns)
            own = self._omega(features.coarse, columns, column, points, norms)
            affines, inside = norms.fine, (points[:, :2].abs() <= 1).all(1)
        logits = along_columns(mlp, shared, column, own, affines, len(mlp.filters) - 1)
        return torch.sigmoid(logits[:, 0].float()) * inside

    def _omega(self, coarse: Tensor, columns: Tensor, column: Tensor, points: Tensor, norms: Norms) -> Tensor:
        """The coarse level's Omega (N, W); what it makes of it is the fine level's to say."""
        shared, depth = _pixels(coarse, columns), self.netG.depth(points)
        return along_columns(self.netG.mlp, shared, column, depth, norms.coarse, self.netG.omega_layer)


def _pixels(features: Tensor, points: Tensor) -> Tensor:
    """Bilinear features (N, C) of (1, C, h, w) at the pixels of points (N, 3)."""
    return sample(features, points[None])[0].T


def _with_normals(image: Tensor, maps: NormalMaps | None) -> Tensor:
    if maps is None:
        return image
    normals = torch.cat([maps.front, maps.back], 1)
    if normals.shape[-1] != image.shape[-1]:
        normals = functional.interpolate(normals, size=image.shape[-2:], mode="bilinear", align_corners=True)
    return torch.cat([image, normals], 1)
