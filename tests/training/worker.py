"""What torchrun starts in the tests: RUN POOL STEPS VIEWS [KILLED], a run on the tiny network.

KILLED: the step of the first stage of occupancy after which the last process kills itself, the first time.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from tests.tiny import TINY
from tests.training.learning import single_precision, small_settings
from training import fit as loop
from training import vgg
from training.fit import Run, fit
from training.fitting import plan
from training.fitting.distributed import team

run, pool = Path(sys.argv[1]), Path(sys.argv[2])
steps, views = int(sys.argv[3]), int(sys.argv[4])
killed = int(sys.argv[5]) if len(sys.argv) > 5 else 0
vgg.ADDRESS = "http://127.0.0.1:9/vgg19-00000000.pth"
plan.SETTINGS = small_settings(views)
loop.mixed_precision = single_precision
loop.LOG_STEPS, loop.SAVE_SECONDS = 2, -1
real = loop.Recent.note


def note(self: loop.Recent, at: int, batch: loop.Batch, losses: loop.Losses, gradient: loop.Tensor) -> None:
    real(self, at, batch, losses, gradient)
    last = os.environ["RANK"] == str(int(os.environ["WORLD_SIZE"]) - 1)
    if last and at == killed and "occupancy" in losses and not (run / "killed").exists():
        (run / "killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)


loop.Recent.note = note  # type: ignore[method-assign]
with team("cpu") as workers:
    network = fit(Run(TINY, pool, run, plan.Plan(steps=steps, workers=0), workers))
    if workers.first:
        loop.torch.save(network.state_dict(), run / "network.pth")
