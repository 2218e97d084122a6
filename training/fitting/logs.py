# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run tells while it learns: a line, a row of RUN/STAGE.csv and TensorBoard, and pictures."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..views import Batch
from .checkpoints import Progress
from .distributed import Team


class Recent:
    """Losses of the steps since the last report.

    They stay on the device: to read one back makes the loop wait for the step, and then the device for the
    loop.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.steps: list[tuple[int, Tensor, Tensor]] = []

    def note(self, step: int, batch: Batch, losses: dict[str, Tensor], gradient: Tensor) -> None:
        """Keep a step's losses and the norm of its gradient, all of shape ()."""
        self.names = list(losses)
        values = torch.stack([value.detach().float() for value in (*losses.values(), gradient)])
        self.steps.append((step, batch.person, values))

    def means(self, team: Team, kept: int) -> dict[str, float]:
        """The mean of each loss over the steps and processes; forgets the steps.

        Raises FloatingPointError, in every process at once, where one was not finite; kept: for its text, the
        step of the last checkpoint, 0 for none.
        """
        own = torch.stack([values for _, _, values in self.steps]).cpu()
        rows = team.mean(own.flatten()).reshape(own.shape)
        bad = (~rows.isfinite().all(1)).nonzero()
        if len(bad):
            step, people = self.steps[int(bad[0])][0], self.steps[int(bad[0])][1].tolist()
            blamed = not own[int(bad[0]), :-1].isfinite().all()
            seeds = team.gathered(people if blamed else []) or team.gathered(people)
            shown = ", ".join(map(str, sorted(set(seeds))))
            stays = f"the checkpoint of step {kept} stays" if kept else "nothing was saved before it"
            raise FloatingPointError(
                f"The loss is not finite at step {step}, with the people of seeds {shown}; {stays}. Give the "
                "same command to go on from there; if it happens again, take these people out of the pool."
            )
        self.steps.clear()
        return dict(zip(self.names, rows.mean(0).tolist()))


class Busy:
    """The share of the wall clock in which a CUDA device works on training steps.

    Events in the device's queue mark where each step's work begins and ends, so that waiting for pictures
    counts as idle, and gaps between the kernels of one step count as work. Nothing is measured elsewhere.
    """

    def __init__(self, device: torch.device) -> None:
        self.cuda = device.type == "cuda"
        self.events: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []

    @contextmanager
    def step(self) -> Iterator[None]:
        """Around what queues a step's work."""
        if not self.cuda:
            yield
            return
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        begin.record()
        yield
        end.record()
        self.events.append((begin, end))

    def share(self, seconds: float) -> float | None:
        """Of the last `seconds`, in [0, 1]; None without CUDA."""
        if not self.events:
            return None
        self.events[-1][1].synchronize()
        worked: float = sum(begin.elapsed_time(end) for begin, end in self.events) / 1000
        self.events.clear()
        return min(1.0, worked / seconds)


def board_writer() -> Any:
    """What writes for TensorBoard, None where that is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter


class StageLog:
    """The log of one stage. Rows and marks after the step that is gone on from are taken out."""

    def __init__(self, run: Path, stage: str, step: int, views: int) -> None:
        self.run, self.stage, self.views = run, stage, views
        self.table = run / f"{stage}.csv"
        writer = board_writer()
        self.board = None if writer is None else writer(str(run / "tensorboard" / stage), purge_step=step)
        self._cut(step)
        self.since, self.last = time.monotonic(), step

    def _cut(self, step: int) -> None:
        if self.table.exists():
            lines = self.table.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = lines[:1] + [line for line in lines[1:] if int(line.split(",")[0]) <= step]
            self.table.write_text("".join(kept), encoding="utf-8")

    def report(self, progress: Progress, busy: Busy) -> None:
        """Print, write down and mark progress.log, the speed since the last report, and how busy CUDA was."""
        now = time.monotonic()
        speed = (progress.step - self.last) * self.views / (now - self.since)
        row: dict[str, float] = {"views/s": round(speed, 2)}
        worked = busy.share(now - self.since)
        if worked is not None:
            row["GPU busy %"] = round(100 * worked)
        self.since, self.last = now, progress.step
        losses = {key: round(value, 4) for key, value in progress.log.items()}
        told = f"{speed:.1f} views/s" + ("" if worked is None else f", GPU busy {100 * worked:.0f} %")
        print(f"{self.stage} {progress.step} ({progress.seconds / 60:.1f} min, {told}) {losses}", flush=True)
        head = {"step": progress.step, "seconds": round(progress.seconds, 1)}
        new = not self.table.exists()
        with self.table.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [*head, *row, *losses])
            if new:
                writer.writeheader()
            writer.writerow(head | row | losses)
        if self.board is not None:
            for key, value in (row | losses).items():
                self.board.add_scalar(key, value, progress.step)

    def picture(self, picture: NDArray[np.uint8], step: int) -> None:
        """Write the picture (H, W, 3) RGB of current results as RUN/pictures/STAGE_STEP.png."""
        folder = self.run / "pictures"
        folder.mkdir(exist_ok=True)
        cv2.imwrite(str(folder / f"{self.stage}_{step:07d}.png"), picture[..., ::-1])
        if self.board is not None:
            self.board.add_image("results", picture, step, dataformats="HWC")

    def close(self) -> None:
        """Write what TensorBoard has not written yet."""
        if self.board is not None:
            self.board.close()
