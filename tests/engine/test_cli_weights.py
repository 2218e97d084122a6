# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m engine weights ...`: what it prints, what it asks, and how it ends."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.cli import main
from engine.weights import DEFAULT_WEIGHTS, REGISTRY, load_weights, random_weights, save_weights
from engine.weights.registry import Entry
from tests.networks import released
from tests.networks.file_server import Shelf, served
from tests.networks.released import Released, fine_options, options
from tests.tiny import TINY


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint without normals whose tensors each repeat one value: a small file."""
    nothing = {"use_front_normal": False, "use_back_normal": False}
    network = Released(options(**nothing), fine_options())
    with torch.inference_mode():
        network.compute(torch.zeros(1, 3, 32, 32), torch.zeros(1, 3, 64, 64), torch.zeros(2, 3))
    state = network.state
    network.state = {name: value.flatten()[:1].clone().expand(value.shape) for name, value in state.items()}
    return released.write(tmp_path_factory.mktemp("checkpoint") / "pifuhd.pt", released.content(network))


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.safetensors"
    card = {"licence": "GPL", "made": "red\x1b[31m", "sha256": "lie"}
    save_weights(path, random_weights(TINY, 5).network, card)
    return path


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    monkeypatch.setenv("PIFUHD_WEIGHTS", str(folder))
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    return folder


@pytest.fixture
def shelf(checkpoint: Path) -> Iterator[Shelf]:
    with served(checkpoint.read_bytes()) as shelf:
        yield shelf


@pytest.fixture
def entry(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> Entry:
    entry = replace(REGISTRY["pifuhd"], address=shelf.address, about_mb=1)
    monkeypatch.setitem(REGISTRY, "pifuhd", entry)
    return entry


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    """Exit code and what was said on both streams."""
    capsys.readouterr()
    code = main(["weights", *map(str, arguments)])
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return code, said.out, said.err


def test_list_tells_state_size_licence_and_address(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    code, out, _ = run(capsys, "list")
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert (code, list(lines)) == (0, ["NAME", "compact", "pifuhd"])
    size = f"{round(DEFAULT_WEIGHTS.stat().st_size / 1e6)} MB"
    assert all(part in lines["compact"] for part in ("embedded", size, "CC0-1.0", str(DEFAULT_WEIGHTS)))
    parts = ("not downloaded", "about 1.5 GB", "non-commercial", "https://dl.fbaipublicfiles.com/pifuhd/")
    assert all(part in lines["pifuhd"] for part in parts)
    assert not folder.exists()


def test_show_prints_what_a_file_says_of_itself(capsys: pytest.CaptureFixture[str], tiny: Path) -> None:
    code, out, _ = run(capsys, "show", tiny)
    assert code == 0
    assert f"preset: tiny\nsha256: {hashlib.sha256(tiny.read_bytes()).hexdigest()}\n" in out
    assert "licence: GPL" in out
    assert "lie" not in out, "a card cannot replace what was computed"
    assert "\x1b" not in out, "a card cannot steer the terminal"


def test_show_prints_a_licence_before_anything_is_downloaded(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "show", "pifuhd")
    assert code == 0
    for line in ("state: not downloaded", "licence: CC BY-NC 4.0: non-comm", "published sha256: not known"):
        assert line in out
    code, out, _ = run(capsys, "show", "compact")
    assert (code, "preset: compact" in out, "licence: CC0-1.0" in out) == (0, True, True)


def test_download_shows_the_licence_and_refuses_where_nobody_can_answer(
    capsys: pytest.CaptureFixture[str], entry: Entry, shelf: Shelf
) -> None:
    code, out, err = run(capsys, "download", "pifuhd")
    assert (code, shelf.requests) == (1, [])
    assert "licence: CC BY-NC 4.0: non-commercial" in out
    assert "--accept-licence" in err


@pytest.mark.parametrize("answer, code", [("y", 0), ("Yes", 0), ("n", 1), ("", 1)])
def test_download_asks_on_a_terminal(
    capsys: pytest.CaptureFixture[str], entry: Entry, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    terminal = io.StringIO(answer + "\n")
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdin", terminal)
    found, out, err = run(capsys, "download", "pifuhd")
    assert found == code
    assert "Do you accept this licence?" in out
    assert ("Nothing was downloaded" in err) == bool(code)
    assert entry.path.exists() == (not code)


def test_downloaded_weights_can_be_listed_shown_and_verified(
    capsys: pytest.CaptureFixture[str], entry: Entry, shelf: Shelf
) -> None:
    digest = hashlib.sha256(shelf.content).hexdigest()
    code, out, err = run(capsys, "download", "pifuhd", "--accept-licence")
    assert code == 0
    assert f"source sha256: {digest} (computed here" in out
    assert "use it with --weights pifuhd" in out
    assert "download: 0 MB" in err
    assert "downloaded  " in run(capsys, "list")[1]
    code, out, _ = run(capsys, "show", "pifuhd")
    assert (code, "preset: imported" in out, f"source sha256: {digest}" in out) == (0, True, True)
    code, out, _ = run(capsys, "verify", "pifuhd")
    assert code == 0
    assert "(as when it was installed)" in out
    assert "preset imported" in out
    assert f"source sha256: {digest} (computed here" in out
    asked = len(shelf.requests)
    code, out, _ = run(capsys, "download", "pifuhd")
    assert (code, "is there already" in out, len(shelf.requests)) == (0, True, asked)


def test_weights_that_changed_since_they_were_installed_are_found(
    capsys: pytest.CaptureFixture[str], entry: Entry, tiny: Path
) -> None:
    assert run(capsys, "download", "pifuhd", "--accept-licence")[0] == 0
    entry.path.write_bytes(tiny.read_bytes())  # sound in itself, but not what was installed
    code, _, err = run(capsys, "verify", "pifuhd")
    assert (code, "when it was installed" in err, "weights download pifuhd" in err) == (1, True, True)
    entry.record.unlink()
    code, _, err = run(capsys, "verify", "pifuhd")
    assert (code, "cannot be read" in err) == (1, True)


def test_a_failed_download_is_one_sentence_with_the_next_step(
    capsys: pytest.CaptureFixture[str], entry: Entry, shelf: Shelf
) -> None:
    shelf.status = 404
    code, _, err = run(capsys, "download", "pifuhd", "--accept-licence")
    assert code == 1
    assert f"The server answered 404 Not Found for {shelf.address}. Try again later" in err


def test_ctrl_c_keeps_what_came_for_the_next_time(
    capsys: pytest.CaptureFixture[str], entry: Entry, shelf: Shelf, folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from engine.weights import download

    received = download._receive

    def pressing(*arguments: object) -> int:
        os.kill(os.getpid(), signal.SIGINT)
        return received(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(download, "_receive", pressing)
    code, _, err = run(capsys, "download", "pifuhd", "--accept-licence")
    assert code == 130
    assert "Stopped. Run the same command again; it continues where it stopped." in err
    assert (folder / "pifuhd.pt.part").exists()


def test_what_comes_with_the_engine_is_not_downloaded(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "download", "compact")
    assert (code, "is there already (embedded)" in out) == (0, True)


def test_verify_checks_files_of_both_kinds(
    capsys: pytest.CaptureFixture[str], checkpoint: Path, tiny: Path, tmp_path: Path
) -> None:
    for path, preset in ((DEFAULT_WEIGHTS, "compact"), (tiny, "tiny"), (checkpoint, "imported")):
        code, out, _ = run(capsys, "verify", path)
        assert code == 0
        assert hashlib.sha256(path.read_bytes()).hexdigest() in out
        assert f"preset {preset}" in out
        broken = tmp_path / f"broken{path.suffix}"
        broken.write_bytes(path.read_bytes()[:-1000])
        code, out, err = run(capsys, "verify", broken)
        assert (code, out, "cannot be" in err) == (1, "", True)
    code, _, err = run(capsys, "verify", "pifuhd")
    assert (code, "weights download pifuhd" in err) == (1, True)


@pytest.mark.parametrize("more, dtype", [([], "float16"), (["--float32"], "float32")])
def test_import_converts_and_tells_the_licence(
    capsys: pytest.CaptureFixture[str], checkpoint: Path, tmp_path: Path, more: list[str], dtype: str
) -> None:
    target = tmp_path / "out.safetensors"
    code, out, _ = run(capsys, "import", checkpoint, target, *more)
    assert code == 0
    assert "licence: CC BY-NC 4.0: non-commercial" in out
    assert hashlib.sha256(checkpoint.read_bytes()).hexdigest() in out
    assert load_weights(target).card["precision"] == dtype


def test_import_refuses_what_is_no_checkpoint(
    capsys: pytest.CaptureFixture[str], tiny: Path, tmp_path: Path
) -> None:
    code, out, err = run(capsys, "import", tiny, tmp_path / "out.safetensors")
    assert (code, out, "cannot be imported" in err) == (1, "", True)
    assert not (tmp_path / "out.safetensors").exists()
