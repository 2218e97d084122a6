# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m engine.health.probe MODULE...`: load modules, and tell of each and of PyTorch's device in JSON.

A process of its own, because a damaged library takes down the one that loads it: whoever reads the lines
knows then which module came next.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any


def main(modules: list[str]) -> None:
    """Print a line {"module", "error"} for each module, error "" where it loads, then {"device": {...}}."""
    loaded = set()
    for module in modules:
        error = ""
        try:
            importlib.import_module(module)
            loaded.add(module)
        except Exception as raised:
            error = f"{type(raised).__name__}: {raised}"
        print(json.dumps({"module": module, "error": error}), flush=True)
    if "torch" in loaded:
        print(json.dumps({"device": device_facts()}), flush=True)


def device_facts() -> dict[str, Any]:
    """built_for: cuda, hip, mps or cpu; device: the kind that the engine takes by itself; name of the GPU;
    free, total: its memory in bytes; error: why the GPU cannot be used, or "".
    """
    import torch

    cuda, mps = torch.version.cuda or torch.version.hip, torch.backends.mps.is_built()
    built_for = ("hip" if torch.version.hip else "cuda") if cuda else "mps" if mps else "cpu"
    facts: dict[str, Any] = {"built_for": built_for, "device": "cpu", "name": "", "free": 0, "total": 0}
    try:
        if cuda:
            torch.cuda.init()  # type: ignore[no-untyped-call]  # raises with the reason, where is_available only says no
            facts["device"] = "cuda"
            facts["name"] = torch.cuda.get_device_name()
            facts["free"], facts["total"] = torch.cuda.mem_get_info()
        elif torch.backends.mps.is_available():
            facts["device"] = "mps"
            facts["total"] = facts["free"] = torch.mps.recommended_max_memory()
        # A GPU that is too old or too new for this PyTorch is listed, but computes nothing.
        torch.ones(8, device=facts["device"]).sum().item()
    except (RuntimeError, AssertionError) as error:
        return {**facts, "error": " ".join(str(error).split())[:500]}
    return {**facts, "error": ""}


if __name__ == "__main__":
    main(sys.argv[1:])
