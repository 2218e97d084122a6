"""People and a tiny pool, made once for all tests of training."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.tiny import SMALL_POOL
from tests.training.shapes import figure
from tests.training.viewing import CPU
from training import vgg
from training.humans import Person, make_person
from training.pool import build_person
from training.render import Camera, random_light
from training.subjects import Subjects, render_subjects
from training.views import StockFormat, build_stock
from training.views.scene import Props
from training.views.stock import read_props


@pytest.fixture(scope="session")
def person() -> Person:
    return make_person(3)


@pytest.fixture(scope="session")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pool")
    build_person(folder, 5, SMALL_POOL)
    build_stock(folder, StockFormat(6, 64, 3, 32))
    return folder


@pytest.fixture(autouse=True)
def no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens there: no test fetches the 575 MB of VGG19."""
    monkeypatch.setattr(vgg, "ADDRESS", "http://127.0.0.1:9/vgg19-00000000.pth")


@pytest.fixture(scope="module")
def props(pool: Path) -> Props:
    people = torch.full((3, 32, 32, 4), 255, dtype=torch.uint8)
    people[:, :, :8] = people[:, :, 24:] = 0
    return read_props(pool, people, CPU)


@pytest.fixture(scope="module")
def subjects() -> Subjects:
    """A figure unlike its mirror image, from two sides, once with perspective; 64 x 64."""
    shown = replace(figure(), hands=torch.tensor([[0.7, 0.97, 0.0], [-0.25, 0.9, 0.0]]))
    cameras = [Camera(0.2, 1.0, (0.0, 0.0)), Camera(-0.3, 0.95, (0.1, -0.03), 0.05, distance=3.0)]
    light = random_light(np.random.default_rng(0))
    return render_subjects([shown] * 2, cameras, [light] * 2, 64, 64, 1200, [0.03], [1, 2])
