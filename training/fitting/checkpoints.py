# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints of a stage in the run folder: all that is needed to go on at the exact step."""

from __future__ import annotations

import pickle
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..whole import written_whole


@dataclass
class Progress:
    """How far a stage is. log: its last losses; facts: what the card tells of it (the perceptual term, how
    many views a step, which device), in words."""

    step: int = 0
    seconds: float = 0.0
    log: dict[str, float] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Learner:
    """What changes as a stage learns: its parameters, their running means (EMA) and the optimiser's state.

    Nothing else has to be kept: what is drawn at random depends on the seed and the step alone.
    """

    parameters: list[nn.Parameter]
    averages: list[Tensor]
    optimiser: torch.optim.Optimizer


def save(path: Path, preset: str, seed: int, learner: Learner, progress: Progress) -> None:
    """Write a checkpoint; it replaces the one before only when it is whole.

    Raises OSError where it cannot be written: the one before stays.
    """
    state = {
        "preset": preset,
        "seed": seed,
        "parameters": [p.detach() for p in learner.parameters],
        "averages": learner.averages,
        "optimiser": learner.optimiser.state_dict(),
        "progress": asdict(progress),
    }
    try:
        with written_whole(path) as partial, partial.open("wb") as file:
            torch.save(state, file)
    except (OSError, RuntimeError) as error:
        stays = "the checkpoint before it stays" if path.exists() else "there is none before it"
        raise OSError(
            f"Step {progress.step} cannot be saved to {path} ({_reason(error)}); {stays}. "
            "Make room, then give the same command to go on."
        ) from error


def _reason(error: BaseException) -> str:
    """Why a file was not written: PyTorch's writer fails once more, of itself, after the system has told."""
    told: BaseException | None = error
    while told is not None and not isinstance(told, OSError):
        told = told.__context__
    return str(error).splitlines()[0] if told is None else str(told.strerror)


def restore(path: Path, preset: str, seed: int, learner: Learner) -> Progress:
    """Bring `learner` to the state of a checkpoint.

    Raises ValueError where it is broken, or belongs to another preset or seed.
    """
    state = read(path)
    shapes = [p.shape for p in state["parameters"]]
    if state["preset"] != preset or shapes != [p.shape for p in learner.parameters]:
        raise ValueError(
            f"{path} belongs to preset {state['preset']}. Choose another run folder for {preset}."
        )
    if state["seed"] != seed:
        raise ValueError(f"{path} was begun with seed {state['seed']}. Choose another run folder for {seed}.")
    with torch.no_grad():
        for targets, values in (
            (learner.parameters, state["parameters"]),
            (learner.averages, state["averages"]),
        ):
            for target, value in zip(targets, values, strict=True):
                target.copy_(value)
    learner.optimiser.load_state_dict(state["optimiser"])
    return Progress(**state["progress"])


def read(path: Path) -> dict[str, Any]:
    """A checkpoint's contents, in CPU memory. Raises ValueError where it cannot be read."""
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        Progress(**state["progress"])
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, KeyError, TypeError) as error:
        raise ValueError(
            f"The checkpoint {path} is broken ({type(error).__name__}): remove it to start its stage anew."
        ) from error
    return state
