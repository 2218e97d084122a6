"""ruff and strict mypy as tests, so that one command and its last lines tell everything."""

import ast
import subprocess
import sys
from pathlib import Path

from buildtools import package
from buildtools.shell import ROOT


def tool(*arguments: str, cwd: Path = ROOT) -> None:
    done = subprocess.run([sys.executable, "-m", *arguments], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(arguments[:2])}\n{done.stdout}{done.stderr}"


def test_ruff_finds_nothing() -> None:
    tool("ruff", "check", "--output-format", "concise", ".")


def test_mypy_is_content_with_engine_training_and_build() -> None:
    tool("mypy")


def test_mypy_is_content_with_the_extensions_modules_that_never_touch_blender(tmp_path: Path) -> None:
    # On the staged tree, where `from .engine import client` holds; bpy publishes no types to check against.
    stage = package.stage(tmp_path / "pifuhd_blender")
    files = [
        path for path in stage.glob("*.py") if "bpy" not in imported(path) and path.name != "__init__.py"
    ]
    assert files, "the extension keeps no module free of bpy"
    tool(
        "mypy",
        "--config-file",
        str(ROOT / "pyproject.toml"),
        "--follow-imports",
        "silent",
        *(str(path.relative_to(tmp_path)) for path in files),
        cwd=tmp_path,
    )


def imported(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    return {
        alias.name.split(".")[0] for node in nodes if isinstance(node, ast.Import) for alias in node.names
    }
