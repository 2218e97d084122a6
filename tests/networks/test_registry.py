# SPDX-License-Identifier: GPL-3.0-or-later
"""Weights known by name: honest entries, and the platform's folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engine.weights import DEFAULT_WEIGHTS, REGISTRY, find_weights
from engine.weights.files import summarise_weights
from engine.weights.registry import weights_folder


def test_the_entries_are_the_documented_ones() -> None:
    assert list(REGISTRY) == ["compact", "pifuhd"]
    pifuhd = REGISTRY["pifuhd"]
    assert pifuhd.address == "https://dl.fbaipublicfiles.com/pifuhd/checkpoints/pifuhd.pt"
    assert pifuhd.about == "about 1.5 GB"
    assert "non-commercial" in pifuhd.licence


def test_no_hash_is_claimed_that_nobody_published() -> None:
    assert (REGISTRY["pifuhd"].sha256, REGISTRY["pifuhd"].size) == (None, None)


def test_the_embedded_entry_agrees_with_its_file() -> None:
    compact = REGISTRY["compact"]
    assert compact.path == DEFAULT_WEIGHTS
    assert compact.state == "embedded"
    summary = summarise_weights(compact.path)
    assert summary.card["licence"] == compact.licence
    assert summary.sha256 == compact.sha256, "write the hash of new weights into engine/weights/registry.py"
    assert compact.path.stat().st_size / 1e6 == pytest.approx(compact.about_mb, rel=0.1)


def test_weights_are_found_by_nothing_name_and_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIFUHD_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert find_weights(None) == find_weights("") == find_weights("compact") == DEFAULT_WEIGHTS
    assert find_weights("a/b.safetensors") == Path("a/b.safetensors")
    assert find_weights("~/b.safetensors") == tmp_path / "home" / "b.safetensors"
    (tmp_path / "pifuhd.safetensors").touch()
    assert find_weights("pifuhd") == tmp_path / "pifuhd.safetensors"


@pytest.mark.parametrize(
    "platform, environment, folder",
    [
        ("linux", {}, "HOME/.local/share"),
        ("linux", {"XDG_DATA_HOME": "/data"}, "/data"),
        ("darwin", {"XDG_DATA_HOME": "/data"}, "HOME/Library/Application Support"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local"),
        ("win32", {}, "HOME/AppData/Local"),
    ],
)
def test_downloads_go_where_the_platform_keeps_a_users_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str, environment: dict[str, str], folder: str
) -> None:
    for name in ("PIFUHD_WEIGHTS", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(sys, "platform", platform)
    expected = Path(folder.replace("HOME", str(tmp_path))) / "pifuhd-blender" / "weights"
    assert weights_folder() == expected
    monkeypatch.setenv("PIFUHD_WEIGHTS", str(tmp_path / "mine"))
    assert weights_folder() == tmp_path / "mine"


def test_looking_weights_up_does_not_wait_for_torch() -> None:
    code = "import sys, engine.weights as w; w.find_weights(None); assert 'torch' not in sys.modules"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
