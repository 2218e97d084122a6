"""Front and back normal maps from the photograph (PIFuHD, section 3.3)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from .winograd import Conv3x3

MASK_THRESHOLD = 0.5
"""Length of a predicted normal, and value of a predicted mask, above which a pixel belongs to the person."""

MULTIPLE = 16
"""Of so many channels the CPU's norms of bfloat16 are fast: measured with 16 to 128, where 24 are slow."""

DARKEST = 0.02
"""Of a back's colour in [0, 1], and as far below 1 the brightest, where nothing sets it apart from the
picture's."""


@dataclass(frozen=True)
class NormalMaps:
    """front, back: (B, 3, S, S) camera-space normals (x right, y up, z to the viewer), the zero vector
    outside the person; mask: (B, 1, S, S) in [0, 1], the person's silhouette; span: (B,) what the picture's
    side measures in the person's statures, > 0; back_colour: (B, 3, S, S) sRGB in [0, 1] of the surface
    farthest from the viewer, in even light, meaningful within the person; both None from nets that were not
    trained to tell."""

    front: Tensor
    back: Tensor
    mask: Tensor
    span: Tensor | None = None
    back_colour: Tensor | None = None


class _Mirrored(nn.ReflectionPad2d):
    """Reflects the border in the precision that it comes in: autocast on a CPU would widen it to float32, and
    the next layer would round it back."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            return super().forward(x)


class ResidualBlock(nn.Module):
    """Two reflect-padded 3x3 convolutions with instance norm, added to the input (Wang et al. 2018)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            _Mirrored(1),
            Conv3x3(channels, channels),
            *_normed(channels),
            _Mirrored(1),
            Conv3x3(channels, channels),
            _instance_norm(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + cast(Tensor, self.conv_block(x))


class GlobalGenerator(nn.Module):
    """pix2pixHD's global generator (Wang et al. 2018): (B, 3, S, S) in [-1, 1] -> (B, 3, S, S) in [-1, 1].

    channels: of the stem and after each stride-2 convolution; blocks: residual blocks at the lowest size.
    """

    def __init__(self, channels: tuple[int, ...], blocks: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [_Mirrored(3), nn.Conv2d(3, channels[0], 7), *_normed(channels[0])]
        for before, after in zip(channels, channels[1:], strict=False):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), *_normed(after)]
        layers += [ResidualBlock(channels[-1]) for _ in range(blocks)]
        for before, after in zip(channels[::-1], channels[-2::-1], strict=False):
            up = nn.ConvTranspose2d(before, after, 3, stride=2, padding=1, output_padding=1)
            layers += [up, *_normed(after)]
        layers += [_Mirrored(3), nn.Conv2d(channels[0], 3, 7), nn.Tanh()]
        self.model = nn.Sequential(*layers)

    def forward(self, image: Tensor) -> Tensor:
        return cast(Tensor, self.model(image))


def _instance_norm(channels: int) -> nn.Module:
    """As a group norm with a channel a group: it keeps channels_last, where `nn.InstanceNorm2d` takes five to
    fifteen times as long on a CPU and hands the next layer the other layout. Its sums are less exact: values
    of a map of 64 x 512 x 512 were off by 0.0006 at most."""
    return nn.GroupNorm(channels, channels, affine=False)


def _normed(channels: int) -> list[nn.Module]:
    return [_instance_norm(channels), nn.ReLU(True)]


