# SPDX-License-Identifier: GPL-3.0-or-later
"""Several processes that train together, started by torchrun; a single one where it was not used."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed import TCPStore  # type: ignore[attr-defined]
from torch.distributed.rendezvous import rendezvous

START_SECONDS = 300.0
"""Time within which all processes have to be there."""


@dataclass(frozen=True)
class Team:
    """rank: which of `world` processes this is; the first one keeps checkpoints and logs, and decides.

    Numbers travel in CPU memory, so that no process waits for its accelerator to exchange one.
    """

    rank: int
    world: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this process is the one that keeps and decides."""
        return self.rank == 0

    def decided(self, value: float) -> float:
        """The first process's value, in all of them."""
        if self.world == 1:
            return value
        shared = torch.tensor(value, dtype=torch.float64)
        dist.broadcast(shared, 0)
        return float(shared)

    def all_agree(self, holds: bool) -> bool:
        """Whether it holds in every process."""
        if self.world == 1:
            return holds
        shared = torch.tensor(int(holds))
        dist.all_reduce(shared, dist.ReduceOp.MIN)
        return bool(shared)

    def mean(self, values: Tensor) -> Tensor:
        """The mean over the processes of each of values (N,), float64 in CPU memory."""
        values = values.detach().to("cpu", torch.float64)
        if self.world > 1:
            dist.all_reduce(values)
        return values / self.world

    def gathered(self, values: list[int]) -> list[int]:
        """The lists of all processes, one after the other."""
        if self.world == 1:
            return values
        parts: list[Any] = [None] * self.world
        dist.all_gather_object(parts, values)
        return [value for part in parts for value in part]

    def wrapped(self, stage: nn.Module) -> nn.Module:
        """The stage with its gradients averaged over the processes."""
        if self.world == 1:
            return stage
        devices = None if self.device.type == "cpu" else [self.device]
        return nn.parallel.DistributedDataParallel(stage, device_ids=devices)


def _fresh_store(torchruns: TCPStore, rank: int) -> TCPStore:
    """Where the processes leave each other their addresses, kept by the first of them.

    torchrun's own store outlives a restart (PyTorch 2.13): processes that were started again found the
    addresses of those that were killed, and failed or waited for ever. What the first process keeps dies with
    it, so a store that answers is of this start.
    """
    address = os.environ["MASTER_ADDR"]
    if rank == 0:
        own = TCPStore(address, 0, is_master=True, wait_for_workers=False)
        torchruns.set("training/port", str(own.port))
        return own
    end = time.monotonic() + START_SECONDS
    while True:
        port = int(torchruns.get("training/port"))
        try:
            return TCPStore(address, port, is_master=False, timeout=timedelta(seconds=2))
        except dist.DistError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


@contextmanager
def team(device: str) -> Iterator[Team]:
    """The processes that torchrun started (it sets RANK, WORLD_SIZE and LOCAL_RANK), or this one alone.

    device: auto, cpu or cuda; auto takes CUDA where there is some. Raises ValueError for cuda without any.
    More than one CUDA device has not been tried.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("PyTorch finds no CUDA device here. Use --device cpu, or install its CUDA build.")
    cuda = device != "cpu" and torch.cuda.is_available()
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    chosen = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(chosen)
    if world == 1:
        yield Team(0, 1, chosen)
        return
    torchruns, _, _ = next(rendezvous("env://"))
    store = _fresh_store(torchruns, rank)
    dist.init_process_group(
        "cpu:gloo,cuda:nccl" if cuda else "gloo", store=store, rank=rank, world_size=world
    )
    try:
        yield Team(rank, world, chosen)
    finally:
        dist.destroy_process_group()
