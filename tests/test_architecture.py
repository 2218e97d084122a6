"""The house's boundaries, read from the source: who imports what, lengths, what __init__ holds."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("engine", "pifuhd_blender", "training", "buildtools", "tests", "benchmarks")
SOURCES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py")) + [ROOT / "build.py"]

BLENDER = {
    "bpy", "bpy_extras", "bmesh", "mathutils", "gpu", "gpu_extras", "blf", "addon_utils", "bl_ext", "bl_ui",
}  # fmt: skip
ENGINES = {"torch", "skimage", "cv2", "scipy", "trimesh", "fast_simplification", "safetensors"}
# modules of engine/ that Blender imports too
LINK = {
    "protocol", "payload", "client", "process", "logs", "spawn", "findings", "errors", "sentences", "version",
}  # fmt: skip
REGISTRY = "engine.weights.registry."  # the names of weights, which Blender's side shows too
MOST_LINES = 400


def names(paths: list[Path]) -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in paths]


def of(room: str) -> list[Path]:
    found = [path for path in SOURCES if path.is_relative_to(ROOT / room)]
    assert found, f"no module found in {room}"
    return found


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(level, dotted name) of every import in `path`, wherever it stands; level 0 is absolute."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield 0, alias.name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:  # `from . import x` names the module x
                yield node.level, f"{node.module}.{alias.name}" if node.module else alias.name


def absolute(path: Path) -> set[str]:
    """Top names of the absolute imports of `path`."""
    return {name.split(".")[0] for level, name in imports(path) if level == 0}


def test_the_reader_below_sees_every_form_of_import(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    lines = [
        "import torch.nn as n",
        "def f():",
        "    from bpy.types import Mesh",
        "from . import a",
        "from .b import c",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    assert sorted(imports(path)) == [(0, "bpy.types.Mesh"), (0, "torch.nn"), (1, "a"), (1, "b.c")]
    assert absolute(path) == {"torch", "bpy"}


@pytest.mark.parametrize(
    "room, forbidden",
    [
        ("engine", BLENDER | {"training", "pifuhd_blender", "buildtools", "tests"}),
        ("pifuhd_blender", ENGINES | {"training", "engine", "buildtools", "tests"}),
        ("training", BLENDER | {"pifuhd_blender", "buildtools"}),
    ],
)
def test_a_room_never_imports_what_belongs_to_another(room: str, forbidden: set[str]) -> None:
    wrong = {name: absolute(path) & forbidden for name, path in zip(names(of(room)), of(room))}
    assert not {name: sorted(found) for name, found in wrong.items() if found}


def test_the_engine_imports_itself_relatively_only() -> None:
    wrong = [name for name, path in zip(names(of("engine")), of("engine")) if "engine" in absolute(path)]
    assert wrong == [], "inside Blender the package is not called engine"


@pytest.mark.parametrize("module", sorted(LINK))
def test_the_link_needs_only_the_standard_library_and_numpy(module: str) -> None:
    path = ROOT / "engine" / f"{module}.py"
    assert absolute(path) <= sys.stdlib_module_names | {"numpy"}
    for level, name in imports(path):
        if level:
            assert level == 1, f"the link must not reach out of engine/: {name}"
            assert name.split(".")[0] in LINK, f"{module} imports {name}, which is not part of the link"


@pytest.mark.parametrize("module", ["__init__", "presets", "registry"])
def test_what_knows_the_names_of_weights_needs_only_the_standard_library(module: str) -> None:
    path = ROOT / "engine" / "weights" / f"{module}.py"
    assert absolute(path) <= sys.stdlib_module_names
    inner = {(level, name.split(".")[0]) for level, name in imports(path) if level}
    assert inner <= {(1, "presets"), (1, "registry"), (1, "files"), (2, "errors"), (2, "sentences")}


def test_the_extension_needs_only_blender_numpy_and_the_standard_library() -> None:
    allowed = sys.stdlib_module_names | BLENDER | {"numpy"}
    paths = of("pifuhd_blender")
    wrong = {name: absolute(path) - allowed for name, path in zip(names(paths), paths)}
    assert not {name: sorted(found) for name, found in wrong.items() if found}


def test_the_extension_imports_only_the_link_of_the_engine() -> None:
    wrong = []
    for path in of("pifuhd_blender"):
        for level, name in imports(path):
            parts = name.split(".")
            shared = name.startswith(REGISTRY) or (len(parts) > 1 and parts[1] in LINK)
            if level and parts[0] == "engine" and not shared:
                wrong.append(f"{path.name}: {name}")
    assert wrong == []


def test_the_build_needs_only_the_standard_library_outside_blender() -> None:
    # run by Blender, which brings bpy and numpy
    inside = {"blender_demo.py", "blender_guide.py", "contact_sheet.py", "window.py"}
    allowed = sys.stdlib_module_names | {"buildtools"}
    for path in [*of("buildtools"), ROOT / "build.py"]:
        extra = BLENDER | {"numpy"} if path.name in inside else set()
        assert absolute(path) <= allowed | extra, path.name
    for path in [*of("buildtools"), ROOT / "build.py"]:
        if path.name not in inside:
            imported = {name.split(".")[-1] + ".py" for _, name in imports(path)}
            assert not imported & inside


def test_no_module_is_longer_than_a_reader_can_hold() -> None:
    lengths = {
        name: len(path.read_text(encoding="utf-8").splitlines())
        for name, path in zip(names(SOURCES), SOURCES)
    }
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


def handed_on_only(node: ast.stmt) -> bool:
    """Whether `node` is a docstring, an import (for type checkers or all), __all__, or a lazy __getattr__."""
    if isinstance(node, ast.If):
        return ast.unparse(node.test) == "TYPE_CHECKING" and all(map(handed_on_only, node.body + node.orelse))
    if isinstance(node, ast.FunctionDef):
        return node.name == "__getattr__"
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.Assign):
        return [ast.unparse(target) for target in node.targets] == ["__all__"]
    return isinstance(node, (ast.Import, ast.ImportFrom))


def test_init_files_only_hand_names_on() -> None:
    wrong = []
    for path in SOURCES:
        if path.name == "__init__.py" and path != ROOT / "pifuhd_blender" / "__init__.py":
            body = ast.parse(path.read_text(encoding="utf-8")).body
            wrong += [f"{path.relative_to(ROOT)}:{node.lineno}" for node in body if not handed_on_only(node)]
    assert wrong == []


def test_the_extension_init_only_registers() -> None:
    body = ast.parse((ROOT / "pifuhd_blender" / "__init__.py").read_text(encoding="utf-8")).body
    functions = [node.name for node in body if isinstance(node, ast.FunctionDef)]
    assert functions == ["register", "unregister"]
    assert not [node for node in body if isinstance(node, ast.ClassDef)]


def test_the_engine_init_is_empty() -> None:
    assert (ROOT / "engine" / "__init__.py").read_text(encoding="utf-8").strip() == "", (
        "importing the link must pull nothing else"
    )
