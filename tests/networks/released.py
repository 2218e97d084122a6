# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints in the released format, and what they compute: an independent second implementation.

Functions over a table of parameters instead of modules. A parameter comes into being, drawn by its name, when
the computation first asks for it, so that the table then holds exactly the names and shapes of the format.
"""

from __future__ import annotations

import argparse
import zlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

Options = argparse.Namespace
WIDTHS = (64, 128, 128, 256)


def options(**changes: Any) -> Options:
    """A coarse level's options, as small as the format allows; normal nets and fine level fit them."""
    values: dict[str, Any] = {
        "num_stack": 1, "hg_depth": 1, "hg_dim": 32, "hg_down": "ave_pool", "norm": "group",
        "mlp_dim": [33, 64, 32, 32, 1], "mlp_res_layers": [1, 2], "mlp_norm": "none", "merge_layer": 2,
        "loadSize": 32, "z_size": 12.5, "use_front_normal": True, "use_back_normal": True, "name": "a test",
    }  # fmt: skip
    return Options(**values | changes)


def fine_options(**changes: Any) -> Options:
    """A fine level's, for 32 values of Omega."""
    small = {"hg_dim": 8, "hg_down": "no_down", "mlp_dim": [40, 32, 32, 1], "mlp_res_layers": [1]}
    return options(**small | changes)


