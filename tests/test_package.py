"""The extension's zip: what is inside, that it is made the same twice, and that Blender accepts it."""

import importlib.util
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from buildtools import package, venv
from buildtools.blenders import Blender
from buildtools.shell import ROOT, BuildError


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small checkout with one file of each kind that is packed, and things beside them that are not."""
    root = tmp_path / "checkout"
    for name in ("blender_manifest.toml", "LICENSE"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, root / name)
    for name, text in {
        "pifuhd_blender/__init__.py": "def register(): pass\ndef unregister(): pass\n",
        "pifuhd_blender/__pycache__/__init__.cpython-311.pyc": "stale",
        "pifuhd_blender/notes.txt": "not for users",
        "engine/__init__.py": "",
        "engine/networks/pifu.py": "# a network\n" * 100,
        "engine/requirements.txt": "torch\n",
        "engine/weights/__init__.py": "",
        "engine/weights/compact.safetensors": "numbers" * 1000,
        "engine/weights/half.safetensors.partial": "num",
        "training/fit.py": "",
        "tests/test_fit.py": "",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


PACKED = [
    "LICENSE",
    "__init__.py",
    "blender_manifest.toml",
    "engine/__init__.py",
    "engine/networks/pifu.py",
    "engine/requirements.txt",
    "engine/weights/__init__.py",
    "engine/weights/compact.safetensors",
]


def test_the_zip_holds_the_listed_files_and_nothing_else(checkout: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(package.write_zip(tmp_path / "a.zip", checkout)) as archive:
        assert archive.namelist() == PACKED
        assert archive.read("engine/networks/pifu.py") == (checkout / "engine/networks/pifu.py").read_bytes()
    assert [path.name for path in tmp_path.glob("*.new")] == []


def test_the_zip_is_the_same_bytes_twice(checkout: Path, tmp_path: Path) -> None:
    first = package.write_zip(tmp_path / "a.zip", checkout).read_bytes()
    other = tmp_path / "moved" / "checkout"
    shutil.copytree(checkout, other)  # new dates, another place, another order on disk
    for path in other.rglob("*.py"):
        path.chmod(0o700)
        path.touch()
    assert package.write_zip(tmp_path / "b.zip", other).read_bytes() == first
    (other / "engine" / "networks" / "pifu.py").write_text("# changed\n", encoding="utf-8")
    assert package.write_zip(tmp_path / "b.zip", other).read_bytes() != first


def test_the_staged_tree_is_the_zip(checkout: Path, tmp_path: Path) -> None:
    leftover = tmp_path / "stage" / "old.py"
    leftover.parent.mkdir()
    leftover.write_text("gone", encoding="utf-8")
    staged = package.stage(tmp_path / "stage", checkout)
    files = sorted(path.relative_to(staged).as_posix() for path in staged.rglob("*") if path.is_file())
    assert files == PACKED


@pytest.mark.parametrize("missing", ["engine/weights/compact.safetensors", "LICENSE"])
def test_nothing_is_packed_while_a_part_is_missing(checkout: Path, tmp_path: Path, missing: str) -> None:
    (checkout / missing).unlink()
    with pytest.raises(BuildError, match="incomplete"):
        package.write_zip(tmp_path / "a.zip", checkout)
    assert not (tmp_path / "a.zip").exists()


def test_the_real_package_holds_the_link_the_weights_and_no_other_room() -> None:
    names = package.content()
    for needed in (
        "__init__.py",
        "api.py",
        "engine/__main__.py",
        "engine/client.py",
        "engine/pipeline.py",
        "engine/version.py",
        "engine/weights/compact.safetensors",
        "LICENSE",
    ):
        assert PurePosixPath(needed) in names, needed
    rooms = {name.parts[0] for name in names if len(name.parts) > 1}
    assert not rooms & {"training", "tests", "buildtools", "benchmarks", "__pycache__"}
    assert sum(path.stat().st_size for path in names.values()) < 40e6, "too large a download"


def test_the_manifest_states_what_blender_asks_for() -> None:
    manifest = tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))
    assert manifest["schema_version"] == "1.0.0"
    assert manifest["blender_version_min"] == "4.2.0"
    assert manifest["license"] == ["SPDX:GPL-3.0-or-later"]
    assert set(manifest["permissions"]) == {"files", "network"}
    for reason in manifest["permissions"].values():
        assert 0 < len(reason) <= 64
        assert not reason.endswith(".")


def test_the_engine_says_the_manifests_version() -> None:
    code = "from engine.version import VERSION; print(VERSION)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == package.manifest().version


@pytest.mark.skipif(importlib.util.find_spec("bpy") is None, reason="this Python holds no bpy")
def test_blenders_own_validator_accepts_the_package_and_refuses_a_broken_one(
    checkout: Path, tmp_path: Path
) -> None:
    blender = Blender(Path(sys.executable), True, venv.BPY)
    good = package.write_zip(tmp_path / "good.zip")
    done = subprocess.run(
        [str(word) for word in blender.validate_command(good)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    manifest = checkout / "blender_manifest.toml"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace('type = "add-on"', 'type = "spell"'), encoding="utf-8")
    bad = package.write_zip(tmp_path / "bad.zip", checkout)
    done = subprocess.run(
        [str(word) for word in blender.validate_command(bad)], capture_output=True, text=True
    )
    assert done.returncode != 0


def test_develop_links_the_checkout_and_can_be_repeated(checkout: Path, tmp_path: Path) -> None:
    extensions = tmp_path / "extensions"
    for _ in range(2):
        target = package.link(extensions, checkout)
        assert sorted(path.name for path in target.iterdir()) == [
            "LICENSE",
            "__init__.py",
            "blender_manifest.toml",
            "engine",
        ]
        assert all(path.is_symlink() for path in target.iterdir())
    (checkout / "engine" / "new.py").write_text("# live", encoding="utf-8")
    assert (target / "engine" / "new.py").read_text(encoding="utf-8") == "# live"
    assert (checkout / "engine" / "networks" / "pifu.py").exists(), (
        "linking again must not empty the checkout"
    )


def test_develop_leaves_an_installed_copy_alone(checkout: Path, tmp_path: Path) -> None:
    installed = package.stage(tmp_path / "extensions" / "pifuhd_blender", checkout)
    with pytest.raises(BuildError, match="already holds an installed copy"):
        package.link(tmp_path / "extensions", checkout)
    assert (installed / "__init__.py").is_file()
