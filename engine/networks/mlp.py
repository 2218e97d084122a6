"""The implicit function: a point's features and depth -> occupancy (PIFu, section 3; PIFuHD, 3.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class MLP(nn.Module):
    """1x1 convolutions over points, LeakyReLU between; `residual` layers see the input once more."""

    def __init__(self, widths: tuple[int, ...], residual: tuple[int, ...]) -> None:
        super().__init__()
        self.residual = residual
        self.filters = nn.ModuleList(
            nn.Conv1d(before + (widths[0] if i in residual else 0), after, 1)
            for i, (before, after) in enumerate(zip(widths, widths[1:], strict=False))
        )

    def forward(self, x: Tensor, tap: int | None = None) -> tuple[Tensor, Tensor | None]:
        """x (B, widths[0], N) -> logits (B, 1, N) and the activation (B, width, N) of layer `tap`, if any."""
        y, tapped = x, None
        for i, layer in enumerate(self.filters):
            y = layer(torch.cat([y, x], 1) if i in self.residual else y)
            if i < len(self.filters) - 1:
                y = functional.leaky_relu(y, 0.01)
            if i == tap:
                tapped = y
        return y, tapped
