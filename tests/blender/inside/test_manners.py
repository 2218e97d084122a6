# SPDX-License-Identifier: GPL-3.0-or-later
"""Beside Blender and other extensions: importing does nothing, and every name is ours alone."""

import importlib
import re
import sys
from pathlib import Path

import addon_utils
import bpy
import pytest

WORK = (
    "open",
    "os.",
    "subprocess.",
    "socket.",
    "tempfile.",
    "shutil.",
    "urllib.",
    "_thread.start_new_thread",
)
READING = {"os.listdir", "os.scandir"}  # how Python finds the modules
SOURCES = (".py", ".pyc", "blender_manifest.toml")  # the last is where the version is written

_heard = None  # events while it is a list; an audit hook cannot be removed


def _hear(event, arguments):
    if _heard is None:
        return
    reads_sources = event == "open" and str(arguments[0]).endswith(SOURCES)
    if event.startswith(WORK) and event not in READING and not reads_sources:
        _heard.append(f"{event} {arguments}")


@pytest.fixture
def imported_anew(ext):
    """Drops the extension's modules, and puts them back."""
    kept = {name: module for name, module in sys.modules.items() if name.startswith(ext.package)}
    for name in kept:
        del sys.modules[name]
    yield sorted(kept)
    for name in [name for name in sys.modules if name.startswith(ext.package)]:
        del sys.modules[name]
    sys.modules.update(kept)


def test_importing_starts_and_writes_and_registers_nothing(imported_anew, monkeypatch):
    global _heard
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    types, handlers = set(dir(bpy.types)), list(bpy.app.handlers.load_pre)
    sys.addaudithook(_hear)
    _heard = []
    try:
        for name in imported_anew:
            importlib.import_module(name)
    finally:
        heard, _heard = _heard, None
    assert heard == []
    assert set(dir(bpy.types)) == types
    assert list(bpy.app.handlers.load_pre) == handlers


def names():
    """Everything that Blender knows by name and where an extension could come in the way of another."""
    found = {f"type {name}": getattr(bpy.types, name) for name in dir(bpy.types)}
    for module in dir(bpy.ops):
        found |= {f"operator {module}.{name}": "" for name in dir(getattr(bpy.ops, module))}
    for owner in (bpy.types.Scene, bpy.types.Object, bpy.types.Image, bpy.types.WindowManager):
        found |= {f"property {owner.__name__}.{name}": "" for name in dir(owner)}
    return found


def test_every_name_is_ours_and_none_is_blenders(ext):
    addon_utils.disable(ext.package)
    try:
        without = names()
    finally:
        addon_utils.enable(ext.package)
    present = names()
    added = {name for name in present if name not in without}
    ours = re.compile(
        r"(type PIFUHD_(OT|PT|PG|AP)_\w+|operator pifuhd\.[a-z_]+|property Scene\.pifuhd)"
        # Blender 4.2 names an operator's properties so
        r"|type (PIFUHD|pifuhd)_\w+"
    )
    assert [name for name in sorted(added) if not ours.fullmatch(name)] == []
    assert [name for name in without if present[name] != without[name]] == []


def test_no_label_of_an_operator_or_a_tab_is_blenders(ext):
    labels = {}
    for module in dir(bpy.ops):
        for name in dir(getattr(bpy.ops, module)):
            label = getattr(getattr(bpy.ops, module), name).get_rna_type().name
            labels.setdefault(label, set()).add(module)
    assert {label: found for label, found in labels.items() if "pifuhd" in found and len(found) > 1} == {}
    ours = [label for label, found in labels.items() if found == {"pifuhd"}]
    assert len(ours) == len(dir(bpy.ops.pifuhd)), "two of ours share a label"
    tabs = {
        kind.bl_category
        for kind in bpy.types.Panel.__subclasses__()
        if not kind.__module__.startswith(ext.package) and getattr(kind, "bl_category", "")
    }
    assert "PIFuHD" not in tabs


def test_every_icon_is_blenders_own(ext):
    known = set(bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items.keys())
    named = set()
    for path in Path(ext.jobs.__file__).parent.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        named |= set(re.findall(r"icon='(\w+)'", text))
        assert "bpy.utils.previews" not in text, "icons of its own could clash"
    assert len(named) > 5
    assert named <= known
