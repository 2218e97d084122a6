# SPDX-License-Identifier: GPL-3.0-or-later
"""The feature loss of the normal maps: what VGG19 (Simonyan & Zisserman 2015) sees differ between them.

Its weights were trained on ImageNet and are published with torchvision, which this project does not need: the
convolutions alone are built here, with the key names of that file.
"""

from __future__ import annotations

import http.client
import pickle
import socket
import urllib.error
from pathlib import Path

import torch
from torch import Tensor, nn

ADDRESS = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
"""The name holds the first digits of the file's SHA-256, which are checked. 575 MB."""
TIMEOUT = 20.0
"""Seconds without a byte after which the download is given up."""
UNREACHED = (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException)
"""What a network that is not there, or goes away, raises; a full disk is another matter."""
CHANNELS = ((64, 64), (128, 128), (256,) * 4, (512,) * 4, (512,))
"""Of the convolutions up to relu5_1, between max pools."""
WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
"""Of relu1_1, relu2_1, relu3_1, relu4_1 and relu5_1 (pix2pixHD, Wang et al. 2018)."""
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's RGB values in [0, 1]: what the weights expect to be taken off."""


class VGGFeatures(nn.Module):
    """VGG19 up to relu5_1, never trained: `forward` is the loss between two pictures."""

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for block in CHANNELS:
            if layers:
                layers.append(nn.MaxPool2d(2))
            for channels in block:
                layers += [nn.Conv2d(before, channels, 3, padding=1), nn.ReLU()]
                before = channels
        self.features = nn.Sequential(*layers)
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION)[:, None, None], persistent=False)
        self.requires_grad_(False)

    def seen(self, picture: Tensor) -> list[Tensor]:
        """Activations (B, C, h, w) after relu1_1 .. relu5_1 of (B, 3, S, S) in [-1, 1]."""
        x = ((picture + 1) / 2 - self.mean) / self.deviation
        found, first = [], True
        for layer in self.features:
            x = layer(x)
            if isinstance(layer, nn.ReLU) and first:
                found.append(x)
            if not isinstance(layer, nn.Conv2d):
                first = isinstance(layer, nn.MaxPool2d)
        return found

    def forward(self, predicted: Tensor, target: Tensor) -> Tensor:
        """Weighted mean absolute difference of the activations; pictures (B, 3, S, S) in [-1, 1]."""
        with torch.no_grad():
            wanted = self.seen(target)
        total = predicted.new_zeros(())
        for weight, own, true in zip(WEIGHTS, self.seen(predicted), wanted, strict=True):
            total = total + weight * (own.float() - true.float()).abs().mean()
        return total


def fetch_vgg() -> VGGFeatures | None:
    """VGG19 with its published weights, from torch's cache folder or else downloaded into it; None where
    there is neither file nor network. Raises ValueError for a file that is broken or not VGG19's, and where
    the cache folder takes none."""
    waited = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)
    try:
        state = torch.hub.load_state_dict_from_url(
            ADDRESS, map_location="cpu", progress=False, check_hash=True, weights_only=True
        )
    except UNREACHED:
        return None
    except OSError as error:
        raise ValueError(
            f"VGG19 (575 MB) cannot be kept in {_cached().parent} ({error.strerror}): make room there, or "
            "set TORCH_HOME to another folder."
        ) from error
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise _unusable() from error
    finally:
        socket.setdefaulttimeout(waited)
    network = VGGFeatures()
    # the rest of the file is the classifier: nine tenths of it
    own = {key: state[key] for key in network.state_dict() if key in state}
    try:
        network.load_state_dict(own)
    except RuntimeError as error:
        raise _unusable() from error
    return network


def _unusable() -> ValueError:
    return ValueError(f"{ADDRESS} gave no VGG19. Remove {_cached()}, if it is there, and try again.")


def _cached() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints" / ADDRESS.rpartition("/")[2]
