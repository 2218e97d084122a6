"""The level of the surface: chosen by overlap with the truth, kept in the weights' own bias."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.networks import PIFuHD
from tests.tiny import TINY
from training.calibrate import BIASES, agreement, calibrate


def test_agreement_is_the_overlap_at_each_level() -> None:
    logits = torch.tensor([-0.55, -0.55, 0.55, -5.0])
    inside = torch.tensor([True, True, True, False])
    at = {round(float(bias), 1): float(value) for bias, value in zip(BIASES, agreement(logits, inside))}
    assert at[0.0] == pytest.approx(1 / 3)
    assert at[-0.6] == 0
    assert at[0.6] == 1
    assert at[2.0] == 1


def test_a_network_that_says_too_little_is_moved_by_as_much(pool: Path) -> None:
    found = []
    for less in (0.0, 0.8):
        torch.manual_seed(0)
        network = PIFuHD(TINY).eval()
        biases = [network.netG.mlp.filters[-1].bias, network.mlp.filters[-1].bias]
        with torch.inference_mode():
            for bias in biases:
                bias -= less
        found.append(calibrate(network, pool, 2) | {"at": [round(bias.item(), 4) for bias in biases]})
    plain, low = found
    assert low["coarse_bias"] == pytest.approx(plain["coarse_bias"] + 0.8)
    assert low["fine_bias"] == pytest.approx(plain["fine_bias"] + 0.8)
    assert low["at"] == pytest.approx(plain["at"], abs=1e-3)
