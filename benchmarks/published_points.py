# SPDX-License-Identifier: GPL-3.0-or-later
"""How the published procedure answers points: each alone, by 1x1 convolutions over joined inputs.

The engine's own functions are matrix products by now, even where training asks whole batches
(`networks/mlp.py`), which is 1.6 times as fast; measured against those, what is faster about the engine would
not show.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from engine.networks import Features, PIFuHD
from engine.networks.mlp import MLP, SLOPE
from engine.networks.pifuhd import sample


def logits_of(network: PIFuHD, features: Features, points: Tensor) -> Tensor:
    """Logits (1, N) of camera points (1, N, 3): both functions to their last layer."""
    level = network.netG
    depth = level.depth(points).transpose(1, 2)
    seen = _activations(level.mlp, torch.cat([sample(features.coarse, points), depth], 1))
    if features.fine is not None:
        omega = seen[level.omega_layer]
        seen = _activations(network.mlp, torch.cat([sample(features.fine, points), omega], 1))
    return seen[-1][:, 0]


def _activations(mlp: MLP, x: Tensor) -> list[Tensor]:
    """What each layer makes of the input (1, C, N): (1, width, N), logits of the last."""
    seen: list[Tensor] = []
    y = x
    for i, layer in enumerate(mlp.filters):
        y = layer(torch.cat([y, x], 1) if i in mlp.residual else y)
        if i < len(mlp.filters) - 1:
            y = functional.leaky_relu(mlp.norms[i](y) if mlp.norms else y, SLOPE)
        seen.append(y)
    return seen
