"""One readable loop that trains all stages within a number of minutes and goes on where it stopped."""

from __future__ import annotations

import csv
import ctypes
import math
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from engine.networks import PIFuHD
from engine.weights import Preset, load_weights

from .stages import SETTINGS, STAGES

EMA = 0.998
"""What is exported is this running mean of the parameters: late steps are noisy."""
WARM = 0.4
"""Share of the learning rate for parameters that were trained before."""
LOG_STEPS, SAVE_SECONDS = 25, 120


@dataclass
class Progress:
    """How far a stage is."""

    step: int = 0
    seconds: float = 0.0
    log: dict[str, float] = field(default_factory=dict)


def fit(
    preset: Preset,
    pool: Path,
    run: Path,
    minutes: float,
    workers: int,
    start: Path | None = None,
    seed: int = 0,
) -> PIFuHD:
    """Train `preset` on the people in `pool` for `minutes` in all, keeping checkpoints in `run`.

    Called again with the same folder it resumes: finished stages are loaded, the rest goes on. start: a
    weights file whose parameters each stage begins with, at WARM of the learning rate and with a fresh
    optimiser; parts that it lacks are new. Returns the averaged network. Raises ValueError for a run of
    another preset, an unusable pool or weights of other sizes, FloatingPointError when a loss is not finite
    (the last good checkpoint stays).
    """
    run.mkdir(parents=True, exist_ok=True)
    _keep_freed_memory()
    torch.manual_seed(seed)
    network = PIFuHD(preset)
    if start is not None:
        _begin_with(network, start)
    rate = 1.0 if start is None else WARM
    for name, settings in SETTINGS.items():
        if (name == "normals" and preset.normals is None) or (name == "fine" and preset.fine is None):
            continue
        _fit_stage(name, network, pool, run, minutes * 60 * settings.share, workers, rate, seed)
    return network.eval()


def _begin_with(network: PIFuHD, start: Path) -> None:
    known = load_weights(start).network.state_dict()
    own = network.state_dict()
    other = sorted(key for key, value in known.items() if key not in own or own[key].shape != value.shape)
    if other:
        raise ValueError(f"{start} is of another architecture ({other[0]}). Choose another file.")
    network.load_state_dict(known, strict=False)


def _keep_freed_memory() -> None:
    """Tell glibc not to hand memory back: `top` showed the kernel busy zeroing pages until this was set."""
    if sys.platform == "linux":
        trim_threshold, top_pad, mmap_max = -1, -2, -4
        libc = ctypes.CDLL(None)
        libc.mallopt(mmap_max, 0)
        libc.mallopt(trim_threshold, 2**31 - 1)
        libc.mallopt(top_pad, 2**28)


def _fit_stage(
    name: str, network: PIFuHD, pool: Path, run: Path, budget: float, workers: int, rate: float, seed: int
) -> None:
    settings = SETTINGS[name]
    peak = settings.rate * rate
    stage = STAGES[name](network)
    parameters = stage.trained()
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimiser = torch.optim.AdamW(parameters, lr=peak, weight_decay=1e-3)
    averages = [p.detach().clone() for p in parameters]
    path, progress = run / f"{name}.pt", Progress()
    if path.exists():
        progress = _resume(path, network.preset, parameters, optimiser, averages)
    print(
        f"stage {name}: step {progress.step}, {progress.seconds / 60:.1f} of {budget / 60:.1f} min done",
        flush=True,
    )
    if progress.seconds < budget:
        views = stage.views(pool, settings, seed)
        source = views.batches(settings.batch, workers, progress.step)
        sums: dict[str, float] = defaultdict(float)
        counted = 0
        saved = time.monotonic()
        while progress.seconds < budget:
            start = time.monotonic()
            for group in optimiser.param_groups:
                group["lr"] = _rate(peak, progress.step, progress.seconds / budget)
            losses = _step(stage, next(source), optimiser, parameters)
            ema = min(EMA, (progress.step + 1) / (progress.step + 10))
            torch._foreach_lerp_(averages, [p.detach() for p in parameters], 1 - ema)
            progress.step += 1
            progress.seconds += time.monotonic() - start
            for key, value in losses.items():
                sums[key] += value
            counted += 1
            if progress.step % LOG_STEPS == 0:
                progress.log = {key: value / counted for key, value in sums.items()}
                _log(run, name, progress, settings.batch)
                sums.clear()
                counted = 0
            if time.monotonic() - saved > SAVE_SECONDS or progress.seconds >= budget:
                _save(path, network.preset, parameters, optimiser, averages, progress)
                saved = time.monotonic()
    with torch.no_grad():
        for parameter, average in zip(parameters, averages, strict=True):
            parameter.copy_(average)


def _rate(peak: float, step: int, done: float) -> float:
    """Warm up over 100 steps, then a cosine down to a hundredth at the end of the time."""
    return peak * min(1.0, (step + 1) / 100) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


def _step(
    stage: nn.Module, batch: Any, optimiser: torch.optim.Optimizer, parameters: list[nn.Parameter]
) -> dict[str, float]:
    with torch.autocast("cpu", torch.bfloat16):
        losses: dict[str, Tensor] = stage(batch)
    total = torch.stack([value for key, value in losses.items() if "not minimised" not in key]).sum()
    if not torch.isfinite(total):
        raise FloatingPointError(
            "The loss is not finite; the last checkpoint is good. Resume with a lower rate."
        )
    optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(total)
    nn.utils.clip_grad_norm_(parameters, 1.0)
    optimiser.step()
    return {key: value.item() for key, value in losses.items()}


def _save(
    path: Path, preset: Preset, parameters: list[nn.Parameter], optimiser: torch.optim.Optimizer,
    averages: list[Tensor], progress: Progress,
) -> None:  # fmt: skip
    state = {
        "preset": preset.name,
        "parameters": [p.detach() for p in parameters],
        "averages": averages,
        "optimiser": optimiser.state_dict(),
        "step": progress.step,
        "seconds": progress.seconds,
        "log": progress.log,
    }
    partial = path.with_suffix(".tmp")
    torch.save(state, partial)
    partial.replace(path)


def _resume(
    path: Path,
    preset: Preset,
    parameters: list[nn.Parameter],
    optimiser: torch.optim.Optimizer,
    averages: list[Tensor],
) -> Progress:
    state = torch.load(path, weights_only=True)
    shapes = [p.shape for p in state["parameters"]]
    if state["preset"] != preset.name or shapes != [p.shape for p in parameters]:
        raise ValueError(
            f"{path} belongs to preset {state['preset']}. Choose another run folder for {preset.name}."
        )
    with torch.no_grad():
        for target, value in zip(
            [*parameters, *averages], [*state["parameters"], *state["averages"]], strict=True
        ):
            target.copy_(value)
    optimiser.load_state_dict(state["optimiser"])
    return Progress(state["step"], state["seconds"], state["log"])


def _log(run: Path, stage: str, progress: Progress, batch: int) -> None:
    values = {key: round(value, 4) for key, value in progress.log.items()}
    speed = progress.step * batch / progress.seconds
    print(
        f"{stage} {progress.step} ({progress.seconds / 60:.1f} min, {speed:.1f} views/s) {values}", flush=True
    )
    path = run / f"{stage}.csv"
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(["step", "seconds", *values])
        writer.writerow([progress.step, round(progress.seconds, 1), *values.values()])
