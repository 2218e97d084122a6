"""People and a tiny pool, made once for all tests of training."""

from pathlib import Path

import pytest

from tests.tiny import SMALL_POOL
from training.fitting import vgg
from training.humans import Person, make_person
from training.pool import build_person
from training.views import StockFormat, build_stock


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
