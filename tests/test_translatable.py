# SPDX-License-Identifier: GPL-3.0-or-later
"""No text that a user of Blender is shown is put together where no translation can be looked up.

Read from the source. A text is a literal, or a Sentence of a literal pattern; what comes in as a value is
free. Lines for a console (engine/cli, prints, logs) are English.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = [
    path
    for room in ("engine", "pifuhd_blender")
    for path in sorted((ROOT / room).rglob("*.py"))
    if "cli" not in path.parts and path.name != "sentences.py"
]
SHOWN = {
    "EngineError", "Status", "Notice", "Finding", "Sentence", "check", "listed", "words", "draw_text",
    "report", "poll_message_set", "_unasked", "_refuse", "_misunderstood", "_not_started", "_draw_fact",
}  # fmt: skip
"""Calls whose arguments are shown."""
MAKERS = {"Sentence", "_refuse"}
"""Of these the values of the pattern, which are named, are not texts."""
ATTRIBUTES = {"label", "remark"}
"""What tasks and jobs show."""


def called(node: ast.AST) -> str:
    """The name of what a call calls, without what it belongs to."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def composed(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a text that are put together."""
    joins = isinstance(node, ast.Call) and called(node) in ("format", "join")
    adds = isinstance(node, ast.BinOp) and (
        isinstance(node.op, ast.Add)
        or (isinstance(node.op, ast.Mod) and isinstance(getattr(node.left, "value", None), str))
    )
    if isinstance(node, ast.JoinedStr) or joins or adds:
        yield node
    elif called(node) in MAKERS | {"words"}:
        for argument in node.args:  # type: ignore[attr-defined]
            yield from composed(argument)
    elif not isinstance(node, ast.Call):
        for child in ast.iter_child_nodes(node):
            yield from composed(child)


def assigned(scope: ast.AST) -> dict[str, list[ast.expr]]:
    """The values that the names of a function get in it."""
    found: dict[str, list[ast.expr]] = {}
    for node in ast.walk(scope):
        if isinstance(node, (ast.Assign, ast.AugAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, []).append(node.value)
    return found


def shown(scope: ast.AST) -> Iterator[ast.expr]:
    """Every expression of a function that ends before the user's eyes."""
    for node in ast.walk(scope):
        if called(node) in SHOWN:
            assert isinstance(node, ast.Call)
            yield from node.args
            if called(node) not in MAKERS | {"words"}:
                yield from (keyword.value for keyword in node.keywords)
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "attr", "") in ATTRIBUTES:
            yield node.value
        elif isinstance(node, ast.Call) and called(node) == "append" and "warnings" in ast.unparse(node.func):
            yield from node.args


def faults(source: str) -> list[str]:
    """The texts in a module that cannot be translated."""
    found = []
    for scope in ast.walk(ast.parse(source)):
        if not isinstance(scope, ast.FunctionDef):
            continue
        values = assigned(scope)
        for text in shown(scope):
            names = [node.id for node in ast.walk(text) if isinstance(node, ast.Name)]
            local = [value for name in names for value in values.get(name, [])]
            direct = [text, *(local if isinstance(text, (ast.Name, ast.IfExp, ast.BoolOp)) else [])]
            found += [ast.unparse(part) for one in direct for part in composed(one)]
    return sorted(set(found))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_text_that_is_shown_can_be_translated(path: Path) -> None:
    assert faults(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "line",
    [
        'raise EngineError("io", f"{file} is gone.", "Look.")',
        'raise EngineError("io", "Gone.", hint="Look at " + file)',
        'text = f"{file} is gone."\n    raise EngineError("io", text, "Look.")',
        'text = "Gone" if late else "%s is gone." % file\n    return Finding("disk", "ok", text)',
        'self.report({"ERROR"}, "{} is gone.".format(file))',
        'cls.poll_message_set(words(f"{file} is gone."))',
        'self.label = f"Reading {file}"',
        'warnings.append(f"{file} is gone.")',
        'return Notice(Sentence(f"{file} is gone."), "", failed=True)',
    ],
)
def test_a_text_that_is_put_together_is_found(line: str) -> None:
    assert len(faults(f"def f(self, file, late):\n    {line}\n")) == 1


def test_patterns_are_literals_with_exactly_their_values() -> None:
    # so that the ValueError of a Sentence is never met by a user
    wrong, count = [], 0
    for path in SOURCES:
        for scope in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(scope, ast.FunctionDef):
                continue
            values = assigned(scope)
            for node in ast.walk(scope):
                if called(node) not in MAKERS or not node.keywords or node.keywords[0].arg is None:  # type: ignore[attr-defined]
                    continue
                assert isinstance(node, ast.Call)
                pattern = node.args[0]
                if isinstance(pattern, ast.Name):
                    pattern = values[pattern.id][0]
                fields = re.findall(r"\{(\w+)\}", str(getattr(pattern, "value", "")))
                count += 1
                if sorted(fields) != sorted(str(keyword.arg) for keyword in node.keywords):
                    wrong.append(f"{path.name}: {ast.unparse(node)}")
    assert wrong == []
    assert count > 150
