# SPDX-License-Identifier: GPL-3.0-or-later
"""A staged engine/ with the fake engine in it, as an installed extension has it."""

import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.process import FOLDER_PREFIX, EngineProcess
from tests.link.served import ServedEngine
from tests.link.staging import stage_link


@pytest.fixture(scope="session")
def package_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds engine/: the real link, and the fake engine as its program."""
    return stage_link(tmp_path_factory.mktemp("extension"))


@pytest.fixture
def socket_root(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the socket folders of this test go; it must be empty at the test's end."""
    # Not tmp_path: its length would send the sockets elsewhere.
    with tempfile.TemporaryDirectory() as root:
        monkeypatch.setattr(tempfile, "tempdir", root)
        monkeypatch.setenv("TMPDIR", root)
        yield Path(root)
        left = list(Path(root).glob(FOLDER_PREFIX + "*"))
        assert not left, f"socket folders were left behind: {left}"


@pytest.fixture
def make_engine(
    package_folder: Path, socket_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., EngineProcess]]:
    """Makes engines that behave as named; stops them at the end and sees that none is left."""
    made: list[EngineProcess] = []

    def make(behaviour: str = "good", **changes: object) -> EngineProcess:
        monkeypatch.setenv("FAKE_ENGINE", behaviour)
        options = {"log": tmp_path / "engine.log", "idle_seconds": 600, **changes}
        python = str(options.pop("python", sys.executable))
        folder = options.pop("package_folder", package_folder)
        engine = EngineProcess(python, folder, **options)  # type: ignore[arg-type]
        made.append(engine)
        return engine

    yield make
    for engine in made:
        engine.stop()
        assert not engine.alive


@pytest.fixture
def private(socket_root):
    folder = socket_root / (FOLDER_PREFIX + "test")
    folder.mkdir(mode=0o700)
    yield folder
    if folder.exists():  # where the test ends the engine in other ways than its own
        (folder / "socket").unlink()
        folder.rmdir()


@pytest.fixture
def serve(package_folder, private, tmp_path):
    """Starts an engine that behaves as named."""
    made = []

    def start(behaviour="good", idle=600):
        made.append(ServedEngine(package_folder, private, tmp_path / "log", behaviour, idle))
        return made[-1]

    yield start
    for served in made:
        served.stop()
