# SPDX-License-Identifier: GPL-3.0-or-later
"""One readable loop that trains all stages within a number of minutes and goes on where it stopped."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from engine.networks import PIFuHD
from engine.weights import Preset, load_weights

from .fitting.checkpoints import Learner, Progress, restore, save
from .fitting.distributed import Team
from .fitting.interrupts import Stopped, stop_asked
from .fitting.logs import Busy, Recent, StageLog, board_writer
from .fitting.machine import describe, mixed_precision, prepare
from .fitting.plan import Plan, StageSettings, learning_rate, share_done, stages_of
from .fitting.snapshots import snapshot
from .fitting.source import stage_batches
from .stages import Losses, NormalStage, Stage, make_stage, on_device
from .vgg import VGGFeatures, fetch_vgg
from .views import Batch

EMA = 0.998
"""What is exported is this running mean of the parameters: late steps are noisy."""
LONGEST_GRADIENT = 1.0
"""Norm to which longer gradients are cut."""
HEAD = ("netG.netN.head.weight", "netG.netN.head.bias")
"""The last layer of the shared normal net, which gains channels with what it tells."""
LOG_STEPS, PICTURE_STEPS, SAVE_SECONDS = 25, 500, 120
"""A checkpoint is written with the first log after SAVE_SECONDS, and at the end of a stage."""


@dataclass(frozen=True)
class Run:
    """What is trained: the preset, the folder of people, the folder of checkpoints, logs and pictures, the
    plan, and the processes that share the work."""

    preset: Preset
    pool: Path
    folder: Path
    plan: Plan
    team: Team


def fit(run: Run) -> PIFuHD:
    """Train all stages; return the averaged network on the CPU.

    Called again with the same folder it resumes at the exact step: finished stages are loaded, the rest goes
    on. With plan.start each stage begins with that file's parameters, at a lower learning rate and with a
    fresh optimiser; parts that it lacks, as of outputs that were added since, are new.

    Raises ValueError for a folder of another preset, an unusable pool or weights of other sizes, OSError
    where a checkpoint cannot be written, FloatingPointError where a loss is not finite, Stopped where the
    user asked for it. The last good checkpoint stays in every case.
    """
    team, plan = run.team, run.plan
    run.folder.mkdir(parents=True, exist_ok=True)
    prepare(team.device)
    torch.manual_seed(plan.seed)
    network = PIFuHD(run.preset)
    if plan.start is not None:
        _begin_with(network, plan.start)
    # bfloat16 convolutions want the channels last; a CPU's coarse or fine step takes up to a third less too
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.to(team.device)
    if team.first and board_writer() is None:
        print("TensorBoard gets no log: `pip install tensorboard` changes that.", flush=True)
    with stop_asked() as stopping:
        for name, settings in stages_of(run.preset, plan, team.device).items():
            torch.manual_seed(plan.seed)
            features = _perceptual(team) if name == "normals" else None
            stage = make_stage(name, network, plan.seed, features).to(team.device)
            try:
                _fit_stage(run, name, settings, stage, network, stopping)
            except torch.OutOfMemoryError as error:
                raise ValueError(
                    f"{settings.batch} views of stage {name} do not fit into the GPU's memory. "
                    f"Give the same command with --batch {plan.batch / 2:g}."
                ) from error
    return network.cpu().eval()


def _fit_stage(
    run: Run, name: str, settings: StageSettings, stage: Stage, network: PIFuHD, stopping: Callable[[], bool]
) -> None:
    team, plan, path = run.team, run.plan, run.folder / f"{name}.pt"
    network.requires_grad_(False)
    learner, progress = _learner(run, path, stage, settings)
    parameters, averages, optimiser = learner.parameters, learner.averages, learner.optimiser
    done = team.decided(share_done(plan, settings, progress))
    if team.first:
        print(f"stage {name}: step {progress.step}, {min(done, 1):.0%} done", flush=True)
    if done < 1:
        views = settings.batch * team.world
        progress.facts = _facts(stage, views, team)
        began = saved = time.monotonic()
        before, kept = progress.seconds, progress.step
        source = stage_batches(name, run.preset, run.pool, plan, settings, progress.step, team)
        learning, recent, busy = team.wrapped(stage), Recent(), Busy(team.device)
        log = StageLog(run.folder, name, progress.step, views) if team.first else None
        while done < 1:
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(settings.rate, progress.step, done)
            batch = on_device(next(source), team.device)
            with busy.step():
                losses, gradient = _step(learning, batch, optimiser, parameters)
                ema = min(EMA, (progress.step + 1) / (progress.step + 10))
                torch._foreach_lerp_(averages, [p.detach() for p in parameters], 1 - ema)
            progress.step += 1
            progress.seconds = before + time.monotonic() - began
            recent.note(progress.step, batch, losses, gradient)
            # the first process decides for all, so that none waits for one that has ended; infinity: stop
            done = team.decided(math.inf if stopping() else share_done(plan, settings, progress))
            if progress.step % LOG_STEPS == 0 or done >= 1:
                progress.log = recent.means(team, kept)
                if log is not None:
                    log.report(progress, busy)
                    if done >= 1 or time.monotonic() - saved > SAVE_SECONDS:
                        save(path, run.preset.name, plan.seed, learner, progress)
                        kept, saved = progress.step, time.monotonic()
            if log is not None and (progress.step % PICTURE_STEPS == 0 or done >= 1):
                log.picture(snapshot(network, name, batch), progress.step)
        if log is not None:
            log.close()
        if done == math.inf:
            raise Stopped(
                f"Stopped at step {progress.step} of stage {name}; the same command goes on from it."
            )
    with torch.no_grad():
        for parameter, average in zip(parameters, averages, strict=True):
            parameter.copy_(average)


def _learner(run: Run, path: Path, stage: Stage, settings: StageSettings) -> tuple[Learner, Progress]:
    """What learns in a stage, at its beginning or where the checkpoint at `path` has it."""
    parameters = stage.trained()
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimiser = torch.optim.AdamW(parameters, lr=settings.rate, weight_decay=1e-3, fused=True)
    learner, progress = Learner(parameters, [p.detach().clone() for p in parameters], optimiser), Progress()
    if path.exists():
        progress = restore(path, run.preset.name, run.plan.seed, learner)
    if not run.team.all_agree(run.team.decided(progress.step) == progress.step):
        raise ValueError(f"The processes find different checkpoints: they have to share {run.folder}.")
    return learner, progress


def _step(
    stage: nn.Module, batch: Batch, optimiser: torch.optim.Optimizer, parameters: list[nn.Parameter]
) -> tuple[Losses, Tensor]:
    """One step down the gradient; the losses, and the norm that the gradient had."""
    with mixed_precision(batch.image.device):
        losses: Losses = stage(batch)
    total = torch.stack([value for key, value in losses.items() if "not minimised" not in key]).sum()
    optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(total)
    gradient = nn.utils.clip_grad_norm_(parameters, LONGEST_GRADIENT)
    optimiser.step()
    return losses, gradient


def _begin_with(network: PIFuHD, start: Path) -> None:
    known = load_weights(start).network.state_dict()
    own = network.state_dict()
    for name in HEAD:
        # files from before the back's colour: its channels, which are the last, stay as they were drawn
        if name in known and name in own and known[name].shape[1:] == own[name].shape[1:]:
            known[name] = torch.cat([known[name], own[name][len(known[name]) :]])
    other = sorted(key for key, value in known.items() if key not in own or own[key].shape != value.shape)
    if other:
        raise ValueError(f"{start} is of another architecture ({other[0]}). Choose another file.")
    network.load_state_dict(known, strict=False)


def _perceptual(team: Team) -> VGGFeatures | None:
    """VGG19 where every process has it; otherwise the multi-scale gradient term takes its place."""
    features = fetch_vgg()
    if not team.all_agree(features is not None):
        features = None
    if team.first:
        print("normal maps: L1 and " + _term(features), flush=True)
    return features


def _term(features: VGGFeatures | None) -> str:
    return "multi-scale gradients, VGG19 being out of reach" if features is None else "VGG19 features"


def _facts(stage: Stage, views: int, team: Team) -> dict[str, str]:
    """What the card tells of a stage beside its steps and losses."""
    facts = {"views a step": str(views), "hardware": describe(team)}
    if isinstance(stage, NormalStage):
        facts["normal loss"] = f"L1 and {_term(stage.features)}"
    return facts