class _GroupNorm(nn.GroupNorm):
    """A group norm that is as fast as any other where its channels are no multiple of 16.

    In bfloat16 on a CPU one of 24 channels of 512 x 512 takes 8.8 ms where one of 48 of 256 x 256 takes 1.3.
    Neighbouring pixels side by side are one with twice the channels, and the moments of both are the map's.
    """

    def forward(self, x: Tensor) -> Tensor:
        side_by_side = MULTIPLE // math.gcd(self.num_channels, MULTIPLE)
        if (
            side_by_side == 1
            or x.device.type != "cpu"
            or x.dtype != torch.bfloat16
            or torch.is_grad_enabled()
            or len(x) > 1
            or x.shape[3] % side_by_side
            or not x.is_contiguous(memory_format=torch.channels_last)
        ):
            return super().forward(x)
        _, channels, height, width = x.shape
        wide = x.permute(0, 2, 3, 1).view(1, height, width // side_by_side, -1).permute(0, 3, 1, 2)
        # given moments of float32 to update, by nothing, it tells its own in float32 too
        given = x.new_zeros(2, channels * side_by_side, dtype=torch.float32)
        moments = torch.batch_norm_update_stats(wide, given[0], given[1], 0.0)
        groups = self.num_groups, channels // self.num_groups
        means, variances = (one.view(side_by_side, *groups) for one in moments)
        mean = means.mean((0, 2))
        variance = (variances + (means - mean[:, None]) ** 2).mean((0, 2))
        mean, variance = (one.repeat_interleave(groups[1]) for one in (mean, variance))
        return torch.batch_norm(x, self.weight, self.bias, mean, variance, False, 0.0, self.eps, False)


class _Conv(nn.Sequential):
    """Convolution, group norm over eight groups, ReLU."""

    def __init__(self, before: int, after: int, size: int = 3, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(before, after, size, stride, size // 2, bias=False),
            _GroupNorm(8, after),
            nn.ReLU(True),
        )


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _Conv(channels, channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.GroupNorm(8, channels)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + cast(Tensor, self.norm(self.second(self.first(x)))))


class SpanHead(nn.Module):
    """What a picture's side measures in the person's statures, (B, C, h, w) -> (B,) logarithms.

    Every place of the map gives an estimate and a weight: a head or a hand tells the scale even where the
    frame cuts the rest of the person off.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.local = nn.Sequential(_Conv(channels, 64), nn.Conv2d(64, 2, 1))

    def forward(self, features: Tensor) -> Tensor:
        estimate, weight = self.local(features).float().flatten(2).unbind(1)
        return cast(Tensor, (estimate * weight.softmax(1)).sum(1))


class SharedNormalNet(nn.Module):
    """Both normal maps and the silhouette from one trunk with skip connections: the `compact` counterpart of
    the two generators, at a thirtieth of their cost. (B, 3, S, S) in [-1, 1] -> (B, 7, S, S): raw front, raw
    back, mask logit, or (B, 10, S, S) with the logits of the back's colour where the preset has it; and the
    span's logarithm (B,), or None where the preset has no span.

    The back's colour is told as what sets it apart from the picture's own at the same pixel, which an
    untrained net gives: clothes mostly go round. Told outright it was still blurred and off in hue, by 0.140
    on average, after two rounds of training on two cores, where the picture's own colours are off by 0.126.
    """

    def __init__(self, channels: tuple[int, ...], blocks: int, span: bool, back_colour: bool) -> None:
        super().__init__()
        self.stem = _Conv(3, channels[0], 7)
        pairs = list(zip(channels, channels[1:], strict=False))
        self.down = nn.ModuleList(nn.Sequential(_Conv(a, b, stride=2), _Conv(b, b)) for a, b in pairs)
        self.middle = nn.Sequential(*(_Residual(channels[-1]) for _ in range(blocks)))
        self.up = nn.ModuleList(_Conv(a + b, a) for a, b in reversed(pairs))
        self.head = nn.Conv2d(channels[0], 10 if back_colour else 7, 3, padding=1)
        if back_colour:
            with torch.no_grad():
                self.head.weight[7:] = 0
                cast(Tensor, self.head.bias)[7:] = 0
        self.span = SpanHead(channels[-1]) if span else None

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor | None]:
        kept = [self.stem(image)]
        for down in self.down:
            kept.append(down(kept[-1]))
        x = self.middle(kept.pop())
        span = None if self.span is None else self.span(x)
        for up in self.up:
            x = functional.interpolate(x, scale_factor=2)
            x = up(torch.cat([x, kept.pop()], 1))
        raw = cast(Tensor, self.head(x))
        if raw.shape[1] == 10:
            own = torch.logit((image + 1) / 2, DARKEST)
            raw = torch.cat([raw[:, :7], raw[:, 7:] + own], 1)
        return raw, span


def maps_of_shared(raw: Tensor, span: Tensor | None) -> NormalMaps:
    """Turn the outputs of `SharedNormalNet` into unit normals times the silhouette, span and colours; in
    float32, also under autocast."""
    raw = raw.float()
    mask = torch.sigmoid(raw[:, 6:7])
    size = None if span is None else span.exp()
    colour = torch.sigmoid(raw[:, 7:10]) if raw.shape[1] == 10 else None
    return NormalMaps(unit(raw[:, :3]) * mask, unit(raw[:, 3:6]) * mask, mask, size, colour)


def unit(vectors: Tensor) -> Tensor:
    """Vectors (B, 3, H, W) of length 1; functional.normalize takes three times as long on a CPU."""
    return vectors * torch.rsqrt((vectors * vectors).sum(1, keepdim=True) + 1e-8)


def maps_of_pair(front: Tensor, back: Tensor) -> NormalMaps:
    """Maps of the two generators, in float32; the silhouette is where the front normal is not background."""
    front, back = front.float(), back.float()
    mask = (front.norm(dim=1, keepdim=True) > MASK_THRESHOLD).to(front.dtype)
    return NormalMaps(front, back, mask)
