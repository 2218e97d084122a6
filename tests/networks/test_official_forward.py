"""The `pifuhd` preset computes what the published network computes.

official_forward.npz holds outputs of the published network for parameters and inputs drawn by the rule below,
so that no weights need to be shipped. The noise floor of float32 is 1e-4.
"""

import zlib
from pathlib import Path

import numpy as np
import torch

from engine.networks import PIFuHD
from engine.weights import PRESETS

OUTPUTS = Path(__file__).with_name("official_forward.npz")


def drawn(key: str, shape: tuple[int, ...]) -> torch.Tensor:
    n = np.random.RandomState(zlib.crc32(key.encode())).standard_normal(shape)
    if key.endswith(".bias"):
        value = 0.1 * n
    elif len(shape) == 1:
        value = 1 + 0.1 * n
    else:
        value = n * np.sqrt(2 / np.prod(shape[1:]))
    return torch.from_numpy(value.astype(np.float32))


def uniform(seed: int, bound: float, shape: tuple[int, ...]) -> torch.Tensor:
    return torch.from_numpy(np.random.RandomState(seed).uniform(-bound, bound, shape).astype(np.float32))


@torch.inference_mode()
def test_pifuhd_reproduces_the_published_outputs() -> None:
    with torch.device("meta"):
        network = PIFuHD(PRESETS["pifuhd"])
    network.load_state_dict(
        {k: drawn(k, tuple(v.shape)) for k, v in network.state_dict().items()}, assign=True
    )
    image, image_fine = uniform(1, 1, (1, 3, 512, 512)), uniform(2, 1, (1, 3, 1024, 1024))
    points = uniform(3, 1.05, (1, 3, 2000))[0].T
    maps = network.predict_normals(image)
    assert maps is not None
    features = network.encode(image, image_fine, maps)
    assert features.fine is not None
    logits, omega = network.netG.query(features.coarse, points[None])
    coarse = torch.sigmoid(logits[0]) * (points.abs() <= 1).all(1)
    computed = {
        "normal_front": maps.front[0, :, ::8, ::8],
        "normal_back": maps.back[0, :, ::8, ::8],
        "coarse_features": features.coarse[0, :, ::8, ::8],
        "fine_features": features.fine[0, :, ::8, ::8],
        "omega": omega[0, :, :200],
        "occupancy_coarse": coarse,
        "occupancy_fine": network.occupancy(features, points),
    }
    published = np.load(OUTPUTS)
    differences = {
        key: float(np.abs(value.numpy() - published[key]).max()) for key, value in computed.items()
    }
    assert set(published.files) == set(computed)
    assert max(differences.values()) < 1e-3, differences