class Released:
    """A released network of these options; `state` holds the parameters that were asked for."""

    def __init__(self, coarse: Options, fine: Options | None) -> None:
        self.coarse, self.fine = coarse, fine
        self.state: dict[str, Tensor] = {}

    def compute(self, image: Tensor, image_fine: Tensor, points: Tensor) -> dict[str, Tensor]:
        """image (1,3,S,S), image_fine (1,3,2S,2S), points (N,3), all in [-1, 1] -> what the levels give."""
        at = "netG." if self.fine is not None else ""
        found: dict[str, Tensor] = {}
        if self.coarse.use_front_normal:
            found["front"] = self.normal_net(f"{at}netF.model", image)
            found["back"] = self.normal_net(f"{at}netB.model", image)
        maps = list(found.values())
        pool = self.coarse.hg_down == "ave_pool"
        found["coarse"] = self.encoder(f"{at}image_filter", self.coarse, torch.cat([image, *maps], 1), pool)
        depth = points.T[None, 2:] * (self.coarse.loadSize // 2) / self.coarse.z_size
        features = look_up(found["coarse"], points)
        logits, omega = self.mlp(f"{at}mlp", self.coarse, torch.cat([features, depth], 1))
        if self.fine is not None:
            resize = {"size": image_fine.shape[-2:], "mode": "bilinear", "align_corners": True}
            wide = [functional.interpolate(each, **resize) for each in maps]
            found["fine"] = self.encoder("image_filter", self.fine, torch.cat([image_fine, *wide], 1), False)
            logits, _ = self.mlp("mlp", self.fine, torch.cat([look_up(found["fine"], points), omega], 1))
        return found | {"logits": logits[0, 0]}

    def parameter(self, name: str, *shape: int) -> Tensor:
        if name not in self.state:
            generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
            value = torch.randn(shape, generator=generator)
            if name.endswith("running_var"):
                value = 0.5 + value**2
            elif len(shape) == 1:
                value = 0.2 * value + (1 if name.endswith("weight") else 0)
            else:
                value = value * (2 / value[0].numel()) ** 0.5
            self.state[name] = value
        return self.state[name]

    def convolve(self, at: str, x: Tensor, after: int, size: int, bias: bool = True, **how: Any) -> Tensor:
        weight = self.parameter(f"{at}.weight", after, x.shape[1], *[size] * (x.dim() - 2))
        return (functional.conv2d if x.dim() == 4 else functional.conv1d)(
            x, weight, self.parameter(f"{at}.bias", after) if bias else None, **how
        )

    def normed(self, at: str, x: Tensor, norm: str) -> Tensor:
        width = x.shape[1]
        scale, shift = self.parameter(f"{at}.weight", width), self.parameter(f"{at}.bias", width)
        if norm == "group":
            return functional.group_norm(x, 32, scale, shift)
        mean, variance = (self.parameter(f"{at}.running_{what}", width) for what in ("mean", "var"))
        self.state[f"{at}.num_batches_tracked"] = torch.tensor(1000)
        return functional.batch_norm(x, mean, variance, scale, shift)

    def block(self, at: str, x: Tensor, after: int, norm: str) -> Tensor:
        parts, y = [], x
        for i, share in enumerate((2, 4, 4), 1):
            y = functional.relu(self.normed(f"{at}.bn{i}", y, norm))
            y = self.convolve(f"{at}.conv{i}", y, after // share, 3, bias=False, padding=1)
            parts.append(y)
        skip = self.normed(f"{at}.bn4", x, norm)
        if x.shape[1] == after:
            return torch.cat(parts, 1) + x
        for name in [name for name in self.state if name.startswith(f"{at}.bn4.")]:
            self.state[name.replace("bn4", "downsample.0")] = self.state[name]
        return torch.cat(parts, 1) + self.convolve(
            f"{at}.downsample.2", functional.relu(skip), after, 1, bias=False
        )

    def hourglass(self, at: str, x: Tensor, depth: int, norm: str) -> Tensor:
        width = x.shape[1]
        upper = self.block(f"{at}.b1_{depth}", x, width, norm)
        lower = self.block(f"{at}.b2_{depth}", functional.avg_pool2d(x, 2), width, norm)
        if depth > 1:
            lower = self.hourglass(at, lower, depth - 1, norm)
        else:
            lower = self.block(f"{at}.b2_plus_1", lower, width, norm)
        lower = self.block(f"{at}.b3_{depth}", lower, width, norm)
        return upper + functional.interpolate(lower, scale_factor=2, mode="bicubic", align_corners=True)

    def encoder(self, at: str, chosen: Options, x: Tensor, pool: bool) -> Tensor:
        norm = chosen.norm
        x = functional.relu(self.normed(f"{at}.bn1", self.convolve(
            f"{at}.conv1", x, WIDTHS[0], 7, stride=2, padding=3), norm))
        x = self.block(f"{at}.conv2", x, WIDTHS[1], norm)
        x = functional.avg_pool2d(x, 2) if pool else x
        x = self.block(f"{at}.conv4", self.block(f"{at}.conv3", x, WIDTHS[2], norm), WIDTHS[3], norm)
        for i in range(chosen.num_stack):
            y = self.block(
                f"{at}.top_m_{i}", self.hourglass(f"{at}.m{i}", x, chosen.hg_depth, norm), WIDTHS[3], norm
            )
            y = functional.relu(
                self.normed(f"{at}.bn_end{i}", self.convolve(f"{at}.conv_last{i}", y, WIDTHS[3], 1), norm)
            )
            out = self.convolve(f"{at}.l{i}", y, chosen.hg_dim, 1)
            if i < chosen.num_stack - 1:
                x = x + self.convolve(f"{at}.bl{i}", y, WIDTHS[3], 1)
                x = x + self.convolve(f"{at}.al{i}", out, WIDTHS[3], 1)
        return out

    def mlp(self, at: str, chosen: Options, x: Tensor) -> tuple[Tensor, Tensor]:
        merge = chosen.merge_layer if chosen.merge_layer > 0 else len(chosen.mlp_dim) // 2
        y = omega = x
        for i, after in enumerate(chosen.mlp_dim[1:]):
            y = torch.cat([y, x], 1) if i in chosen.mlp_res_layers else y
            y = self.convolve(f"{at}.filters.{i}", y, after, 1)
            if i < len(chosen.mlp_dim) - 2:
                y = y if chosen.mlp_norm == "none" else self.normed(f"{at}.norms.{i}", y, chosen.mlp_norm)
                y = functional.leaky_relu(y, 0.01)
            if i == merge:
                omega = y
        return y, omega

    def normal_net(self, at: str, image: Tensor) -> Tensor:
        """One of 8 channels, a halving and a residual block: options do not tell sizes."""
        def normed(x: Tensor) -> Tensor:
            return functional.relu(functional.instance_norm(x))

        def padded(x: Tensor, by: int) -> Tensor:
            return functional.pad(x, [by] * 4, mode="reflect")

        x = normed(self.convolve(f"{at}.1", padded(image, 3), 8, 7))
        x = normed(self.convolve(f"{at}.4", x, 16, 3, stride=2, padding=1))
        y = normed(self.convolve(f"{at}.7.conv_block.1", padded(x, 1), 16, 3))
        x = x + functional.instance_norm(self.convolve(f"{at}.7.conv_block.5", padded(y, 1), 16, 3))
        weight, bias = self.parameter(f"{at}.8.weight", 16, 8, 3, 3), self.parameter(f"{at}.8.bias", 8)
        x = normed(functional.conv_transpose2d(x, weight, bias, stride=2, padding=1, output_padding=1))
        return torch.tanh(self.convolve(f"{at}.12", padded(x, 3), 3, 7))


def look_up(features: Tensor, points: Tensor) -> Tensor:
    """Features (1, C, h, w) -> (1, C, N) at camera-space points (N, 3), y up."""
    grid = torch.stack([points[:, 0], -points[:, 1]], 1)[None, :, None]
    return functional.grid_sample(features, grid, align_corners=True)[..., 0]


def content(released: Released) -> dict[str, Any]:
    """What a checkpoint file of a network holds, once `compute` was called."""
    if released.fine is None:
        return {"opt": released.coarse, "model_state_dict": released.state}
    return {"opt": released.fine, "opt_netG": released.coarse, "model_state_dict": released.state}


def write(path: Path, what: object, of_2020: bool = False) -> Path:
    torch.save(what, path, _use_new_zipfile_serialization=not of_2020)
    return path
