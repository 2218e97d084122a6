# SPDX-License-Identifier: GPL-3.0-or-later
"""The packages of engine/requirements.txt, and the device that PyTorch finds."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from .. import spawn
from ..findings import SET_UP, Finding
from ..sentences import Sentence, listed

PROBE_SECONDS: Final = 120.0
"""How long loading the packages may take: from a cold, slow disk PyTorch alone took a minute."""

PACKAGE_FOLDER: Final = Path(__file__).resolve().parents[2]
REQUIREMENTS: Final = PACKAGE_FOLDER / "engine" / "requirements.txt"

MODULES: Final = {
    "torch": "torch",
    "numpy": "numpy",
    "opencv-python-headless": "cv2",
    "scikit-image": "skimage",
    "scipy": "scipy",
    "pillow": "PIL",
    "safetensors": "safetensors",
    "fast-simplification": "fast_simplification",
}
"""Package in the requirements -> the module that it brings."""

PCI_DEVICES: Final = Path("/sys/bus/pci/devices")
UPDATE: Final = "Install the current driver from https://www.nvidia.com/drivers, then restart the machine."


@dataclass(frozen=True)
class Probe:
    """errors: module -> why it does not load, "" where it does. device: see probe.device_facts; {} where
    PyTorch does not load.
    """

    errors: dict[str, str] = field(default_factory=dict)
    device: dict[str, Any] = field(default_factory=dict)


def probe(python: str = sys.executable, seconds: float = PROBE_SECONDS) -> Probe:
    """Load every package in a child process."""
    modules = list(MODULES.values())
    child = subprocess.Popen(
        spawn.command(python, *modules, module="engine.health.probe"),
        cwd=PACKAGE_FOLDER,
        env=spawn.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        errors="replace",
    )
    try:
        printed, _ = child.communicate(timeout=seconds)
        ending = _ending(child.returncode)
    except subprocess.TimeoutExpired:
        child.kill()
        printed, _ = child.communicate()
        ending = Sentence("it did not load within {seconds} seconds", seconds=f"{seconds:.0f}")
    return _read(printed, modules, ending)


def _ending(code: int) -> str:
    names = {int(number): number.name for number in signal.Signals}
    name = names.get(-code) or Sentence("code {code}", code=code)
    return Sentence("it ended the process that loaded it ({name})", name=name)


def _read(printed: str, modules: list[str], ending: str) -> Probe:
    found = Probe()
    for line in printed.splitlines():
        if not line.startswith("{"):
            continue  # a library that greets whoever loads it
        told = json.loads(line)
        if "module" in told:
            found.errors[told["module"]] = told["error"]
        else:
            found.device.update(told["device"])
    untold = [module for module in modules if module not in found.errors]
    if untold:
        found.errors[untold[0]] = ending
        found.errors.update(
            dict.fromkeys(untold[1:], Sentence("it was not tried after {module}", module=untold[0]))
        )
    return found


def torch(probe: Probe) -> Finding:
    """Whether PyTorch is there, loads, and is the version that the engine was tested with."""
    return _judge("torch", {"torch"}, probe)


def others(probe: Probe) -> Finding:
    """The same for the other packages."""
    return _judge("packages", MODULES.keys() - {"torch"}, probe)


def _judge(name: str, packages: set[str], probe: Probe) -> Finding:
    broken, differing, there = [], [], []
    for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines():
        package, _, wanted = line.partition("==")
        if package not in packages:
            continue
        module = MODULES[package]
        error = probe.errors[module]
        try:
            version = importlib.metadata.version(package).split("+")[0]  # +cpu, +cu128: for which device
        except importlib.metadata.PackageNotFoundError:
            version = ""
        if error:
            missing = error == f"ModuleNotFoundError: No module named '{module}'"
            broken.append(
                Sentence("{package} is missing", package=package)
                if missing
                else Sentence("{package} does not load: {error}", package=package, error=error)
            )
        elif version and version != wanted:
            differing.append(
                Sentence(
                    "{package} {version} instead of {wanted}", package=package, version=version, wanted=wanted
                )
            )
        else:
            there.append(f"{package} {version}".strip())
    if broken:
        return Finding(name, "problem", Sentence("{broken}.", broken=listed(broken, "; ")), SET_UP)
    if differing:
        text = Sentence("Not the versions that were tested: {packages}.", packages=listed(differing, ", "))
        return Finding(name, "warning", text, SET_UP)
    return Finding(name, "ok", Sentence("{packages}.", packages=", ".join(there)))


def device(probe: Probe) -> Finding:
    """Which device computes, and why not the GPU, where there is one."""
    facts = probe.device
    if not facts:
        return Finding("device", "problem", "No device can be found without PyTorch.", SET_UP)
    error, built_for = facts["error"], facts["built_for"]
    if facts["device"] != "cpu":
        if not error:
            name = facts["name"] or Sentence("the GPU of this Mac")
            text = Sentence("{device}: {name}.", device=facts["device"], name=name)
            return Finding("device", "ok", text)
        text = Sentence("The GPU cannot be used: {error}.", error=error.rstrip("."))
        hint = "Set the device to cpu, or install a PyTorch and a driver that fit the GPU."
        return Finding("device", "problem", text, hint)
    slow = Sentence("The processor does the work")
    if "too old" in error:
        text = Sentence("{slow}: the NVIDIA driver is too old for this PyTorch.", slow=slow)
        return Finding("device", "warning", text, UPDATE)
    if not has_nvidia():
        return Finding("device", "ok", "cpu: there is no GPU that PyTorch could use.")
    if built_for == "cpu":
        text = Sentence("{slow}: there is an NVIDIA GPU, but this PyTorch was built without CUDA.", slow=slow)
        hint = "Install a build of PyTorch with CUDA, as https://pytorch.org/get-started says."
        return Finding("device", "warning", text, hint)
    if "no NVIDIA driver" in error:
        return Finding(
            "device",
            "warning",
            Sentence("{slow}: the driver of the NVIDIA GPU is missing.", slow=slow),
            UPDATE,
        )
    why = error.rstrip(".") or Sentence("PyTorch does not see it")
    text = Sentence("{slow}: there is an NVIDIA GPU, but it cannot be used: {why}.", slow=slow, why=why)
    return Finding("device", "warning", text, UPDATE)


def has_nvidia() -> bool:
    """Whether the machine has an NVIDIA GPU, with or without a driver."""
    if shutil.which("nvidia-smi"):
        return True
    for folder in PCI_DEVICES.glob("*"):
        vendor, kind = (folder / "vendor").read_text(), (folder / "class").read_text()
        if vendor.strip() == "0x10de" and kind.startswith("0x03"):  # NVIDIA, a display controller
            return True
    return False
