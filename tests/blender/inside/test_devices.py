# SPDX-License-Identifier: GPL-3.0-or-later
"""Which PyTorch is offered for which machine."""

import sys

import pytest


@pytest.mark.parametrize(
    "answer, label",
    [
        ("580.65.06, 9.0\n", "cu130"),
        ("576.88, 8.9\n", "cu126"),  # CUDA 13 needs driver 580
        ("581.15, 6.1\n", "cu126"),  # its wheels leave out cards before Turing
        ("581.15, 6.1\n581.15, 7.5\n", "cu130"),
        ("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n", "cu130"),
        ("", "cu130"),
    ],
)
def test_cuda_wheels_follow_driver_and_card(ext, answer, label):
    assert ext.devices.cuda_label(answer) == label


def test_the_best_device_whose_driver_is_here_is_the_default(ext, monkeypatch):
    assert sys.platform == "linux"
    assert [device.key for device in ext.devices.OFFERED] == ["CUDA", "ROCM", "CPU"]
    here = set()
    finders = {key: (lambda key=key: key in here) for key in ("CUDA", "ROCM")}
    monkeypatch.setattr(ext.devices, "_FINDERS", {**finders, "CPU": lambda: True})
    assert ext.devices.find("AUTO").key == "CPU"
    here.add("ROCM")
    assert ext.devices.find("AUTO").key == "ROCM"
    here.add("CUDA")
    assert ext.devices.find("AUTO").key == "CUDA"
    assert ext.devices.find("CPU").label == "cpu"


@pytest.mark.parametrize(
    "platform, name, offered, automatic",
    [("win32", "nt", ["CUDA", "CPU"], "CPU"), ("darwin", "posix", ["MPS"], "MPS")],
)
def test_other_platforms_are_offered_what_pytorch_publishes_for_them(
    ext, monkeypatch, platform, name, offered, automatic
):
    monkeypatch.setattr(ext.devices.sys, "platform", platform)
    monkeypatch.setattr(ext.devices.os, "name", name)
    devices = ext.devices._offered()
    monkeypatch.undo()
    assert [device.key for device in devices] == offered
    assert devices[-1].key == automatic


def test_a_mac_with_an_intel_processor_is_told(ext, monkeypatch):
    assert ext.devices.unsupported() == ""
    monkeypatch.setattr(ext.devices.sys, "platform", "darwin")
    monkeypatch.setattr(ext.devices.platform, "machine", lambda: "x86_64")
    assert "Intel" in ext.devices.unsupported()


@pytest.mark.parametrize("megabytes, text", [(338.4, "338 MB"), (2876, "2.9 GB"), (0, "0 MB")])
def test_sizes_in_words(ext, megabytes, text):
    assert ext.devices.in_words(megabytes) == text
